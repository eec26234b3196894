// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

/// What the kernel says of a block device.
package struct BlockDevice: Sendable {
  /// In bytes.
  package let size: UInt64
  /// The smallest unit that it reads or writes, in bytes.
  package let sectorSize: UInt32
  package let isReadOnly: Bool
  /// The file behind a loop device; nil for any other.
  package let backing: FileIdentity?
}

/// A filesystem or the like as libblkid finds it.
package struct Signature: Sendable {
  package let type: String
  /// It has files, which RAID, encryption and swap have not.
  package let isFilesystem: Bool
  package let uuid: String?
  package let label: String?
}

/// What is known in a range of a disk.
package enum Signatures: Sendable {
  case none
  case one(Signature)
  /// More than one, so none that can be believed.
  case several
}

package struct ProbedTable: Sendable {
  /// As libblkid names it: `dos`, `gpt`.
  package let type: String
  package let partitions: [ByteRange]
}

// Those that return an error number leave it to the caller what it means.
extension Descriptor {
  package borrowing func blockDevice() throws(Failure) -> BlockDevice {
    var block = clinux_block()
    let error = clinux_examine_block(raw, &block)
    if error != 0 { throw .system("examine the device", name, errno: error) }
    return BlockDevice(
      size: block.size, sectorSize: block.sector, isReadOnly: block.read_only,
      backing: block.backing_inode == 0
        ? nil : FileIdentity(device: block.backing_device, inode: block.backing_inode))
  }

  /// Makes a range read as zeros and gives its space back; EOPNOTSUPP where the disk can't promise that.
  package borrowing func punch(_ range: ByteRange) -> Int32 { clinux_punch(raw, range.offset, range.length) }

  /// Makes a range of a file read as zeros and keeps its space.
  package borrowing func zeroFile(_ range: ByteRange) -> Int32 { clinux_zero_range(raw, range.offset, range.length) }

  /// Makes a range of a block device read as zeros, by writing where there is no faster way.
  package borrowing func zeroDevice(_ range: ByteRange) -> Int32 {
    clinux_zero_device(raw, range.offset, range.length)
  }

  /// The filesystems, swap and the like that are known in a range.
  package borrowing func signatures(in range: ByteRange) throws(Failure) -> Signatures {
    var content = clinux_content()
    (content.offset, content.size) = (range.offset, range.length)
    var isSeveral = false
    let error = clinux_probe(raw, &content, &isSeveral)
    if error != 0 { throw .system("look for filesystems on", name, errno: error) }
    guard let type = Self.text(content.type) else { return isSeveral ? .several : .none }
    return .one(
      Signature(
        type: type, isFilesystem: Self.text(content.usage) == "filesystem", uuid: Self.text(content.uuid),
        label: Self.text(content.label)))
  }

  /// The partition table and, of its partitions, at most `most`; nil where there is none.
  package borrowing func partitionTable(atMost most: Int) throws(Failure) -> ProbedTable? {
    var partitions = [clinux_content](repeating: clinux_content(), count: most)
    var count: Int32 = 0
    // 32 bytes, as C has the type.
    var type: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    let error = withUnsafeMutableBytes(of: &type) {
      clinux_find_partitions(
        raw, &partitions, Int32(most), &count, $0.assumingMemoryBound(to: CChar.self).baseAddress)
    }
    if error != 0 { throw .system("look for partitions on", name, errno: error) }
    guard let type = Self.text(type) else { return nil }
    return ProbedTable(
      type: type,
      partitions: partitions.prefix(Int(count)).map { ByteRange(offset: $0.offset, length: $0.size) })
  }

  /// The process that holds an fcntl(2) lock on the file which excludes writing: 0 for none, -1 for one that can't be
  /// named (a lock of an open file description).
  package borrowing func lockHolder() -> Int64 {
    var pid: Int64 = 0
    return clinux_lock_holder(raw, &pid) == 0 ? pid : 0
  }

  /// Waits until everything written to its filesystem is on the disk.
  package borrowing func flushFilesystem() throws(Failure) {
    let error = clinux_flush_filesystem(raw)
    if error != 0 { throw .system("flush the filesystem of", name, errno: error) }
  }

  /// A block device, opened once more to be read past the cache of this machine.
  package init(uncached device: DescriptorView) throws(Failure) {
    let raw = clinux_open_uncached(device.path)
    guard raw >= 0 else { throw .system("open", device.name) }
    self.init(owning: raw, name: device.name)
  }

  /// Gives a file that length; what is added reads as zeros.
  package borrowing func setLength(_ length: UInt64) throws(Failure) {
    guard ftruncate(raw, off_t(clamping: length)) == 0 else { throw .system("make \(length) bytes of", name) }
  }

  /// The text in an array of C; nil where it is empty.
  private static func text<Characters>(_ characters: Characters) -> String? {
    let text = withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return text.isEmpty ? nil : text
  }
}

extension DescriptorView {
  /// The first byte at or after `offset` that may be other than zero; nil where there is none. Devices, and files of
  /// filesystems without holes, are data all through.
  package func nextData(from offset: UInt64) -> UInt64? {
    var data: UInt64 = 0
    switch clinux_seek_data(raw, offset, &data) {
    case 0: return data
    case ENXIO: return nil
    default: return offset
    }
  }

  /// The first hole behind the data at `offset`; nil where it has none, or cannot tell.
  package func nextHole(from offset: UInt64) -> UInt64? {
    var hole: UInt64 = 0
    return clinux_seek_hole(raw, offset, &hole) == 0 ? hole : nil
  }

  /// Has a range of another file share its blocks with one of this file, where both are on one filesystem that can
  /// (FICLONERANGE). A length of 0 means up to the end.
  ///
  /// - Returns: whether it did; else nothing has changed.
  package func clone(_ range: ByteRange, of other: DescriptorView, to offset: UInt64) -> Bool {
    clinux_clone(other.raw, range.offset, raw, offset, range.length) == 0
  }

  /// Writes, and has the kernel begin to bring it to the disk: less is left for the flush at the end.
  package func writeThrough(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    try writeAll(buffer, at: offset)
    startWriting(ByteRange(offset: offset, length: UInt64(buffer.count)))
  }

  /// Has the kernel begin to bring what was written there to the disk.
  package func startWriting(_ range: ByteRange) { clinux_start_writing(raw, range.offset, range.length) }
}

extension DescriptorView {
  /// Gives a file that length; what is added reads as zeros.
  package func setLength(_ length: UInt64) throws(Failure) {
    guard ftruncate(raw, off_t(clamping: length)) == 0 else { throw .system("make \(length) bytes of", name) }
  }
}
