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
      Fault(script: "verify", lines: "exit 1", wanted: ["verify.accepts"], example: "tiny-20"),
    ])
  func line(_ fault: Fault) throws {
    try withScratch { scratch in
      let folder = try scratch.example(fault.example)
      try shell("cat >>'\(folder)/\(fault.script)' <<'END'\n\(fault.lines)\nEND")
      let version = fault.example == "tiny-20" ? 20 : 10
      let judged = try Judged(folder, "--disk-size 64M --api \(version)")
      #expect(judged.checks("fail").isSuperset(of: fault.wanted), "\(judged.failures)")
    }
  }

  @Test("A verify that lets everything pass is found")
  func verify() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-20")
      try scratch.write("#!/bin/sh\n", to: "os/tiny-20/verify", mode: 0o755)
      #expect(try Judged(folder, "--disk-size 64M --api 20").checks("fail") == ["verify.refuses"])
    }
  }

  @Test("An export that does not notice that nothing can be written is found")
  func writeError() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      try shell("sed -i 's/^dump_disk .*/& || true/' '\(folder)/export'")
      #expect(try Judged(folder, "--disk-size 64M").checks("fail") == ["export.write-error"])
    }
  }
}
