// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension EndToEnd {
  @Suite("Disks that are refused before a byte is written")
  struct Refusals {
    /// Expects `create` to end with `code`, and the files named to be what they were.
    private func expectRefusal(
      _ code: Failure.Code, in scratch: Scratch, disk: String, swap: String, unchanged: [String] = [],
      words: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let definition = try InstalledDefinition(in: scratch)
      let before = try unchanged.map { try traces(of: $0) }
      let outcome = try definition.create("vm1.example.com", disk, swap)
      #expect(outcome.status == code.rawValue, "\(outcome)", sourceLocation: sourceLocation)
      for word in words { #expect(outcome.output.contains(word), "\(outcome)", sourceLocation: sourceLocation) }
      #expect(try unchanged.map { try traces(of: $0) } == before, sourceLocation: sourceLocation)
    }

    private func withDisks(_ body: (Scratch, String, String) throws -> Void) throws {
      try withScratch { scratch in
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        try body(scratch, disk, swap)
      }
    }

    @Test("A disk that is not there")
    func missing() throws {
      try withDisks { scratch, disk, swap in
        try expectRefusal(.device, in: scratch, disk: scratch("none"), swap: swap, words: ["none"])
        try expectRefusal(.device, in: scratch, disk: disk, swap: scratch("none"), unchanged: [disk], words: ["none"])
      }
    }

    @Test("A folder, a character device and a pipe in the place of a disk")
    func notADisk() throws {
      try withDisks { scratch, disk, swap in
        try shell("mkfifo '\(scratch("pipe"))'")
        for path in [try scratch.folder("folder"), "/dev/null", scratch("pipe")] {
          try expectRefusal(.device, in: scratch, disk: path, swap: swap, unchanged: [swap], words: [path])
          try expectRefusal(.device, in: scratch, disk: disk, swap: path, unchanged: [disk], words: [path])
        }
      }
    }

    @Test("A disk that is too small, with the size needed and the size found")
    func tooSmall() throws {
      try withDisks { scratch, _, swap in
        let small = try makeSparseFile(scratch("small"), size: 100 << 20)
        try expectRefusal(
          .device, in: scratch, disk: small, swap: swap, unchanged: [small], words: ["100 MiB", "needs"])
      }
    }

    @Test(
      "One disk under two names: the same path, a symbolic link, a hard link, a loop device's link",
      .enabled(if: isRoot, "needs root"))
    func twice() throws {
      try withDisks { scratch, disk, _ in
        try shell("ln -s disk '\(scratch("symbolic"))' && ln '\(disk)' '\(scratch("hard"))'")
        for other in [disk, scratch("symbolic"), scratch("hard"), scratch("os/../disk")] {
          try expectRefusal(.device, in: scratch, disk: disk, swap: other, unchanged: [disk])
        }
        try withLoopDevice(disk) { device in
          try shell("ln -s \(device) '\(scratch("device"))'")
          try expectRefusal(.device, in: scratch, disk: device, swap: scratch("device"), unchanged: [disk])
        }
      }
    }

    @Test("A mounted disk", .enabled(if: isRoot, "needs root"))
    func mounted() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        try withLoopDevice(guest.disk) { device in
          try withMounted(device) { _ in
            try expectRefusal(.busy, in: scratch, disk: device, swap: guest.swap, unchanged: [guest.disk, guest.swap])
          }
        }
      }
    }

    @Test("A swap disk that is in use", .enabled(if: isRoot, "needs root"))
    func swapping() throws {
      try withDisks { scratch, disk, swap in
        try shell("mkswap -q '\(swap)'")
        try withLoopDevice(swap) { device in
          try shell("swapon \(device)")
          defer { _ = try? shell("swapoff \(device)") }
          try expectRefusal(.busy, in: scratch, disk: disk, swap: device, unchanged: [disk, swap])
        }
      }
    }

    @Test("A disk that another process has locked")
    func locked() throws {
      try withDisks { scratch, disk, swap in
        for held in [disk, swap] {
          try withLockedByAnother(held) {
            try expectRefusal(.busy, in: scratch, disk: disk, swap: swap, unchanged: [disk, swap])
          }
        }
      }
    }

    @Test("A cache without room", .enabled(if: isRoot, "needs root"))
    func noRoom() throws {
      try withDisks { scratch, disk, swap in
        let cache = try scratch.folder("cold")
        let definition = try InstalledDefinition(in: scratch, cache: cache)
        try shell("mount -t tmpfs -o size=20m,mode=755 none '\(cache)'")
        defer { _ = try? shell("umount --lazy '\(cache)'") }
        let outcome = try definition.create("vm1.example.com", disk, swap)
        #expect(outcome.status == Failure.Code.space.rawValue, "\(outcome)")
        #expect(try allocated(disk) == 0)
        #expect(try allocated(swap) == 0)
      }
    }

    @Test(
      "A bootstrap that fails, with its last words, and a mmdebstrap that is not there",
      .enabled(if: isRoot, "needs root"), arguments: [0o755, 0o644])
    func bootstrap(mode: UInt32) throws {
      try withDisks { scratch, disk, swap in
        let definition = try InstalledDefinition(in: scratch, cache: try scratch.folder("cold"))
        // What nobody may execute is as good as missing.
        let mmdebstrap = try scratch.write(
          "#!/bin/sh\necho 'E: the moon is full' >&2\nexit 7\n", to: "mmdebstrap", mode: mode)
        let outcome = try definition.script(
          "create", "-i vm1.example.com -b \(disk) -s \(swap)",
          by: "unshare --mount sh -c 'mount --bind \(mmdebstrap) /usr/bin/mmdebstrap && exec \"$@\"' sh")
        #expect(outcome.status == Failure.Code.tool.rawValue, "\(outcome)")
        #expect(outcome.errors.contains(mode == 0o755 ? "the moon is full" : "mmdebstrap"), "\(outcome)")
        #expect(try allocated(disk) == 0)
        #expect(try allocated(swap) == 0)
      }
    }
  }
}
