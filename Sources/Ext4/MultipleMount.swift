// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Glibc
package import Report

/// Multiple mount protection (`mmp`, ext4(5)): a block in which whoever has the filesystem mounted writes a number, and
/// another one every few seconds.
extension Filesystem {
  package var hasMultipleMountProtection: Bool { ext2fs_has_feature_mmp(fs.pointee.super) != 0 }

  /// Makes sure that no other machine uses the filesystem, which takes some seconds, and tells them that it is in use,
  /// until `release`.
  ///
  /// - Throws: `.busy` where another one does.
  borrowing func claim() throws(Failure) {
    guard hasMultipleMountProtection, fs.pointee.mmp_fd <= 0 else { return }
    try examineInterval()
    let uncached = cext2fs_device_open_uncached(device.device)
    guard uncached >= 0 else { throw device.failure(errcode_t(errno), "open the filesystem once more") }
    fs.pointee.mmp_fd = uncached
    device.device.pointee.flushes = true
    var result = ext2fs_mmp_start(fs)
    if result == 0 {
      // It left the mark of e2fsck, which keeps everybody out forever should this process be ended; that of a mount is
      // passed over when it does not change.
      fs.pointee.mmp_buf.assumingMemoryBound(to: mmp_struct.self).pointee.mmp_seq = ext2fs_mmp_new_seq()
      result = ext2fs_mmp_write(fs, blk64_t(fs.pointee.super.pointee.s_mmp_block), fs.pointee.mmp_buf)
    }
    if result == 0 {
      fs.pointee.flags &= ~EXT2_FLAG_SKIP_MMP
      return
    }
    close(fs.pointee.mmp_fd)
    fs.pointee.mmp_fd = -1
    let failure = device.failure(result, "claim the filesystem")
    throw Failure(
      failure.code == .guest ? .busy : failure.code, failure.message,
      remedy: "stop the instance wherever it runs; where it runs nowhere, run tune2fs -f -E clear_mmp \(device.name)")
  }

  /// libext2fs sleeps as long as the block says, twice.
  private borrowing func examineInterval() throws(Failure) {
    var block = [UInt8](repeating: 0, count: Int(blockSize))
    let place = blk64_t(fs.pointee.super.pointee.s_mmp_block)
    try device.check(io_channel_read_blk64(fs.pointee.io, place, 1, &block), "read the multiple mount protection")
    // mmp_check_interval, in seconds (kernel, Documentation/filesystems/ext4/mmp.rst).
    let interval = UInt16(block[112]) | UInt16(block[113]) << 8
    guard interval <= Self.longestInterval else {
      throw damaged("its users give a sign of life every \(interval) seconds; \(Self.longestInterval) are the most")
    }
  }

  /// Of mke2fs(8), in seconds.
  private static var longestInterval: UInt16 { 300 }

  /// Ends a claim, where there is one.
  @discardableResult
  static func release(_ fs: ext2_filsys) -> errcode_t {
    guard fs.pointee.flags & EXT2_FLAG_SKIP_MMP == 0 else { return 0 }
    defer { fs.pointee.flags |= EXT2_FLAG_SKIP_MMP }
    return ext2fs_mmp_stop(fs)
  }

  /// Says that nobody uses this copy of a filesystem, whoever used the original when it was copied.
  package borrowing func clearMultipleMountProtection() throws(Failure) {
    guard hasMultipleMountProtection else { return }
    try device.check(ext2fs_mmp_clear(fs), "clear the multiple mount protection")
    let error = cext2fs_device_commit(device.device)
    if error != 0 { throw device.failure(errcode_t(error), "clear the multiple mount protection") }
  }
}
