// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension Dumps {
  @Suite("Extracting to a folder of another user") struct ExtractionRaces {
    @Test(
      "changes nothing of root's, however the names in it change meanwhile", .enabled(if: isRoot, "needs root"))
    func planted() throws {
      try withBench(size: 12 << 20) { bench in
        try shell("mke2fs -q -F -t ext4 -b 1024 -N 4096 '\(bench.guest)'")
        _ = try withMounted(bench.guest, options: "rw") { root in
          try shell(
            "cd '\(root)'; mkdir -p etc; echo root:x:0:0:root:/:/bin/sh >etc/passwd"
              + "; mkfifo $(seq -f p%g 2000); chmod 7777 p*")
        }
        try bench.export()
        let (theirs, mine) = (try bench.scratch.folder("theirs"), bench.scratch("mine"))
        try shell(
          "echo secret >'\(mine)'; chmod 600 '\(mine)'; chown nobody '\(theirs)'; chmod 755 '\(bench.scratch.path)'")
        // A pipe of ours becomes a link to the file as soon as its name is seen.
        let racer =
          #"chdir shift; while (1) { for (1 .. 2000) { -p "p$_" and unlink "p$_" and symlink $ARGV[0], "p$_" } }"#
        let outcome = try bash(
          """
          setpriv --reuid nobody --regid nogroup --clear-groups \
            perl -e '\(racer)' '\(theirs)' '\(mine)' &
          for i in 1 2 3 4 5; do
            '\(program)' dump extract -q --preserve '\(bench.dump)' / --to '\(theirs)'; find '\(theirs)' -mindepth 1 -delete
          done
          kill $!
          """)
        #expect(try shell("stat -c '%a %U' '\(mine)'") == "600 root", "\(outcome)")
      }
    }
  }
}
