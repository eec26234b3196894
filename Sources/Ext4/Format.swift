// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Glibc
package import Report
package import Storage

/// How a filesystem is made.
package struct FilesystemOptions: Equatable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    case ext2, ext3, ext4
  }

  package var kind: Kind
  /// 1024, 2048 or 4096 bytes.
  package var blockSize: UInt32
  /// Bytes of disk for each inode.
  package var inodeRatio: UInt32
  /// The share of the blocks that only root may fill.
  package var reservedPercent: Double
  /// At most 16 bytes.
  package var label: String
  /// Features of ext4 that are left out, since what is to read the filesystem can't.
  package var omitted: Set<FilesystemFeature> = []

  package init(
    kind: Kind = .ext4, blockSize: UInt32 = 4096, inodeRatio: UInt32 = 16384, reservedPercent: Double = 5,
    label: String = ""
  ) {
    self.kind = kind
    self.blockSize = blockSize
    self.inodeRatio = inodeRatio
    self.reservedPercent = reservedPercent
    self.label = label
  }

  /// What of the options an image is made with: the journal, the label and the reserve come when it is deployed, so
  /// that one image serves all that differ in nothing else.
  package var ofImage: FilesystemOptions {
    var options = FilesystemOptions(
      kind: kind == .ext4 ? .ext4 : .ext2, blockSize: blockSize, inodeRatio: inodeRatio)
    options.omitted = kind == .ext4 ? omitted : []
    return options
  }

  /// Blocks behind the first group's superblock that stay free of tables and files, for the group descriptors of the
  /// largest disk that the filesystem can grow to: 32 TiB with blocks of 4 KiB, 256 GiB with blocks of 1 KiB (half of
  /// whose first group they are).
  var descriptorRoom: UInt32 { blockSize >= 4096 ? 4096 : blockSize * 2 }

  /// The largest disk in bytes that `Filesystem.grow` can make of it.
  package var largestSize: UInt64 {
    let descriptorSize: UInt64 = kind == .ext4 ? 64 : 32
    let groups = UInt64(descriptorRoom) * UInt64(blockSize) / descriptorSize
    let bytes = groups * groupSize
    // Without 64-bit block numbers there are 2^32 blocks.
    return kind == .ext4 ? bytes : min(bytes, (UInt64(1) << 32 - 1) * UInt64(blockSize))
  }

  /// The blocks that so many groups have for files while they are filled.
  ///
  /// - Parameter tables: the blocks of one group's inode table and bitmaps.
  package func capacity(ofGroups groups: UInt64, tables: UInt64) -> UInt64 {
    let perGroup = groupSize / UInt64(blockSize)
    // Superblocks are in groups 0, 1 and the powers of 3, 5 and 7.
    var copies: UInt64 = 1
    for base: UInt64 in [3, 5, 7] {
      var group = base
      while group < groups {
        copies += 1
        group *= base
      }
    }
    if groups > 1 { copies += 1 }
    let overhead = groups * tables + copies * UInt64(descriptorRoom + 1)
    return groups * perGroup > overhead ? groups * perGroup - overhead : 0
  }

  /// The bytes of one group of blocks: a bitmap of one block.
  package var groupSize: UInt64 { UInt64(blockSize) * 8 * UInt64(blockSize) }
}

extension Filesystem {
  /// Makes an empty filesystem: a root directory and lost+found; the journal and the room for growing online come with
  /// `grow`, when the disk that it is for is known. Its superblock is on the disk with `commit`.
  ///
  /// - Parameters:
  ///   - size: in bytes; whole groups of blocks are used.
  ///   - zeroed: the device reads as zeros; else the inode tables are cleared.
  package static func format(
    _ region: Region, size: UInt64, options: FilesystemOptions, zeroed: Bool = true
  ) throws(Failure) -> Filesystem {
    var withheld = Withheld()
    withheld.hold([UInt8](repeating: 0, count: Superblock.range.count), at: UInt64(Superblock.range.lowerBound))
    let device = FilesystemDevice(region, withheld: withheld)
    var parameters = ext2_super_block()
    parameters.s_rev_level = UInt32(EXT2_DYNAMIC_REV)
    parameters.s_log_block_size = UInt32(options.blockSize.trailingZeroBitCount - 10)
    parameters.s_log_cluster_size = parameters.s_log_block_size
    parameters.s_inode_size = 256
    parameters.s_max_mnt_count = -1
    parameters.s_errors = UInt16(EXT2_ERRORS_CONTINUE)
    parameters.s_default_mount_opts = UInt32(EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL)
    let blocks = size / UInt64(options.blockSize)
    ext2fs_blocks_count_set(&parameters, blocks)
    ext2fs_r_blocks_count_set(&parameters, UInt64(Double(blocks) * options.reservedPercent / 100))
    parameters.s_inodes_count = UInt32(clamping: size / UInt64(options.inodeRatio))
    for feature in options.features { feature.turnOn(in: &parameters) }

    var made: ext2_filsys?
    try device.check(
      ext2fs_initialize(device.managerName, EXT2_FLAG_64BITS, &parameters, cext2fs_device_manager(), &made),
      "lay out a filesystem")
    guard let fs = made else { throw Failure(.guest, "cannot lay out a filesystem on \(device.name)") }
    let filesystem = Filesystem(owning: fs, on: device)
    device.limitReading("its names and files take more reading than those of any guest of its size")
    fs.pointee.super.pointee.s_mkfs_time = UInt32(time(nil))
    filesystem.beginIdentity(label: options.label)
    fs.pointee.super.pointee.s_def_hash_version = UInt8(EXT2_HASH_HALF_MD4)
    filesystem.renewHashSeed()
    try filesystem.layOut(options, zeroed: zeroed)
    filesystem.beginWhole()
    return filesystem
  }

