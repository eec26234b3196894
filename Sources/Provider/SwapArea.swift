// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import LinuxIO
internal import Report
internal import Storage

/// A swap area of Linux, made on a disk that is open and locked; mkswap(8) would open it once more.
///
/// The first page holds, behind 1024 bytes for a boot loader: version 1, the number of the last page, the number of bad
/// pages, the UUID and a label of 16 bytes each, numbers in the byte order of the machine; its last ten bytes are
/// `SWAPSPACE2` (kernel, include/linux/swap.h).
enum SwapArea {
  static let pageSize: UInt64 = 4096
  /// Ten pages, as mkswap(8) demands.
  static let smallest = 10 * pageSize

  /// The UUID of the swap area on a disk, or in a partition that begins at `offset`; nil where there is none, or one that holds a sleeping machine's memory.
  static func uuid(on disk: Disk, at offset: UInt64 = 0) throws(Failure) -> UUID? {
    guard let page = try page(of: disk, at: offset) else { return nil }
    return UUID(bytes: Array(page[1036..<1052]))
  }

  /// Makes the swap area on a disk fill it.
  static func grow(on disk: Disk) throws(Failure) {
    guard var page = try page(of: disk) else { return }
    put(number(lastPage(of: disk)), at: 1028, in: &page)
    try write(page, to: disk)
  }

  private static func page(of disk: Disk, at offset: UInt64 = 0) throws(Failure) -> [UInt8]? {
    var page = [UInt8](repeating: 0, count: Int(pageSize))
    let count = try page.withUnsafeMutableBufferPointer { (bytes) throws(Failure) in
      try disk.descriptor.readFull(into: UnsafeMutableRawBufferPointer(bytes), at: offset)
    }
    guard count == page.count, page.suffix(10) == Array("SWAPSPACE2".utf8)[...] else { return nil }
    return Array(page[1024..<1028]) == number(1) ? page : nil
  }

  private static func put(_ bytes: some Sequence<UInt8>, at offset: Int, in page: inout [UInt8]) {
    for (index, byte) in bytes.enumerated() { page[offset + index] = byte }
  }

  private static func number(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

  /// The number has 32 bits: the kernel uses no more than 16 TiB of it.
  private static func lastPage(of disk: Disk) -> UInt32 {
    UInt32(min(disk.size / pageSize, UInt64(UInt32.max)) - 1)
  }

  private static func write(_ page: [UInt8], to disk: Disk) throws(Failure) {
    try disk.descriptor.writeAll(page, at: 0)
    try disk.descriptor.flush()
  }

  static func make(on disk: Disk, uuid: UUID) throws(Failure) {
    var page = [UInt8](repeating: 0, count: Int(pageSize))
    put(number(1), at: 1024, in: &page)
    put(number(lastPage(of: disk)), at: 1028, in: &page)
    put(uuid.bytes, at: 1036, in: &page)
    put("SWAPSPACE2".utf8, at: Int(pageSize) - 10, in: &page)
    try write(page, to: disk)
  }
}
