// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

extension EndToEnd {
  @Suite("Dumps that import refuses, leaving nothing that mounts")
  struct DamagedDumps {
    /// Imports what `damage`, a line of shell, makes of the dump at its standard input, onto disks that hold a guest.
    private func expectRefusal(_ damage: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        try shell("gunzip < '\(guest.dump)' | (\(damage)) | gzip -1 > '\(scratch("damaged.gz"))'")
        let definition = try InstalledDefinition(in: scratch)
        let outcome = try definition.import("vm2.example.com", guest.disk, guest.swap, from: scratch("damaged.gz"))
        #expect(outcome.status == Failure.Code.dump.rawValue, "\(outcome)", sourceLocation: sourceLocation)
        #expect(!isMountable(guest.disk), sourceLocation: sourceLocation)
      }
    }

    @Test("A dump cut short", arguments: ["head -c 0", "head -c 1", "head -c 4096", "head -c -1", "head -c 50000000"])
    func short(cut: String) throws {
      try expectRefusal(cut)
    }

    @Test("A dump with one bit flipped near its start, in its middle, at its end", arguments: [0, 20, 500, 999, 1000])
    func flipped(perMille: Int) throws {
      let size = try #require(Int(try shell("gunzip < '\(template().dump)' | wc -c")))
      let offset = min(size - 1, size / 1000 * perMille)
      try expectRefusal(
        #"perl -e 'local $/ = \65536; while (<STDIN>) { my $at = \#(offset) - $n; if ($at >= 0 && $at < length) "#
          + #"{ substr($_, $at, 1) ^= "\x01" } $n += length; print }'"#)
    }

    @Test("Something that is not a dump")
    func foreign() throws {
      try expectRefusal("cat >/dev/null; head -c 100000 /dev/urandom")
    }

    @Test("A dump with more behind its end")
    func longer() throws {
      try expectRefusal("cat; echo more")
    }

    @Test("A failed export, whose status 1.2.6 loses, leaves a stream that import refuses")
    func failedExport() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        try succeeded(definition.export("vm1.example.com", scratch("no-such-disk"), to: scratch("dump.gz")))
        let outcome = try definition.import("vm2.example.com", guest.disk, guest.swap, from: scratch("dump.gz"))
        #expect(outcome.status == Failure.Code.dump.rawValue, "\(outcome)")
      }
    }
  }
}