  /// The first UUID, from which the seed of the checksums is, as mke2fs has it.
  private borrowing func beginIdentity(label: String) {
    let (superblock, uuid) = (fs.pointee.super!, UUID.random())
    withUnsafeMutableBytes(of: &superblock.pointee.s_uuid) { $0.copyBytes(from: uuid.bytes) }
    if ext2fs_has_feature_metadata_csum(superblock) != 0 {
      superblock.pointee.s_checksum_type = UInt8(EXT2_CRC32C_CHKSUM)
    }
    if ext2fs_has_feature_csum_seed(superblock) != 0 { superblock.pointee.s_checksum_seed = uuid.checksumSeed }
    ext2fs_init_csum_seed(fs)
    setLabel(label)
  }

  private borrowing func layOut(_ options: FilesystemOptions, zeroed: Bool) throws(Failure) {
    // The room for descriptors is taken while the tables are placed and the files written, and free afterwards
    // (releaseDescriptorRoom): a group's first blocks then always suit the grown filesystem.
    markDescriptorRoom(options, taken: true)
    try device.check(ext2fs_allocate_tables(fs), "place the inode tables")
    for group in 0..<fs.pointee.group_desc_count {
      if !zeroed {
        let table = ext2fs_inode_table_loc(fs, group)
        try device.check(
          ext2fs_zero_blocks2(fs, table, Int32(fs.pointee.inode_blocks_per_group), nil, nil),
          "clear the inode table of group \(group)")
      }
      ext2fs_bg_flags_set(fs, group, UInt16(EXT2_BG_INODE_ZEROED))
      ext2fs_group_desc_csum_set(fs, group)
    }
    try device.check(ext2fs_mkdir(fs, ext2_ino_t(EXT2_ROOT_INO), ext2_ino_t(EXT2_ROOT_INO), nil), "make the root")
    fs.pointee.umask = 0o077
    try device.check(ext2fs_mkdir(fs, ext2_ino_t(EXT2_ROOT_INO), 0, "lost+found"), "make lost+found")
    fs.pointee.umask = 0o022
    guard let lostAndFound = try lookUp("lost+found", in: Self.root) else { return }
    // e2fsck can't make room in it on a full disk, so it has 16 KiB from the first.
    for _ in 1..<max(2, 16384 / Int(options.blockSize)) {
      try device.check(ext2fs_expand_dir(fs, lostAndFound), "enlarge lost+found")
    }
    for inode in ext2_ino_t(EXT2_ROOT_INO + 1)..<fs.pointee.super.pointee.s_first_ino {
      ext2fs_inode_alloc_stats2(fs, inode, +1, 0)
    }
    ext2fs_inode_alloc_stats2(fs, ext2_ino_t(EXT2_BAD_INO), +1, 0)
    try device.check(ext2fs_update_bb_inode(fs, nil), "make the inode of bad blocks")
  }

  /// Gives back what `format` kept for group descriptors, once all files are in place.
  package borrowing func releaseDescriptorRoom(_ options: FilesystemOptions) {
    markDescriptorRoom(options, taken: false)
  }

  private borrowing func markDescriptorRoom(_ options: FilesystemOptions, taken: Bool) {
    let used = UInt64(fs.pointee.desc_blocks)
    let room = UInt64(options.descriptorRoom)
    for group in 0..<fs.pointee.group_desc_count where ext2fs_bg_has_super(fs, group) != 0 {
      let first = ext2fs_group_first_block2(fs, group) + 1 + used
      if taken {
        ext2fs_mark_block_bitmap_range2(fs.pointee.block_map, first, UInt32(room - used))
      } else {
        ext2fs_unmark_block_bitmap_range2(fs.pointee.block_map, first, UInt32(room - used))
      }
    }
    fs.pointee.flags |= EXT2_FLAG_BB_DIRTY | EXT2_FLAG_CHANGED
  }
}
