// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Glibc
package import Report
package import Storage

/// An ext2, ext3 or ext4 filesystem, opened by libext2fs without being mounted.
///
/// What is changed reaches the disk with `commit()`; a filesystem that is dropped without it has had blocks written, but
/// neither its superblock nor its group descriptors and bitmaps.
package struct Filesystem: ~Copyable {
  let fs: ext2_filsys
  let device: FilesystemDevice
  /// Another machine may have it mounted: to change it begins with asking, by its multiple mount protection.
  let isShared: Bool
  let changes = Changes()

  init(owning fs: ext2_filsys, on device: FilesystemDevice, isShared: Bool = false) {
    self.fs = fs
    self.device = device
    self.isShared = isShared
  }

  /// Opens the filesystem in a region, which it holds open.
  ///
  /// - Parameters:
  ///   - withheld: the superblock, where the disk does not have it yet; `commit` writes it.
  ///   - isShared: other machines reach the disk, and not just this process knows what is on it.
  package init(
    opening region: Region, withheld: Withheld? = nil, writable: Bool, isShared: Bool = false
  ) throws(Failure) {
    try self.init(on: FilesystemDevice(region, withheld: withheld), writable: writable, isShared: isShared)
  }

  /// Opens one that is only read, such as that of a disk inside a dump.
  ///
  /// - Parameters:
  ///   - name: what it is in, for a message.
  ///   - range: where on the disk it is.
  package init(opening name: String, _ range: ByteRange, by read: @escaping Source) throws(Failure) {
    try self.init(
      on: FilesystemDevice(name: name, base: range.offset, size: range.length, reading: read), writable: false,
      isShared: false)
  }

  private init(on device: FilesystemDevice, writable: Bool, isShared: Bool) throws(Failure) {
    var opened: ext2_filsys?
    try device.check(try Self.open(device, writable: writable, &opened), "open the filesystem")
    guard let opened else { throw Failure(.guest, "cannot open the filesystem on \(device.name)") }
    do throws(Failure) {
      try Self.examineGroups(of: opened, on: device)
    } catch {
      ext2fs_free(opened)
      throw error
    }
    self.init(owning: opened, on: device, isShared: isShared)
    // What libext2fs says of the device, as in the block of multiple mount protection.
    ext2fs_free_mem(&fs.pointee.device_name)
    // Not the disk's own path: libext2fs would open that, and find the disk in use, by us.
    fs.pointee.device_name = strdup("a disk of guestsmith")
    // Backup superblocks and descriptors are to follow every change: a rescue by one of them must find this guest.
    fs.pointee.flags &= ~EXT2_FLAG_MASTER_SB_ONLY
  }

  deinit {
    Self.release(fs)
    ext2fs_free(fs)
  }

  private static func open(
    _ device: FilesystemDevice, writable: Bool, _ filesystem: inout ext2_filsys?
  ) throws(Failure) -> errcode_t {
    _ = try Geometry(examining: device.superblock(), room: device.device.pointee.size, of: device.name)
    device.limitReading()
    let flags = EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP | (writable ? EXT2_FLAG_RW : 0)
    return ext2fs_open2(device.managerName, nil, flags, 0, 0, cext2fs_device_manager(), &filesystem)
  }

  /// Writes everything that was changed, looks whether it is sound, and then writes the primary superblock; waits until all
  /// is on the disk.
  ///
  /// What each user takes is not counted here (`quota`): such a filesystem is left in need of e2fsck, which does.
  package borrowing func commit() throws(Failure) {
    if ext2fs_has_feature_quota(fs.pointee.super) != 0 {
      fs.pointee.super.pointee.s_state &= ~UInt16(EXT2_VALID_FS)
      fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
    }
    try device.check(ext2fs_flush(fs), "write the filesystem")
    if changes.isChanged { try audit() }
    let error = cext2fs_device_commit(device.device)
    if error != 0 { throw device.failure(errcode_t(error), "write the superblock") }
    try device.check(Self.release(fs), "release the filesystem to other machines")
  }

  /// Has the disk say that the filesystem is being changed, until `commit`. If the work is cut short,
  /// e2fsck checks one that others reach before the guest boots from it; any other is without a superblock until then.
  package borrowing func beginChanging() throws(Failure) {
    if isShared {
      try claim()
      fs.pointee.super.pointee.s_state &= ~UInt16(EXT2_VALID_FS)
      fs.pointee.flags |= EXT2_FLAG_SUPER_ONLY | EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
      try device.check(ext2fs_flush(fs), "begin to change the filesystem")
      fs.pointee.flags &= ~EXT2_FLAG_SUPER_ONLY
      fs.pointee.super.pointee.s_state |= UInt16(EXT2_VALID_FS)
    }
    let error = cext2fs_device_defer(device.device, !isShared)
    if error != 0 { throw device.failure(errcode_t(error), "begin to change the filesystem") }
    fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
  }
}

extension Filesystem {
  package var blockSize: UInt64 { UInt64(fs.pointee.blocksize) }
  package var blockCount: UInt64 { ext2fs_blocks_count(fs.pointee.super) }
  package var freeBlockCount: UInt64 { ext2fs_free_blocks_count(fs.pointee.super) }
  /// The whole filesystem in bytes.
  package var size: UInt64 { blockCount * blockSize }
  /// In bytes.
  var inodeSize: UInt64 {
    fs.pointee.super.pointee.s_rev_level == 0 ? 128 : UInt64(fs.pointee.super.pointee.s_inode_size)
  }
  package var inodeCount: UInt32 { fs.pointee.super.pointee.s_inodes_count }
  package var usedInodeCount: UInt32 {
    let (all, free) = (fs.pointee.super.pointee.s_inodes_count, fs.pointee.super.pointee.s_free_inodes_count)
    return all - min(all, free)
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

  package var uuid: UUID {
    UUID(bytes: withUnsafeBytes(of: fs.pointee.super.pointee.s_uuid) { Array($0) })
  }

  /// What is in the filesystem depends on its UUID, as the keys of some encrypted files do.
  package var dependsOnUUID: Bool { ext2fs_has_feature_stable_inodes(fs.pointee.super) != 0 }

  /// The UUID of the journal, where that is on another disk.
  package var externalJournal: UUID? {
    withUnsafeBytes(of: fs.pointee.super.pointee) { Superblock(Array($0))?.journal }
  }

  package var label: String {
    withUnsafeBytes(of: fs.pointee.super.pointee.s_volume_name) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
