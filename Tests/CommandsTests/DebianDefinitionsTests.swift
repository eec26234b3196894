// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension EndToEnd {
  /// By the definitions of ganeti-os-noop and ganeti-instance-debootstrap, as Debian packages them.
  @Suite("Debian's own definitions, on this host", .enabled(if: isRoot, "needs root"))
  struct DebianDefinitions {
    /// Runs lines of bash in a scratch folder with the two definitions in `os`, and in mounts of their own: debootstrap
    /// has a configuration and a cache of the tests', which outlives them.
    private func run(_ lines: String, in scratch: Scratch) throws -> Outcome {
      try bash(
        #"""
        cd '\#(scratch.path)' || exit
        mkdir -p os '\#(sharedCache)-debootstrap'
        ln -sfn /usr/share/ganeti/os/noop /usr/share/ganeti/os/debootstrap os
        source=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed -n 1p)
        printf '%s\n' "MIRROR=$source" SUITE=bookworm PARTITION_STYLE=none GENERATE_CACHE=yes >default
        export cache='\#(sharedCache)-debootstrap' guestsmith='\#(program)'
        exec unshare --mount --propagation private bash -euo pipefail -c '
          mount --bind default /etc/default/ganeti-instance-debootstrap
          mount --bind "$cache" /var/cache/ganeti-instance-debootstrap
          here="--state state --search-path os --log-dir log --quiet"
          '"$(cat <<'END'
        \#(lines)
        END
        )"
        """#)
    }

    @Test("are listed, and valid") func listedValid() throws {
      try withScratch { scratch in
        let list = try run(#""$guestsmith" os list --search-path os"#, in: scratch)
        #expect(list.output == "Name\ndebootstrap+default\nnoop\n", "\(list)")
        let diagnosis = try run(#""$guestsmith" os diagnose --search-path os"#, in: scratch)
        #expect(diagnosis.status == 0, "\(diagnosis)")
        #expect(diagnosis.output.contains("OS: debootstrap [global status: valid]"))
        #expect(diagnosis.output.contains("OS: noop [global status: valid]"))
      }
    }

    @Test("noop moves the bytes of a disk from instance to instance") func noopMovesBytes() throws {
      try withScratch { scratch in
        let outcome = try run(
          #"""
          "$guestsmith" instance create vm1 -o noop --disk 0:size=16M $here
          openssl rand 16777216 | dd of=state/instances/vm1/disk0 conv=notrunc status=none
          "$guestsmith" instance rename vm1 vm2 $here
          "$guestsmith" backup export vm2 $here
          "$guestsmith" backup import vm3 --src-instance vm2 $here
          cmp state/instances/vm2/disk0 state/instances/vm3/disk0
          """#, in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
      }
    }

    @Test("debootstrap installs, renames, exports and imports a Debian") func debootstrapInstallsRenames() throws {
      try withScratch { scratch in
        let outcome = try run(
          #"""
          "$guestsmith" instance create vm1.example.com -o debootstrap+default --disk 0:size=2G $here
          "$guestsmith" instance rename vm1.example.com vm2.example.com $here
          "$guestsmith" backup export vm2.example.com $here
          "$guestsmith" backup import vm3.example.com --src-instance vm2.example.com $here
          for name in vm2 vm3; do
            disk=state/instances/$name.example.com/disk0
            e2fsck -fn $disk >&2
            debugfs -R "cat /etc/hostname" $disk
            debugfs -R "cat /var/lib/dpkg/status" $disk | grep -c "^Status: install ok installed"
          done
          """#, in: scratch)
        #expect(outcome.status == 0, "\(outcome)")
        let lines = outcome.output.split(separator: "\n")
        try #require(lines.count == 4, "\(outcome)")
        #expect(lines[0] == "vm2.example.com" && lines[2] == "vm3.example.com")
        #expect(lines[1] == lines[3] && (Int(lines[1]) ?? 0) > 100, "\(lines)")
      }
    }

    @Test(
      "are not accepted by the judge, which says why",
      arguments: [
        ("noop", "import.last-byte-missing"), ("debootstrap", "hostile.rename"),
      ])
    func notAcceptedJudge(_ os: String, _ check: String) throws {
      try withScratch { scratch in
        let outcome = try run(#""$guestsmith" os check \#(os) --search-path os --api 10 --quiet"#, in: scratch)
        #expect(outcome.status == Failure.Code.script.rawValue, "\(outcome)")
        #expect(outcome.output.contains("\n\(check) (api 10): "), "\(outcome)")
        #expect(outcome.output.contains("\(os): not accepted"))
      }
    }
  }
}
