// SPDX-License-Identifier: Apache-2.0
package import Report

/// The FAT filesystem with the label `CIDATA` that cloud-init takes its seed from (NoCloud), in a part of a disk.
package struct SeedFAT {
  package static let label = "CIDATA"

  /// Which of the parts.
  package let part: Int
  /// Those in it, whose ranges count from the start of the part.
  package let files: [FAT.File]
  private let fat: FAT

  /// As many names as a seed of anybody has.
  private static let mostNames = 1000

  /// Takes the first part that has one which can be read; nil where none has.
  ///
  /// - Parameters:
  ///   - parts: where on the disk they are.
  ///   - name: that of a part, for a message.
  ///   - read: gives the bytes of a range of the disk.
  package init?(among parts: [ByteRange], name: (Int) -> String, read: @escaping FAT.Reading) {
    for (part, range) in parts.enumerated() {
      guard
        let fat = try? FAT(
          name(part), length: range.length,
          read: { piece throws(Failure) in
            try read(ByteRange(offset: range.offset + piece.offset, length: min(piece.length, range.length)))
          }), let content = try? fat.content(most: Self.mostNames),
        (content.label ?? fat.label).uppercased() == Self.label
      else { continue }
      (self.part, self.fat, files) = (part, fat, content.files)
      return
    }
    return nil
  }

  /// The one of that name in its root folder; nil where it lacks it.
  package func file(_ name: String) -> FAT.File? { files.first { $0.path == ByteString("/\(name)") } }

  /// - Throws: `.guest` where the filesystem is damaged.
  package func bytes(of file: FAT.File) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    while UInt64(bytes.count) < file.size {
      let piece = try fat.piece(of: file, from: UInt64(bytes.count))
      guard !piece.isEmpty else { break }
      bytes += piece
    }
    return bytes
  }
}
