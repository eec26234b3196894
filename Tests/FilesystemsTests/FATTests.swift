// SPDX-License-Identifier: Apache-2.0
import Filesystems
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@Suite("FAT")
struct FATTests {
  private static func open(_ image: String) throws -> FAT {
    let bytes = try Descriptor(image, O_RDONLY).bytes(at: 0, count: 512)
    #expect(bytes.count == 512)
    return try FAT("image", length: Descriptor(image, O_RDONLY).length()) { range throws(Failure) in
      try Descriptor(image, O_RDONLY).bytes(at: range.offset, count: Int(range.length))
    }
  }

  private static func content(of file: FAT.File, in fat: FAT) throws -> [UInt8] {
    var content: [UInt8] = []
    while true {
      let piece = try fat.piece(of: file, from: UInt64(content.count))
      if piece.isEmpty { return content }
      content += piece
    }
  }

  @Test(
    "All files are found and read, with long names and in pieces, as mtools wrote them",
    arguments: [
      ("-F 12", 4), ("-F 16", 32), ("-F 32", 40), ("-F 32 -s 1", 80), ("-F 16 -S 4096", 64), ("-F 12 -s 8", 8),
    ])
  func files(_ options: String, _ mebibytes: UInt64) throws {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("fat"), size: mebibytes << 20)
      var expected: [String: [UInt8]] = [
        "/EFI/BOOT/BOOTX64.EFI": Array("shim".utf8), "/EFI/debian/grub.cfg": Array("search.fs_uuid\n".utf8),
        "/loader/entries/a long name of an entry.conf": Array("options\n".utf8), "/EMPTY": [],
        "/a caf\u{e9} of that name.txt": Array("x".utf8),
      ]
      for index in 0..<300 { expected["/many/file\(index)"] = Array("\(index)".utf8) }
      expected["/pieces"] = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 251) }
      for (path, bytes) in expected { try scratch.write(bytes, to: "tree\(path)") }
      try shell(
        """
        export MTOOLS_SKIP_CHECK=1 LC_ALL=C.UTF-8
        mkfs.fat -n LABEL -i 1a2b3c4d \(options) '\(image)' >&2
        for round in 1 2 3 4 5; do
          head -c 60000 /dev/zero | mcopy -D o -i '\(image)' - ::hole$round
        done
        mdel -i '\(image)' ::hole2 ::hole4
        mcopy -i '\(image)' '\(scratch("tree/pieces"))' ::
        mcopy -D s -s -Q -i '\(image)' '\(scratch("tree"))'/* ::
        mdel -i '\(image)' ::hole1 ::hole3 ::hole5
        """)
      #expect(try bash("fsck.fat -n '\(image)'").status == 0)
      let fat = try Self.open(image)
      #expect(fat.serial == "1A2B-3C4D")
      let (label, files) = try fat.content(most: 1000)
      #expect(label == "LABEL")
      #expect(files.map(\.path.description).sorted() == expected.keys.map { ByteString($0).description }.sorted())
      for file in files {
        #expect(try Self.content(of: file, in: fat) == expected[file.path.text ?? ""], "\(file.path)")
        #expect(file.size == expected[file.path.text ?? ""].map { UInt64($0.count) })
      }
      // With FAT32 mtools goes on where it was.
      if !options.contains("32") { #expect(files.contains { $0.ranges.count > 1 }, "one is in pieces") }
      let failure = #expect(throws: Failure.self) { try fat.content(most: 100) }
      #expect(failure?.message.contains("more than 100 names") == true)
    }
  }

  @Test("Bytes that are written over where a file is said to lie are its own") func ranges() throws {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("fat"), size: 32 << 20)
      try scratch.write("set uuid\n", to: "grub.cfg")
      try shell("mkfs.fat '\(image)' >&2; mcopy -i '\(image)' '\(scratch("grub.cfg"))' ::")
      let file = try #require(try Self.open(image).content(most: 10).files.first)
      try Descriptor(image, O_RDWR).writeAll(Array("set UUID\n".utf8), at: file.ranges[0].offset)
      #expect(try shell("mtype -i '\(image)' ::grub.cfg") == "set UUID")
      #expect(try bash("fsck.fat -n '\(image)'").status == 0)
    }
  }

  @Test("A chain that leads back, or into another file, is told, and does not go on without an end") func loops() throws
  {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("fat"), size: 32 << 20)
      try scratch.write([UInt8](repeating: 1, count: 100_000), to: "file")
      try shell("mkfs.fat -F 16 -s 1 -f 1 '\(image)' >&2; mcopy -i '\(image)' '\(scratch("file"))' ::")
      #expect(try Self.open(image).content(most: 10).files.count == 1)
      // The table begins behind the reserved sectors; the third cluster of the file leads to its first.
      let reserved = try Descriptor(image, O_RDONLY).bytes(at: 14, count: 2)
      let table = UInt64(reserved[0]) * 512
      try Descriptor(image, O_RDWR).writeAll([2, 0], at: table + 8)
      let failure = #expect(throws: Failure.self) { try Self.open(image).content(most: 10) }
      #expect(failure?.code == .guest && failure?.message.contains("leads to cluster 2") == true, "\(failure as Any)")
      // Out of the filesystem.
      try Descriptor(image, O_RDWR).writeAll([0xF0, 0xFF], at: table + 8)
      #expect(throws: Failure.self) { try Self.open(image).content(most: 10) }
    }
  }

  @Test("What is not FAT is refused", arguments: ["", "truncate -s 1M", "mke2fs -q -F", "mkswap"]) func other(
    _ maker: String
  )
    throws
  {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("image"), size: 1 << 20)
      if !maker.isEmpty { try shell("\(maker) '\(image)' >&2") }
      let failure = #expect(throws: Failure.self) { try Self.open(image) }
      #expect(failure?.code == .guest)
    }
  }
}
