// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

extension Filesystem {
  /// Gives the filesystem a new random UUID and returns it. All else stays as it is, its features too: where the UUID
  /// seeds checksums, as those of metadata or of values in inodes of their own (`ea_inode`), one is found that seeds them
  /// as the old one did.
  @discardableResult
  package borrowing func renewUUID() -> UUID {
    let superblock = fs.pointee.super
    // Attributes in inodes of their own have checksums even where other metadata have none.
    let isSeededByUUID =
      (ext2fs_has_feature_metadata_csum(superblock) != 0 || ext2fs_has_feature_ea_inode(superblock) != 0)
      && ext2fs_has_feature_csum_seed(superblock) == 0
    let uuid = isSeededByUUID ? UUID.random(seeding: fs.pointee.csum_seed) : .random()
    withUnsafeMutableBytes(of: &superblock!.pointee.s_uuid) { $0.copyBytes(from: uuid.bytes) }
    // Without checksums of all metadata those of the groups' descriptors are seeded by the UUID (uninit_bg).
    for group in 0..<fs.pointee.group_desc_count { ext2fs_group_desc_csum_set(fs, group) }
    fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
    return uuid
  }

  /// - Parameter label: of which 16 bytes are kept.
  package borrowing func setLabel(_ label: String) {
    withUnsafeMutableBytes(of: &fs.pointee.super.pointee.s_volume_name) { name in
      name.initializeMemory(as: UInt8.self, repeating: 0)
      name.copyBytes(from: label.utf8.prefix(name.count))
    }
    fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
  }

  /// Gives the filesystem a random seed for the hashes of its directories. Only where no directory is indexed yet, as
  /// in one that only `format` and libext2fs have written: an index holds hashes of the old seed.
  package borrowing func renewHashSeed() {
    withUnsafeMutableBytes(of: &fs.pointee.super.pointee.s_hash_seed) {
      $0.copyBytes(from: UUID.random().bytes)
    }
    fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
  }
}

extension UUID {
  /// What the checksums of metadata begin with where the superblock names no other seed: the CRC-32C of the UUID.
  var checksumSeed: UInt32 { Self.checksum(bytes) }

  /// A random one with this `checksumSeed`: its last four bytes follow from the others.
  static func random(seeding seed: UInt32) -> UUID {
    let head = Array(random().bytes.prefix(12))
    // Four bytes pass through the register as one word that is added to it: from the end back to before they did.
    var word = seed
    for _ in 0..<32 { word = word & 0x8000_0000 == 0 ? word << 1 : (word ^ 0x82F6_3B78) << 1 | 1 }
    word ^= checksum(head)
    return UUID(bytes: head + withUnsafeBytes(of: word.littleEndian) { Array($0) })
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBufferPointer { ext2fs_crc32c_le(UInt32.max, $0.baseAddress, $0.count) }
  }
}
