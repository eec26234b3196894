// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("Each check can fail", .enabled(if: isRoot, "needs root"))
struct FaultTests {
  /// Lines that are put behind the last one of a script of a copy of an example, and what is then found.
  struct Fault: Sendable, CustomTestStringConvertible {
    let script: String
    let lines: String
    let wanted: Set<String>
    var example = "tiny-10"
    /// Whether the lines are put in front of all others.
    var isFirst = false
    var testDescription: String { "\(script): \(lines)" }
  }

  @Test(
    "What a line too many does to a script is found",
    arguments: [
      // A backup superblock is not what it should be.
      Fault(
        script: "create", lines: #"printf xxxx | dd of="$DISK_0_PATH" bs=1 seek=1160 conv=notrunc status=none"#,
        wanted: ["create.filesystem"]),
      Fault(script: "export", lines: "exit 3", wanted: ["export.succeeds"]),
      Fault(script: "rename", lines: "exit 3", wanted: ["rename.succeeds"]),
      Fault(script: "import", lines: "exit 3", wanted: ["import.succeeds"]),
      Fault(
        script: "import", lines: #"debugfs -w -R 'rm /etc/os-release' "$IMPORT_DEVICE" >&2"#,
        wanted: ["import.same-contents"]),
      // The dump comes back under the name of its guest.
      Fault(
        script: "import", lines: #"debugfs -w -R 'rm /etc/hostname' "$IMPORT_DEVICE" >&2"#,
        wanted: ["import.same-contents"]),
      Fault(
        script: "import", lines: #"debugfs -w -R 'sif /etc/hostname mode 0100600' "$IMPORT_DEVICE" >&2"#,
        wanted: ["import.same-contents"]),
      Fault(
        script: "rename", lines: #"set_hostname "$DISK_0_PATH" somebody-else"#, wanted: ["rename.name"]),
      Fault(
        script: "rename", lines: #"debugfs -w -R 'rm /etc/os-release' "$DISK_0_PATH" >&2"#,
        wanted: ["rename.nothing-else"]),
      Fault(script: "create", lines: "echo x >>/etc/hosts", wanted: ["host.unchanged"]),
      Fault(
        script: "create", lines: #"printf x >"${DISK_0_PATH%/*}/another-guest.img""#, wanted: ["host.other-disks"]),
      Fault(
        script: "import", lines: #"printf xxxx | dd of="$IMPORT_DEVICE" bs=1 seek=1160 conv=notrunc status=none"#,
        wanted: ["import.filesystem"]),
      Fault(
        script: "import",
        lines: #"debugfs -w -R "rm /judged/caf$(printf '\351%.0s' $(seq 252))" "$IMPORT_DEVICE" 2>/dev/null"#,
        wanted: ["import.names"]),
      // What was on the disk before, mounted; and what a dump had in it.
      Fault(
        script: "create", lines: mounted("$DISK_0_PATH"), wanted: ["hostile.create"], isFirst: true),
      Fault(script: "import", lines: mounted("$IMPORT_DEVICE"), wanted: ["hostile.import"]),
      Fault(
        script: "create", lines: #"echo "${OSP_PASSWORD_HASH-}" >>/var/log/tiny.log"#, wanted: ["leaks.secrets"],
        example: "tiny-20"),
      // Behind the first MiB, and over its end.
      Fault(
        script: "create",
        lines: #"{ head -c 1048570 /dev/zero | tr '\0' x; echo "${OSP_PASSWORD_HASH-}"; } >/var/log/tiny.log"#,
        wanted: ["leaks.secrets"], example: "tiny-20"),
      Fault(
        script: "create", lines: #"head -c 2M /dev/zero | tr '\0' '\n' >&2; echo "${OSP_PASSWORD_HASH-}" >&2"#,
        wanted: ["leaks.secrets"], example: "tiny-20"),
      Fault(script: "verify", lines: "exit 1", wanted: ["verify.accepts"], example: "tiny-20"),
    ])
  func line(_ fault: Fault) throws {
    try withScratch { scratch in
      let folder = try scratch.example(fault.example)
      let script = try scratch.read("os/\(fault.example)/\(fault.script)")
      let text = fault.isFirst ? "#!/bin/sh\n\(fault.lines)\n\(script)" : "\(script)\(fault.lines)\n"
      try scratch.write(text, to: "os/\(fault.example)/\(fault.script)", mode: 0o755)
      let version = fault.example == "tiny-20" ? 20 : 10
      let judged = try Judged(folder, "--disk-size 32M --api \(version)")
      #expect(judged.checks("fail").isSuperset(of: fault.wanted), "\(judged.failures)")
    }
  }

  /// Lines that mount a disk, and write to a file that may be a link.
  private static func mounted(_ disk: String) -> String {
    """
    place=$(mktemp -d)
    if mount -o loop "\(disk)" "$place" 2>/dev/null; then echo x >>"$place/etc/fstab"; umount "$place"; fi
    rmdir "$place"
    """
  }

  @Test("A script that does not stop talking when it is asked for its usage is ended")
  func flood() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-5")
      try shell("sed -i '1a [ \"$*\" != -h ] || exec yes usage' '\(folder)/create'")
      let judged = try Judged(folder, "--disk-size 32M --api 5")
      #expect(judged.checks("fail") == ["usage.help"], "\(judged.failures)")
      #expect(judged.evidence("usage.help").contains("create -h: create wrote more than 64 MiB"))
    }
  }

  @Test("A restored guest may lack what it makes anew")
  func madeAnew() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      try shell(
        """
        sed -i 's|^make_filesystem|echo x >"$scratch/tree/etc/machine-id"; &|' '\(folder)/create'
        echo 'debugfs -w -R "rm /etc/machine-id" "$IMPORT_DEVICE" >&2' >>'\(folder)/import'
        """)
      let judged = try Judged(folder, "--disk-size 32M --api 10")
      #expect(judged.checks("pass").contains("import.same-contents"), "\(judged.failures)")
      #expect(judged.evidence("import.same-contents").contains("may differ: etc/machine-id: is missing"))
    }
  }

  @Test("A variant that is none is found")
  func variants() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-15")
      try shell("printf '# more\\n' >>'\(folder)/variants.list'")
      #expect(try Judged(folder, "--static").checks("fail") == ["static.variants"])
    }
  }

  @Test("A file in the place of a definition is found")
  func folder() throws {
    try withScratch { scratch in
      let file = try scratch.write("", to: "file")
      #expect(try Judged(file).checks("fail").contains("static.folder"))
    }
  }

  @Test("A verify that lets everything pass is found")
  func verify() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-20")
      try scratch.write("#!/bin/sh\n", to: "os/tiny-20/verify", mode: 0o755)
      #expect(try Judged(folder, "--disk-size 32M --api 20").checks("fail") == ["verify.refuses"])
    }
  }

  @Test("An export that does not notice that nothing can be written is found")
  func writeError() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      try shell("sed -i 's/^dump_disk .*/& || true/' '\(folder)/export'")
      #expect(try Judged(folder, "--disk-size 32M").checks("fail") == ["export.write-error"])
    }
  }
}
