// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

extension Filesystem {
  /// Says on the disk that nothing is to be recovered, where the journal is empty: all that it held is in the filesystem.
  package borrowing func clearRecovery() throws(Failure) {
    let journal = fs.pointee.super.pointee.s_journal_inum
    guard needsRecovery, journal != 0 else { return }
    let reader = try contentReader(of: journal)
    // What the reader gives is its own, and goes with it.
    let head = try withExtendedLifetime(reader) { () throws(Failure) in Array(try reader.next(limit: 1024)) }
    // h_magic and s_start of struct journal_superblock_s, with the highest byte first (kernel,
    // Documentation/filesystems/ext4/journal.rst).
    guard head.count == 1024, head.starts(with: [0xC0, 0x3B, 0x39, 0x98]), head[28..<32].allSatisfy({ $0 == 0 }) else {
      return
    }
    ext2fs_clear_feature_journal_needs_recovery(fs.pointee.super)
    fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
    try commit()
  }
}
