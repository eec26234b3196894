// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("The judge tries the scripts of a definition", .enabled(if: isRoot, "needs root"))
struct BrokenTests {
  @Test(
    "A fault of a script is found, and nothing else",
    arguments: [
      ("broken-no-usage", ["usage.help", "usage.wrong-arguments"]),
      ("broken-ignores-errors", ["refuses.small-disk", "refuses.missing-disk", "refuses.read-only-disk"]),
      ("broken-create-leaves-loop-device", ["leaks.loop-devices"]),
      ("broken-leaves-mount", ["leaks.mounts"]),
      ("broken-leaves-process", ["leaks.processes"]),
      ("broken-leaves-temporary-file", ["leaks.temporary-files"]),
      ("broken-export-writes-disk", ["export.disk-unchanged"]),
      ("broken-export-prints-to-stdout", ["export.only-data"]),
      (
        "broken-import-accepts-anything",
        [
          "import.half-dump", "import.last-byte-missing", "import.garbage", "import.empty",
          "refuses.small-disk-at-import",
        ]
      ),
      ("broken-loses-names", ["import.names", "create.reinstall-names"]),
      ("broken-writes-other-disk", ["host.other-disks"]),
      ("broken-import-changes-uuid", ["import.boot-files"]),
      ("broken-import-adds-feature", ["import.features"]),
      ("broken-rename-changes-uuid", ["rename.nothing-else"]),
      ("broken-rename-follows-links", ["hostile.rename"]),
      ("broken-needs-home", ["create.succeeds", "create.environment"]),
      ("broken-needs-path", ["create.path"]),
      ("broken-same-identity", ["create.identities"]),
      ("broken-same-instance-id", ["create.identities"]),
      ("broken-same-lease", ["create.identities"]),
      ("broken-one-nic", ["create.network"]),
      ("broken-table-in-the-middle", ["create.table"]),
      ("broken-no-loader", ["create.boots-bios"]),
      ("broken-empty-efi", ["create.boots-uefi"]),
      ("broken-two-at-once", ["create.two-at-once"]),
      ("broken-closed-streams", ["create.closed-streams"]),
      ("broken-never-ends", ["create.succeeds"]),
      ("broken-fills-log", ["create.succeeds"]),
      ("broken-kills-parent", ["create.succeeds"]),
    ] as [(String, Set<String>)])
  func fault(_ name: String, _ wanted: Set<String>) throws {
    let limit = name == "broken-never-ends" ? 2 : 60
    try withScratch { scratch in
      let judged = try Judged(scratch.example(name), "--disk-size 32M --timeout \(limit)")
      #expect(judged.checks("fail") == wanted, "\(judged.failures)")
      #expect(judged.status == 10)
    }
  }

  @Test("A secret that is told to a log or to a child is found")
  func secret() throws {
    try withScratch { scratch in
      let judged = try Judged(scratch.example("broken-leaks-secret"), "--disk-size 32M --api 20")
      #expect(judged.checks("fail") == ["leaks.secrets"])
      #expect(judged.evidence("leaks.secrets").contains("is in the log of the script"))
    }
  }

  @Test(
    "The examples that are not broken are accepted",
    arguments: ["tiny-5", "tiny-10", "tiny-15", "tiny-20", "tiny-disk"])
  func accepted(_ name: String) throws {
    let judged = try Judged("\(examples)/\(name)", "--disk-size 32M")
    #expect(judged.checks("fail").isEmpty, "\(judged.failures)")
    #expect(judged.checks("pass").contains("create.network") == (name == "tiny-20"))
    #expect(judged.status == 0)
  }

  @Test(
    "What is accepted in one version is accepted when it is adapted to another",
    arguments: [("tiny-5", 20), ("tiny-5", 10), ("tiny-20", 5), ("tiny-10", 20)])
  func adapted(_ name: String, _ version: Int) throws {
    try withScratch { scratch in
      try shell("'\(program)' os adapt '\(examples)/\(name)' --to \(version) --into '\(scratch.path)'")
      let judged = try Judged(scratch(name), "--disk-size 32M --api \(version)")
      #expect(judged.checks("fail").isEmpty, "\(judged.failures)")
      #expect(judged.checks("pass").isSuperset(of: ["import.same-contents", "hostile.rename", "import.half-dump"]))
      #expect(judged.status == 0)
    }
  }

