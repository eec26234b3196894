// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

extension Dumps {
  @Suite("A small dump, by the commands themselves")
  struct EveryDamage {
    /// Each copy is judged where the readers are fuzzed for a minute or more; else some of them, spread over all.
    private let step = fuzzSeconds < 10 ? 16 : fuzzSeconds < 60 ? 5 : 1

    /// Runs `damage`, a line of shell that writes the damaged copy number `$i` of the dump to `$copy`, for each number,
    /// and has `verify` and `import` judge every copy. Two at once, each with files of its own.
    private func accepted(_ numbers: String, _ damage: String) throws -> String {
      try withScratch { scratch in
        let small = try makeSparseFile(scratch("small.img"), size: 1 << 20)
        try shell("mkdir -p '\(scratch("tree/etc"))' && mke2fs -q -t ext2 -d '\(scratch("tree"))' '\(small)'")
        let definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
        let outcome = try bash(
          #"""
          cd '\#(scratch.path)'
          '\#(definition.folder)/export' -i vm1 -b small.img >dump 2>export.log
          swap=$PWD/swap.img
          truncate -s 4M $swap
          size=$(stat -c %s dump)
          judge() {
            local verify import
            '\#(program)' dump verify "$1" >verify.log.$2 2>&1; verify=$?
            cp small.img disk.$2
            '\#(definition.folder)/import' -i vm2 -b "$PWD/disk.$2" -s $swap.$2 <"$1" >import.log.$2 2>&1; import=$?
            echo "$verify $import $(blkid -p -o value -s TYPE disk.$2)"
          }
          worker() {
            local copy=copy.$1 i result
            cp $swap $swap.$1
            for ((i = $1 * step; i < count; i += 2 * step)); do
              \#(damage)
              result=$(judge $copy $1)
              [ "$result" = "7 7 " ] || echo "$i of $count: $result"
            done
          }
          cp $swap $swap.0
          whole=$(judge dump 0)
          [ "$whole" = "0 0 ext2" ] || echo "the whole dump: $whole: $(cat export.log import.log.0)"
          count=\#(numbers) step=\#(step)
          worker 0 & worker 1 & wait
          """#)
        return outcome.output + outcome.errors
      }
    }

    @Test("is refused when it is cut at any byte") func refusedWhenCut() throws {
      #expect(try accepted("$size", "head -c $i dump >$copy") == "")
    }

    @Test("is refused with any one of a thousand bits flipped") func refusedAnyOne() throws {
      // The positions are spread over the whole by a step that has no divisor in common with a power of two.
      let flip =
        #"bit=$((i * 7919 % (size * 8))); perl -0777 -e 'local $_ = <STDIN>; substr($_, $ARGV[0] >> 3, 1) ^= chr(1 << ($ARGV[0] & 7)); print' $bit <dump >$copy"#
      #expect(try accepted("1000", flip) == "")
    }
  }
}
