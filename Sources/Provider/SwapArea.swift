// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import LinuxIO
internal import Report

/// A swap area of Linux, made on a disk that is open and locked; mkswap(8) would open it once more.
///
/// The first page holds, behind 1024 bytes for a boot loader: version 1, the number of the last page, the number of bad
/// pages, the UUID and a label of 16 bytes each, numbers in the byte order of the machine; its last ten bytes are
/// `SWAPSPACE2` (kernel, include/linux/swap.h).
enum SwapArea {
  private static let pageSize: UInt64 = 4096
  /// Ten pages, as mkswap(8) demands.
  static let smallest = 10 * pageSize

  static func make(on disk: Disk, uuid: FilesystemUUID) throws(Failure) {
    var page = [UInt8](repeating: 0, count: Int(pageSize))
    func put(_ bytes: some Sequence<UInt8>, at offset: Int) {
      for (index, byte) in bytes.enumerated() { page[offset + index] = byte }
    }
    func number(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
    // The number has 32 bits: the kernel uses no more than 16 TiB of it.
    let pages = min(disk.size / pageSize, UInt64(UInt32.max))
    put(number(1), at: 1024)
    put(number(UInt32(pages - 1)), at: 1028)
    put(uuid.bytes, at: 1036)
    put("SWAPSPACE2".utf8, at: Int(pageSize) - 10)
    do {
      try page.withUnsafeBytes { try disk.descriptor.writeAll($0, at: 0) }
    } catch {
      throw error as? Failure ?? Failure(.io, "\(error)")
    }
    try disk.descriptor.flush()
  }
}
