// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Report

@Suite("A disk")
struct DiskTests {
  private func failure(_ body: () throws -> Void) -> Failure? {
    do {
      try body()
      return nil
    } catch {
      return error as? Failure
    }
  }

  @Test("A file is a disk of its size")
  func file() throws {
    try withScratch { scratch in
      let disk = try Disk(makeSparseFile(scratch("disk"), size: 12_345_678), for: .writing)
      #expect(disk.size == 12_345_678)
      #expect(!disk.isBlockDevice)
    }
  }

  @Test("What is missing, empty, a folder or a pipe is refused by name")
  func unusable() throws {
    try withScratch { scratch in
      try scratch.write("", to: "empty")
      try scratch.folder("folder")
      try shell("mkfifo '\(scratch("pipe"))'")
      for (name, words) in [
        ("missing", "does not exist"), ("empty", "has no bytes"), ("folder", "is a directory"),
        ("pipe", "is neither a block device nor a file"),
      ] {
        let failure = failure { _ = try Disk(scratch(name), for: .writing) }
        #expect(failure?.code == .device)
        #expect(failure?.message.contains(scratch(name)) == true)
        #expect(failure?.message.contains(words) == true)
      }
    }
  }

  @Test("Who writes excludes all others, who reads excludes who writes, and the holder is named")
  func locks() throws {
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 1 << 20)
      do {
        let writer = try Disk(path, for: .writing)
        let refused = failure { _ = try Disk(path, for: .reading) }
        #expect(refused?.code == .busy)
        #expect(refused?.message.contains("process \(getpid()) (") == true)
        #expect(writer.size == 1 << 20)
      }
      let reader = try Disk(path, for: .reading)
      let other = try Disk(path, for: .reading)
      #expect(failure { _ = try Disk(path, for: .writing) }?.code == .busy)
      #expect(reader.size == other.size)
    }
  }

  @Test("One disk is the same by a link, a hard link and a loop device", .enabled(if: isRoot))
  func same() throws {
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 1 << 20)
      let other = try makeSparseFile(scratch("other"), size: 1 << 20)
      try shell("cd '\(scratch.path)' && ln -s disk link && ln disk hard")
      #expect(Disk.areSame(path, scratch("link")))
      #expect(Disk.areSame(scratch("hard"), scratch("link")))
      #expect(!Disk.areSame(path, other))
      #expect(!Disk.areSame(scratch("missing"), scratch("missing")))
      try withLoopDevice(path) { device in
        #expect(Disk.areSame(device, path))
        #expect(!Disk.areSame(device, other))
      }
    }
  }

  @Test("A mounted device, a swap and the file of a loop device are in use", .enabled(if: isRoot))
  func used() throws {
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 64 << 20)
      try withLoopDevice(path) { device in
        #expect(failure { _ = try Disk(path, for: .writing) }?.message.contains("loop device \(device)") == true)
        try shell("mkfs.ext4 -q \(device)")
        try withMounted(device, options: "rw") { place in
          for use in [Disk.Use.writing, .reading] {
            let refused = failure { _ = try Disk(device, for: use) }
            #expect(refused?.code == .busy)
            #expect(refused?.message.contains(place) == true)
          }
        }
        #expect(try Disk(device, for: .writing).size == 64 << 20)
        try shell("mkswap -q \(device) && swapon \(device)")
        defer { _ = try? shell("swapoff \(device)") }
        let refused = failure { _ = try Disk(device, for: .writing) }
        #expect(refused?.code == .busy)
        #expect(refused?.message.contains("swap") == true)
      }
    }
  }

  @Test("A read-only device is refused for writing and read all the same", .enabled(if: isRoot))
  func readOnly() throws {
    try withScratch { scratch in
      try withLoopDevice(try makeSparseFile(scratch("disk"), size: 1 << 20)) { device in
        try shell("blockdev --setro \(device)")
        // The kernel keeps it for whoever gets this loop device next.
        defer { _ = try? shell("blockdev --setrw \(device)") }
        #expect(failure { _ = try Disk(device, for: .writing) }?.code == .device)
        #expect(try Disk(device, for: .reading).size == 1 << 20)
      }
    }
  }

  @Test("While another program may claim the device, no other guestsmith gets it", .enabled(if: isRoot))
  func withoutClaim() throws {
    try withScratch { scratch in
      try withLoopDevice(try makeSparseFile(scratch("disk"), size: 8 << 20)) { device in
        let disk = try Disk(device, for: .writing)
        #expect(throws: (any Error).self) { try shell("mkfs.ext4 -q \(device)") }
        try disk.withoutClaim { () throws(Failure) in
          do {
            try shell("mkfs.ext4 -q \(device)")
          } catch {
            throw error as? Failure ?? Failure(.io, "\(error)")
          }
        }
        #expect(failure { _ = try Disk(device, for: .reading) }?.code == .busy)
      }
    }
  }

  @Test("What is wiped by writing is counted piece by piece", .enabled(if: isRoot))
  func progress() throws {
    try withScratch { scratch in
      // Its files can neither have holes nor be zeroed at once.
      try shell("mount -t ramfs none '\(scratch.path)'")
      defer { _ = try? shell("umount --lazy '\(scratch.path)'") }
      let path = scratch("disk")
      try shell("head -c 160M /dev/zero | tr '\\0' x > '\(path)'")
      let text = Mutex("")
      let steps = Steps(
        .plain, write: { more in text.withLock { $0 += more } }, now: { ContinuousClock.now })
      let done = try steps.step("wipe") { try Disk(path, for: .writing).wipe(.zero, progress: $0) }
      #expect(done == .zero)
      #expect(text.withLock { $0.hasSuffix("wipe: 160 MiB\n") })
      #expect(try bash("cmp -n \(160 << 20) '\(path)' /dev/zero").status == 0)
    }
  }

  @Test(
    "Wiping leaves no signature in any way, and zeros where it says so", .enabled(if: isRoot),
    arguments: [Wipe.discard, .zero, .none], ["file", "full", "device", "sectors"])
  func wipes(wanted: Wipe, kind: String) throws {
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 96 << 20)
      try shell("openssl rand \(96 << 20) > '\(path)'")
      try shell("mkfs.btrfs -fqK '\(path)' || mkfs.ext4 -qF -E nodiscard '\(path)'")
      try shell("printf 'label: gpt\\nsize=10M\\n' | sfdisk -q --wipe never '\(path)'")
      // The second header of LUKS2, which is found where there is no first one, and the RAID that is the farthest from the end.
      try shell("printf 'SKUL\\272\\276\\0\\2' | dd of='\(path)' bs=4M seek=1 conv=notrunc status=none")
      try shell(
        "printf '\\0\\0\\0\\0\\0\\100\\0\\0' | dd of='\(path)' bs=1 seek=$((4194304 + 256)) conv=notrunc status=none")
      try shell(
        "printf 'Promise Technology, Inc.' | dd of='\(path)' bs=512 seek=$((96 * 2048 - 3087)) conv=notrunc status=none"
      )
      if kind == "file" { try shell("fallocate --punch-hole -o 50M -l 1M '\(path)'") }
      let wipe = { (disk: Disk) in
        let done = try Steps(.quiet).step("wipe") { try disk.wipe(wanted, progress: $0) }
        // To forget is as good as zeros, and faster.
        #expect(done == (wanted == .none ? .none : .discard))
      }
      if kind == "device" || kind == "sectors" {
        try withLoopDevice(path, sectorSize: kind == "sectors" ? 4096 : 512) { try wipe(try Disk($0, for: .writing)) }
      } else {
        try wipe(try Disk(path, for: .writing))
      }
      #expect(try shell("wipefs '\(path)'") == "")
      let isZero = try bash("cmp -n \(96 << 20) '\(path)' /dev/zero").status == 0
      #expect(isZero == (wanted != .none))
      if kind == "full" { #expect(try allocated(path) >= 95 << 20) }
    }
  }
}
