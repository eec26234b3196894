// SPDX-License-Identifier: Apache-2.0
import Filesystems
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// FAT filesystems, changed where the reader believes them.
@Suite("FAT that was made to hurt") struct FATFuzzTests {
  @Test("It is refused, or its files lie in it, each byte in one of them", arguments: [12, 16, 32])
  func files(width: Int) throws {
    let base = try Self.image(width)
    let extent = Extent(cases: 400)
    var sound = 0
    try extent.each { index, noise in
      var changes: [(place: Int, bytes: [UInt8])] = []
      for _ in 0..<noise.one(of: [1, 1, 2, 3]) {
        if noise.chance(30) {
          let (place, size) = noise.one(of: Self.fields)
          var bytes = [UInt8](repeating: 0, count: size)
          bytes.put(noise.value(), at: 0, size)
          changes.append((place, bytes))
        } else {
          // The first sector, the table of clusters, directories.
          changes.append((noise.number(0...base.used - 1), noise.bytes(1)))
        }
      }
      let length = UInt64(base.bytes.count)
      let read: FAT.Reading = { range throws(Failure) in
        guard range.end <= length else { throw Failure(.io, "reads outside") }
        var bytes = Array(base.bytes[Int(range.offset)..<Int(range.end)])
        for (place, value) in changes {
          for (index, byte) in value.enumerated() where bytes.indices.contains(place + index - Int(range.offset)) {
            bytes[place + index - Int(range.offset)] = byte
          }
        }
        return bytes
      }
      guard let fat = try? FAT("image", length: length, read: read) else { return }
      func check(_ holds: Bool, _ fault: String) throws {
        if !holds { try record(fault, "fat", seed: extent.seed, index: index, input: Array("\(changes)".utf8)) }
      }
      do {
        let files = try fat.content(most: 1000).files
        let ranges = files.flatMap(\.ranges).sorted { $0.offset < $1.offset }
        try check(ranges.allSatisfy { $0.end <= length }, "lies outside")
        try check(zip(ranges, ranges.dropFirst()).allSatisfy { $0.end <= $1.offset }, "overlaps")
        for file in files { _ = try fat.piece(of: file, from: 0) }
        sound += 1
      } catch let failure as Failure {
        try check(failure.code == .guest, failure.message)
      }
    }
    #expect(sound > 20, "some are sound")
  }

  private static let fields = [
    (11, 2), (13, 1), (14, 2), (16, 1), (17, 2), (19, 2), (22, 2), (32, 4), (36, 4), (44, 4), (510, 2),
  ]

  /// One, and how much of it is in use.
  private static func image(_ width: Int) throws -> (bytes: [UInt8], used: Int) {
    let size = [12: 256 << 10, 16: 4 << 20][width] ?? 34 << 20
    var image: [UInt8] = []
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("fat"), size: UInt64(size))
      try scratch.write("search.fs_uuid\n", to: "tree/EFI/debian/grub.cfg")
      try scratch.write([UInt8](repeating: 1, count: 9000), to: "tree/EFI/BOOT/a long name.efi")
      try shell(
        """
        mkfs.fat -F \(width) -s 1 -f 1 '\(path)' >&2
        MTOOLS_SKIP_CHECK=1 mcopy -s -i '\(path)' '\(scratch("tree"))'/* ::
        """)
      image = try Descriptor(path, O_RDONLY).bytes(at: 0, count: size)
    }
    return (image, (image.lastIndex { $0 != 0 } ?? 0) + 1)
  }
}
