// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

/// An ext2, ext3 or ext4 filesystem, opened by libext2fs without being mounted.
///
/// What is changed reaches the disk with `commit()`; a filesystem that is dropped without it has had blocks written, but
/// neither its superblock nor its group descriptors and bitmaps.
package struct Filesystem: ~Copyable {
  let fs: ext2_filsys
  package let device: FilesystemDevice

  init(owning fs: ext2_filsys, on device: FilesystemDevice) {
    self.fs = fs
    self.device = device
  }

  /// Opens the filesystem on `device`.
  package init(opening device: FilesystemDevice, writable: Bool) throws(Failure) {
    _ = try Geometry(examining: device.superblock(), room: device.device.pointee.size, of: device.name)
    device.limitReading()
    var opened: ext2_filsys?
    let flags = EXT2_FLAG_64BITS | (writable ? EXT2_FLAG_RW : 0)
    try device.check(
      ext2fs_open2(device.managerName, nil, flags, 0, 0, gs_device_manager(), &opened), "open the filesystem")
    guard let opened else { throw Failure(.guest, "cannot open the filesystem on \(device.name)") }
    do throws(Failure) {
      try Self.examineGroups(of: opened, on: device)
    } catch {
      ext2fs_free(opened)
      throw error
    }
    self.init(owning: opened, on: device)
    // Bitmaps as trees of runs: as arrays they would take 640 MiB for a disk of 16 TiB.
    fs.pointee.default_bitmap_type = UInt16(EXT2FS_BMAP64_RBTREE)
    // Backup superblocks and descriptors are to follow every change: a rescue by one of them must find this guest.
    fs.pointee.flags &= ~EXT2_FLAG_MASTER_SB_ONLY
  }

  deinit {
    ext2fs_free(fs)
  }

  /// Writes everything that was changed, the primary superblock last, and waits until it is on the disk.
  package borrowing func commit() throws(Failure) {
    try device.check(ext2fs_flush(fs), "write the filesystem")
    let error = gs_device_commit(device.device)
    if error != 0 { throw device.failure(errcode_t(error), "write the superblock") }
  }

  /// Says on the disk that the filesystem is being changed, until `commit`: should the work be cut short, e2fsck checks
  /// it before the guest boots from it.
  package borrowing func beginChanging() throws(Failure) {
    fs.pointee.super.pointee.s_state &= ~UInt16(EXT2_VALID_FS)
    fs.pointee.flags |= EXT2_FLAG_SUPER_ONLY | EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
    try device.check(ext2fs_flush(fs), "begin to change the filesystem")
    let error = gs_device_commit(device.device)
    if error != 0 { throw device.failure(errcode_t(error), "begin to change the filesystem") }
    fs.pointee.flags &= ~EXT2_FLAG_SUPER_ONLY
    fs.pointee.super.pointee.s_state |= UInt16(EXT2_VALID_FS)
    fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
  }

  /// Reads the block and inode bitmaps, which every change and `writtenExtents` need.
  borrowing func needBitmaps() throws(Failure) {
    if fs.pointee.block_map == nil || fs.pointee.inode_map == nil {
      try device.check(ext2fs_read_bitmaps(fs), "read the bitmaps")
    }
  }
}

extension Filesystem {
  package var blockSize: UInt64 { UInt64(fs.pointee.blocksize) }
  package var blockCount: UInt64 { ext2fs_blocks_count(fs.pointee.super) }
  package var freeBlockCount: UInt64 { ext2fs_free_blocks_count(fs.pointee.super) }
  /// The whole filesystem in bytes.
  package var size: UInt64 { blockCount * blockSize }
  package var usedInodeCount: UInt32 {
    fs.pointee.super.pointee.s_inodes_count - fs.pointee.super.pointee.s_free_inodes_count
  }

  /// The same by the 1024 bytes of a superblock alone; nil where they are none.
  package static func size(superblock bytes: [UInt8]) -> UInt64? {
    guard bytes.count == 1024, bytes[56] == 0x53, bytes[57] == 0xEF else { return nil }
    func number(_ offset: Int) -> UInt64 { bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    let has64Bits = number(96) & UInt64(EXT4_FEATURE_INCOMPAT_64BIT) != 0
    let blocks = number(4) | (has64Bits ? number(336) << 32 : 0)
    guard number(24) <= 6 else { return nil }
    let (size, overflow) = blocks.multipliedReportingOverflow(by: 1024 << number(24))
    return overflow ? nil : size
  }

  /// The journal holds changes that are not in the filesystem yet: it was not unmounted, or is a snapshot.
  package var needsRecovery: Bool { ext2fs_has_feature_journal_needs_recovery(fs.pointee.super) != 0 }

  /// The kernel or a checker found errors, or it was not unmounted (without a journal).
  package var isClean: Bool {
    let state = Int32(fs.pointee.super.pointee.s_state)
    return state & EXT2_VALID_FS != 0 && state & EXT2_ERROR_FS == 0
  }

  /// `ext2`, `ext3` or `ext4`, as blkid(8) tells them apart.
  package var type: String {
    let superblock = fs.pointee.super
    if ext2fs_has_feature_extents(superblock) != 0 || ext2fs_has_feature_64bit(superblock) != 0
      || ext2fs_has_feature_flex_bg(superblock) != 0 || ext2fs_has_feature_metadata_csum(superblock) != 0
    {
      return "ext4"
    }
    return ext2fs_has_feature_journal(superblock) != 0 ? "ext3" : "ext2"
  }

  package var uuid: FilesystemUUID {
    FilesystemUUID(bytes: withUnsafeBytes(of: fs.pointee.super.pointee.s_uuid) { Array($0) })
  }

  /// What is in the filesystem depends on its UUID, as the keys of some encrypted files do.
  package var dependsOnUUID: Bool { ext2fs_has_feature_stable_inodes(fs.pointee.super) != 0 }

  package var label: String {
    withUnsafeBytes(of: fs.pointee.super.pointee.s_volume_name) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
