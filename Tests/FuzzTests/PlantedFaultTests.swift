// SPDX-License-Identifier: Apache-2.0
import Ext4
import Glibc
import LinuxIO
import Report
import Storage
import TestSupport
import Testing

/// What goes wrong between an edit and its end: the disk loses what was written to it, or guestsmith has a fault.
@Suite("A fault that gets into a filesystem while it is changed") struct PlantedFaultTests {
  enum Fault: String, CaseIterable {
    case links, size, block, mode, name, freeInode, descriptor
  }

  private static let form = ExtFuzzTests.forms[0]

  /// Plants a fault into what was changed, with right checksums.
  private func plant(_ fault: Fault, _ image: inout ExtImage, file: Int, folder: Int) {
    let inode = image.inode(file)
    let entry = image.blocks(folder)[0] * image.blockSize + 24
    switch fault {
    case .links: image.put(UInt64(image.number(inode + 26, 2) + 1), at: inode + 26, 2)
    case .size: image.put(1 << 20, at: inode + 28, 4)
    // The first extent begins with a block of the folder's.
    case .block: image.put(UInt64(image.blocks(folder)[0]), at: inode + 40 + 12 + 8, 4)
    case .mode: image.put(0x3000, at: inode, 2)
    case .name: image.put(0x2F, at: entry + 8, 1)
    case .freeInode: image.put(500, at: entry, 4)
    case .descriptor: image.put(UInt64(image.number(image.descriptor(0) + 16, 2) + 1), at: image.descriptor(0) + 16, 2)
    }
    image.mendInode(file)
    image.mendDirectory(folder, at: image.blocks(folder)[0] * image.blockSize)
  }

  /// Changes a guest, lets `body` do what it likes with the disk before the end, and returns what the end says.
  private func change(
    _ disk: String, base: [UInt8], isShared: Bool, _ body: (inout ExtImage, Int, Int) -> Void
  ) throws -> String? {
    let file = try Descriptor(disk, O_RDWR)
    let filesystem = try Filesystem(opening: Region(of: Descriptor(disk, O_RDWR)), writable: true, isShared: isShared)
    try filesystem.beginChanging()
    if !isShared { #expect(!isMountable(disk), "nothing mounts while it is changed") }
    try filesystem.write("/etc/hostname", Array("new\n".utf8))
    try filesystem.write("/etc/added", Array("added\n".utf8))
    let (number, folder) = (try #require(try filesystem.find("/etc/added")), try #require(try filesystem.find("/etc")))
    let before = try readFile(disk)
    // The disk has no superblock now, and the numbers in it stay.
    var image = ExtImage(Array(before[..<1024] + base[1024..<2048] + before[2048...]))
    body(&image, Int(number), Int(folder))
    for start in stride(from: 2048, to: before.count, by: 1024) {
      let range = start..<start + 1024
      guard image.bytes[range] != before[range] else { continue }
      try image.bytes[range].withUnsafeBytes { try file.writeAll($0, at: UInt64(start)) }
    }
    do throws(Failure) {
      try filesystem.commit()
      return nil
    } catch {
      return error.message
    }
  }

  @Test("keeps the superblock away, as when the process is killed there", arguments: Fault.allCases)
  func planted(fault: Fault) throws {
    try withScratch { scratch in
      let base = try ExtFuzzTests.make(Self.form, in: scratch)
      for isShared in [false, true] {
        let disk = scratch("disk-\(isShared)")
        try scratch.write(base, to: "disk-\(isShared)")
        let said = try change(disk, base: base, isShared: isShared) { image, file, folder in
          plant(fault, &image, file: file, folder: folder)
        }
        // Group descriptors are written at the end, from memory.
        guard fault != .descriptor else {
          #expect(said == nil)
          #expect(try problems(of: disk) == nil)
          continue
        }
        #expect(said?.hasPrefix("what was written is not sound: ") == true, "\(said ?? "it is taken for sound")")
        if isShared {
          // It is a guest's, and was one before: e2fsck looks at it before it boots.
          #expect(try shell("dumpe2fs -h '\(disk)' 2>/dev/null | grep 'Filesystem state'").hasSuffix("not clean"))
        } else {
          #expect(!isMountable(disk))
        }
      }
    }
  }

  @Test("does not, where there is none") func sound() throws {
    try withScratch { scratch in
      for (index, form) in ExtFuzzTests.forms.enumerated() {
        let base = try ExtFuzzTests.make(form, in: scratch)
        for isShared in [false, true] {
          let disk = scratch("disk-\(index)-\(isShared)")
          try scratch.write(base, to: "disk-\(index)-\(isShared)")
          #expect(try change(disk, base: base, isShared: isShared) { _, _, _ in } == nil)
          #expect(try problems(of: disk) == nil)
        }
      }
    }
  }

  @Test("An import that is killed leaves nothing that mounts and has errors") func killed() throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      var tar = Tar.small
      tar.end()
      try scratch.write(tar.bytes, to: "tar")
      let begin = ContinuousClock.now
      #expect(try attack.restore(scratch("tar"), size: 128 << 20).fault == nil)
      let whole = begin.duration(to: .now)
      var mountable = 0
      for moment in 0..<20 {
        let disk = try makeSparseFile(scratch("killed"), size: 128 << 20)
        let input = try Descriptor(scratch("tar"), O_RDONLY)
        var command = Command(
          "\(attack.definition.folder)/import", ["-i", "new.example.com", "-b", disk, "-s", scratch("swap")])
        command.input = .descriptor(input.view)
        command.output = .null
        command.error = .null
        let child = try command.start()
        usleep(UInt32(Int(whole / .microseconds(1)) * moment / 20))
        kill(child.pid, SIGKILL)
        _ = try child.wait()
        if let problem = try problems(of: disk) {
          #expect(!isMountable(disk), "\(problem)")
        } else {
          mountable += 1
        }
      }
      #expect(mountable < 20)
    }
  }
}
