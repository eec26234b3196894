// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report

/// A disk while it gets its content, in ascending order: its first bytes, where every filesystem and partition table
/// begins, are held back until all else is there.
struct DiskFilling {
  private let disk: DescriptorView
  private let descriptorOwner: Disk
  private var held: [(offset: UInt64, bytes: [UInt8])] = []
  /// The disk reads as zeros where nothing was written.
  let isZeroed: Bool

  init(_ disk: Disk, isZeroed: Bool) {
    descriptorOwner = disk
    self.disk = disk.descriptor.view
    self.isZeroed = isZeroed
  }

  /// Writes content at `offset`, which must be on the disk.
  mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    guard offset < UInt64(DiskHead.size) else { return try disk.writeAll(bytes, at: offset) }
    let inside = min(bytes.count, DiskHead.size - Int(offset))
    held.append((offset, Array(bytes[..<inside])))
    if inside < bytes.count {
      try disk.writeAll(UnsafeRawBufferPointer(rebasing: bytes[inside...]), at: UInt64(DiskHead.size))
    }
  }

  /// The same, but zeros are not written where the disk reads as such.
  mutating func writeSparsely(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    guard isZeroed else { return try write(bytes, at: offset) }
    try NonZeroRuns(in: bytes, unit: 4096).each { run throws(Failure) in
      try write(UnsafeRawBufferPointer(rebasing: bytes[run]), at: offset + UInt64(run.lowerBound))
    }
  }

  /// Writes what was held back, once all else is on the disk, and waits until that is there too.
  func finish() throws(Failure) {
    try descriptorOwner.descriptor.flush()
    for part in held {
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: part.bytes.count, alignment: 1)
      defer { copy.deallocate() }
      copy.copyBytes(from: part.bytes)
      try disk.writeAll(UnsafeRawBufferPointer(copy), at: part.offset)
    }
    try descriptorOwner.descriptor.flush()
  }
}

/// The first bytes of a disk.
enum DiskHead {
  static let size = 1 << 20

  /// Clears them as well as can be, when the process is about to end.
  static func clear(of disk: DescriptorView) {
    let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 4096)
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
    for offset in stride(from: 0, to: size, by: zeros.count) {
      guard (try? disk.writeAll(UnsafeRawBufferPointer(zeros), at: UInt64(offset))) != nil else { return }
    }
  }
}
