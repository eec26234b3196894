// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The header of an image of qemu (qemu, docs/interop/qcow2.txt).
struct Qcow2Header: Sendable {
  enum Packing {
    case deflate, zstd
  }

  /// Of the disk in the image, in bytes.
  let size: UInt64
  let clusterBits: Int
  /// The active table of the first level in the file, as far as the disk reaches.
  let table: ByteRange
  let packing: Packing
  /// An entry of a second-level table says which of 32 parts of its cluster are there.
  let hasSubclusters: Bool

  static let length = 112
  /// Of a first-level table, in bytes, as qemu has it.
  private static let longestTable: UInt64 = 32 << 20

  var clusterSize: UInt64 { 1 << UInt64(clusterBits) }
  var entryLength: Int { hasSubclusters ? 16 : 8 }
  var entriesPerTable: UInt64 { clusterSize / UInt64(entryLength) }
  /// Of the disk.
  var clusterCount: UInt64 { (size + clusterSize - 1) >> UInt64(clusterBits) }

  /// - Throws: `.dump` for one that is of another version, is encrypted or damaged, or has a part of its content elsewhere.
  init(_ header: [UInt8], of name: String) throws(Failure) {
    func number(_ offset: Int, _ width: Int) -> UInt64 {
      // Zero where the header does not reach so far.
      guard offset + width <= header.count else { return 0 }
      return header[offset..<offset + width].reduce(0) { $0 << 8 | UInt64($1) }
    }
    let version = number(4, 4)
    guard header.count >= 72, version == 2 || version == 3 else {
      throw Failure(.dump, "\(name) is a qcow image of version \(version); versions 2 and 3 are imported")
    }
    let features = version == 3 ? number(72, 8) : 0
    // An image whose content is in other files would have whatever file of the host it names read.
    guard number(8, 8) == 0, features & 4 == 0 else {
      throw Failure(
        .dump, "\(name) is a qcow2 image of which a part is in another file",
        remedy: "make it whole with qemu-img convert -O qcow2, where that file is")
    }
    guard number(32, 4) == 0 else {
      throw Failure(.dump, "\(name) is an encrypted qcow2 image", remedy: "decrypt it with qemu-img convert")
    }
    guard features & 2 == 0 else {
      throw Failure(
        .dump, "\(name) is a qcow2 image that is marked as corrupt", remedy: "repair it with qemu-img check -r all")
    }
    let packing: Packing? =
      switch features & 8 == 0 ? 0 : number(104, 1) {
      case 0: .deflate
      case 1: .zstd
      default: nil
      }
    guard features < 32, let packing else {
      throw Failure(
        .dump, "\(name) is a qcow2 image with features that are not known (0x\(String(features, radix: 16)))",
        remedy: "make a plain one with qemu-img convert -O qcow2")
    }
    self.packing = packing
    hasSubclusters = features & 16 != 0
    size = number(24, 8)
    guard size > 0 else { throw Failure(.dump, "\(name) is a qcow2 image of a disk of 0 bytes") }
    let bits = number(20, 4)
    guard (hasSubclusters ? 14 : 9)...21 ~= bits else {
      throw .damagedQcow2("its clusters have 2^\(bits) bytes")
    }
    clusterBits = Int(bits)
    let perEntry = UInt64(bits) + (bits - (hasSubclusters ? 4 : 3))
    let entries = (size - 1) >> perEntry + 1
    let start = number(40, 8)
    guard entries <= number(36, 4) else {
      throw .damagedQcow2("its tables do not reach to the end of its disk, which has \(size) bytes")
    }
    guard number(36, 4) * 8 <= Self.longestTable else {
      throw Failure(
        .dump,
        "the first table of the qcow2 image \(name) has \(Words.bytes(number(36, 4) * 8)), and at most "
          + "\(Words.bytes(Self.longestTable)) are read",
        remedy: "make one with larger clusters: qemu-img convert -O qcow2 -o cluster_size=64k")
    }
    guard start > 0, start < 1 << 56, start & (1 << bits - 1) == 0 else {
      throw .damagedQcow2("its first table is at byte \(start)")
    }
    table = ByteRange(offset: start, length: entries * 8)
  }
}

extension Failure {
  static func damagedQcow2(_ words: String) -> Failure {
    Failure(
      .dump, "the qcow2 image is damaged: \(words)", remedy: "see what qemu-img check finds, or take a whole copy of it"
    )
  }
}
