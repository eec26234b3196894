// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

extension Filesystem {
  /// Gives the filesystem another UUID, and a label where one is named. Its metadata checksums stay valid: from here on
  /// they are seeded by the superblock and no longer by the UUID.
  package borrowing func setIdentity(uuid: FilesystemUUID, label: String? = nil) {
    let superblock = fs.pointee.super
    if ext2fs_has_feature_metadata_csum(superblock) != 0 {
      if ext2fs_has_feature_csum_seed(superblock) == 0 {
        ext2fs_set_feature_csum_seed(superblock)
        superblock!.pointee.s_checksum_seed = fs.pointee.csum_seed
      } else if superblock!.pointee.s_checksum_seed == 0 {
        // A new filesystem: the seed is the checksum of its first UUID, as mke2fs has it.
        superblock!.pointee.s_checksum_seed = uuid.bytes.withUnsafeBufferPointer {
          ext2fs_crc32c_le(UInt32.max, $0.baseAddress, $0.count)
        }
      }
    }
    withUnsafeMutableBytes(of: &superblock!.pointee.s_uuid) { $0.copyBytes(from: uuid.bytes) }
    if let label {
      withUnsafeMutableBytes(of: &superblock!.pointee.s_volume_name) { name in
        name.initializeMemory(as: UInt8.self, repeating: 0)
        name.copyBytes(from: label.utf8.prefix(name.count))
      }
    }
    ext2fs_init_csum_seed(fs)
    // Descriptors of groups are seeded by the UUID where there is no other seed.
    for group in 0..<fs.pointee.group_desc_count { ext2fs_group_desc_csum_set(fs, group) }
    fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
  }

  /// Gives the filesystem a random seed for the hashes of its directories. Only where no directory is indexed yet, as
  /// in one that only `format` and libext2fs have written: an index holds hashes of the old seed.
  package borrowing func renewHashSeed() {
    withUnsafeMutableBytes(of: &fs.pointee.super.pointee.s_hash_seed) {
      $0.copyBytes(from: FilesystemUUID.random().bytes)
    }
    fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
  }
}
