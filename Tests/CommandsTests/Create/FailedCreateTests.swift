// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

extension EndToEnd {
  @Suite("A create that fails on disks that had another tenant")
  struct FailedCreates {
    private static let name = "vm9.example.com"

    /// Disks with the guest of another instance, its swap, and a filesystem with its data.
    private func recycled(in scratch: Scratch) throws -> [String] {
      let old = try guest(in: scratch)
      let data = try makeSparseFile(scratch("data"), size: 64 << 20)
      try shell("mke2fs -q -F -t ext4 -d /etc/apt '\(data)'")
      return [old.disk, old.swap, data]
    }

    private let parameters = ["OSP_DISK_1": "swap", "OSP_DISK_2": "data:/srv"]

    /// The command by which a create is called, on a machine whose mmdebstrap does what `script` says.
    private func command(
      _ definition: EnvironmentDefinition, _ disks: [String], more: [String: String] = [:],
      mmdebstrap script: String, in scratch: Scratch
    ) throws -> Command {
      let fake = try scratch.write("#!/bin/sh\n\(script)\n", to: "mmdebstrap", mode: 0o755)
      let instance = EnvironmentDefinition.instance(Self.name, disks: disks).merging(parameters) { $1 }
        .merging(more) { $1 }
      let create = definition.line("create", instance).replacing("env -i", with: "exec env -i")
      let line = try scratch.write("mount --bind '\(fake)' /usr/bin/mmdebstrap\n\(create)\n", to: "line")
      return Command("unshare", ["--mount", "bash", line])
    }

    private func found(on disks: [String]) throws -> [String] {
      try disks.map { try tag("TYPE", of: $0) ?? "nothing" }
    }

    @Test(
      "When the bootstrap fails nothing of the other tenant can be mounted, and of a guest installed anew all",
      .enabled(if: isRoot, "needs root"))
    func bootstrap() throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch, cache: scratch.folder("cold"))
        let disks = try recycled(in: scratch)
        let before = try disks.map { try digest(of: $0) }
        let again = try command(
          definition, disks, more: ["INSTANCE_REINSTALL": "1"], mmdebstrap: "exit 7", in: scratch
        ).run()
        #expect(again == .exited(Failure.Code.tool.rawValue))
        #expect(try disks.map { try digest(of: $0) } == before)
        let outcome = try command(definition, disks, mmdebstrap: "exit 7", in: scratch).run()
        #expect(outcome == .exited(Failure.Code.tool.rawValue))
        #expect(try found(on: disks) == ["nothing", "nothing", "nothing"])
        #expect(!isMountable(disks[0]) && !isMountable(disks[2]))
      }
    }

    @Test("The same where there is no room, or no cache can be made", .enabled(if: isRoot, "needs root"))
    func cache() throws {
      try withScratch { scratch in
        let file = try scratch.write("", to: "file")
        for (code, cache) in [(Failure.Code.space, try scratch.folder("cold")), (.io, file + "/cache")] {
          let definition = try InstalledDefinition(in: scratch)
          try scratch.write("cache = \"\(cache)\"\n", to: "os/guestsmith/guestsmith.toml")
          if code == .space { try shell("mount -t tmpfs -o size=20m,mode=755 none '\(cache)'") }
          defer { _ = try? shell("umount --lazy '\(cache)'") }
          let disks = try recycled(in: scratch)
          let outcome = try definition.create(Self.name, disks[0], disks[1])
          #expect(outcome.status == code.rawValue, "\(outcome)")
          #expect(try found(on: disks) == ["nothing", "nothing", "ext4"])
        }
      }
    }

    @Test(
      "Killed while the image is built, nothing of the other tenant can be mounted", .enabled(if: isRoot, "needs root"))
    func killed() throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch, cache: scratch.folder("cold"))
        let disks = try recycled(in: scratch)
        let script = "touch '\(scratch("runs"))'; sleep 100"
        let create = try command(definition, disks, mmdebstrap: script, in: scratch).start()
        #expect(eventually { access(scratch("runs"), F_OK) == 0 })
        kill(create.pid, SIGKILL)
        #expect(try create.wait() == .signalled(SIGKILL))
        #expect(try found(on: disks) == ["nothing", "nothing", "nothing"])
      }
    }

    @Test("What is refused before it begins leaves the disks as they were")
    func refused() throws {
      try withScratch { scratch in
        let disks = try recycled(in: scratch)
        let before = try disks.map { try traces(of: $0) }
        let instance = EnvironmentDefinition.instance(Self.name, disks: disks).merging(parameters) { $1 }
        let definition = try EnvironmentDefinition(in: scratch)
        for (changes, code) in [
          (["OSP_NO_SUCH": "x"], .invalid), (["INSTANCE_NAME": "vm_9"], .invalid), (["OSP_BLOCK_SIZE": "3"], .invalid),
          (["OSP_DISK_3": "swap"], .invalid), (["DISK_2_ACCESS": "ro"], .device),
          (["OSP_ADDRESS": "static", "NIC_0_IP": "", "NIC_0_NETWORK_SUBNET": ""], .invalid),
        ] as [([String: String], Failure.Code)] {
          let outcome = try definition.call("create", instance.merging(changes) { $1 })
          #expect(outcome.status == code.rawValue, "\(changes): \(outcome)")
          #expect(try disks.map { try traces(of: $0) } == before, "\(changes)")
        }
        // The image is there, so that its size is known.
        let small = try makeSparseFile(scratch("small"), size: 100 << 20)
        try shell("mke2fs -q -F -t ext4 '\(small)'")
        let outcome = try definition.call("create", instance.merging(["DISK_0_PATH": small]) { $1 })
        #expect(outcome.status == Failure.Code.device.rawValue, "\(outcome)")
        #expect(try found(on: [small] + disks) == ["ext4", "ext4", "swap", "ext4"])
      }
    }

    @Test("An import that is killed before its dump comes leaves nothing of the other tenant", arguments: [0, 1])
    func killedImport(index: Int) throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch)
        let disks = try recycled(in: scratch)
        let disk = index == 0 ? disks[0] : disks[2]
        let words = EnvironmentDefinition.instance(Self.name, disks: [disks[0], disks[2]])
          .merging(["IMPORT_INDEX": "\(index)", "IMPORT_DEVICE": disk, "IMPORT_DISK_PATH": disk]) { $1 }
        try shell("mkfifo '\(scratch("never"))'")
        let held = try Descriptor(scratch("never"), O_RDWR)
        let line =
          definition.line("import", words).replacing("env -i", with: "exec env -i") + " < '\(scratch("never"))'"
        let child = try Command("/bin/bash", ["-c", line]).start()
        #expect(try eventually { try tag("TYPE", of: disk) == nil })
        kill(child.pid, SIGKILL)
        #expect(try child.wait() == .signalled(SIGKILL))
        #expect(!isMountable(disk))
        try held.close()
      }
    }
  }
}
