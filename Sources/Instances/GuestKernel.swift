// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
internal import LinuxIO
internal import Report

/// The kernel and the initrd of a guest, read out of its root disk into memory: nothing is mounted.
struct GuestKernel {
  let kernel: MemoryFile
  let initrd: MemoryFile?
  /// Such as `/boot/vmlinuz-6.1.0-amd64`.
  let path: ByteString

  /// More than any kernel and any initrd: the guest says how large its files are.
  private static let limit = 512 << 20

  /// Nil where the disk is not one filesystem, or has no kernel: then it has a boot loader of its own.
  static func find(on disk: String) throws(Failure) -> GuestKernel? {
    let file = try Descriptor(disk, O_RDONLY)
    let device = FilesystemDevice(descriptor: file.raw, name: disk)
    let magic = try file.bytes(at: 1024 + 56, count: 2)
    guard magic == [0x53, 0xEF] else { return nil }
    let filesystem = try Filesystem(opening: device, writable: false)
    guard let path = try newest(in: filesystem) else { return nil }
    guard let kernel = try filesystem.read(path, limit: limit) else { return nil }
    let version = ByteString(path.bytes.dropFirst(Self.prefix.bytes.count))
    let names: [ByteString] = ["initrd.img-\(version)", "initramfs-\(version).img", "initrd-\(version)"]
    var initrd: [UInt8]?
    for name in names where initrd == nil { initrd = try filesystem.read("/boot/\(name)", limit: limit) }
    return GuestKernel(
      kernel: try MemoryFile(kernel, "the kernel"),
      initrd: try initrd.map { bytes throws(Failure) in try MemoryFile(bytes, "the initrd") }, path: path)
  }

  /// The kernel of the highest version, by its numbers.
  private static func newest(in filesystem: borrowing Filesystem) throws(Failure) -> ByteString? {
    let paths = try filesystem.list("/boot").map { "/boot/\($0)" as ByteString }.filter { $0.hasPrefix(prefix) }
    return paths.max { numbers($0).lexicographicallyPrecedes(numbers($1)) }
  }

  private static let prefix: ByteString = "/boot/vmlinuz-"

  private static func numbers(_ path: ByteString) -> [Int] {
    path.bytes.split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      .map { Int(String(decoding: $0, as: UTF8.self)) ?? .max }
  }
}

/// A file that is in memory for as long as somebody has it.
final class MemoryFile {
  private let file: Descriptor

  var raw: Int32 { file.raw }

  init(_ bytes: [UInt8], _ name: String) throws(Failure) {
    file = try Descriptor(inMemory: name)
    try file.writeAll(bytes)
  }
}