  @Test("A definition that does nothing is judged by the bytes that it keeps")
  func noop() throws {
    let judged = try Judged("\(examples)/noop", "--disk-size 32M --api 10")
    #expect(judged.checks("pass").isSuperset(of: ["create.succeeds", "import.same-contents", "export.disk-unchanged"]))
    #expect(judged.checks("not applicable").isSuperset(of: ["create.filesystem", "rename.name", "hostile.rename"]))
    // It cannot know what is a dump.
    #expect(
      judged.checks("fail") == ["import.half-dump", "import.last-byte-missing", "import.garbage", "import.empty"])
  }

  @Test("What a guest is told apart by may come from what the host tells of its instance")
  func toldIdentity() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      try shell(
        """
        cat >>'\(folder)/create' <<'END'
        tune2fs -U "$DISK_0_UUID" "$DISK_0_PATH" >/dev/null 2>&1
        printf '%s\\n' "$INSTANCE_UUID" "$NIC_0_MAC" >"$scratch/machine-id"
        printf 'cd /etc\\nwrite %s machine-id\\n' "$scratch/machine-id" |
          debugfs -w -f - "$DISK_0_PATH" >/dev/null 2>&1
        END
        """)
      let judged = try Judged(folder, "--disk-size 32M")
      #expect(judged.checks("fail").isEmpty, "\(judged.failures)")
      #expect(judged.evidence("create.identities").contains("compared: /etc/machine-id"), "\(judged.failures)")
    }
  }

  @Test(
    "A line that names other files configures no interface, and a pattern configures all",
    arguments: [
      ("source /etc/network/interfaces.d/*", "fail"), ("source-directory /etc/network/interfaces.d", "fail"),
      ("auto /e*", "pass"),
    ])
  func interfaces(_ line: String, _ outcome: String) throws {
    try withScratch { scratch in
      let folder = try scratch.example("broken-one-nic")
      try shell(
        "sed -i '/^done >/a echo \"\(line)\" >>\"$scratch/tree/etc/network/interfaces\"' '\(folder)/create'")
      let judged = try Judged(folder, "--disk-size 32M --api 20")
      #expect(judged.checks(outcome).contains("create.network"), "\(judged.failures)")
    }
  }

  @Test("An XFS in a partition is checked, and its damage found", arguments: [false, true])
  func partitionedXFS(isDamaged: Bool) throws {
    try withScratch { scratch in
      let folder = try scratch.example("noop")
      // The magic number of the second allocation group.
      let damage = isDamaged ? "printf xxxx | dd of=\"$part\" bs=1 seek=$((80 << 20)) conv=notrunc status=none" : ":"
      try scratch.write(
        """
        #!/bin/sh
        set -e
        part=$(mktemp)
        trap 'rm -f "$part"' EXIT
        echo 'start=2048, size=655360' | sfdisk --quiet --no-reread --no-tell-kernel --label dos "$DISK_0_PATH" >/dev/null 2>&1
        truncate -s 320M "$part"
        mkfs.xfs -q -f -d agcount=4 "$part" >/dev/null 2>&1
        \(damage)
        dd if="$part" of="$DISK_0_PATH" bs=1M seek=1 conv=notrunc,sparse status=none 2>/dev/null
        """, to: "os/noop/create", mode: 0o755)
      let judged = try Judged(folder, "--disk-size 384M --api 10")
      #expect(judged.checks(isDamaged ? "fail" : "pass").contains("create.filesystem"), "\(judged.failures)")
      #expect(judged.checks(isDamaged ? "fail" : "pass").contains("import.filesystem"), "\(judged.failures)")
    }
  }

  @Test("A parameter reaches create as it is meant, with a comma in its value and in whatever case its name is given")
  func parameter() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-20")
      try shell(#"echo '[ "$OSP_MOTD" = "one, two" ] || exit 3' >>'\#(folder)/create'"#)
      let judged = try Judged(folder, #"--disk-size 32M --api 20 -O 'MOTD=one\, two'"#)
      #expect(judged.checks("fail").isEmpty, "\(judged.failures)")
    }
  }
}
