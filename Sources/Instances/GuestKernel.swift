// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Ext4
internal import Glibc
internal import Host
internal import LinuxIO
internal import Report
internal import Storage
package import Worker

/// The kernel that a machine is started with instead of its boot loader, and the initrd, as files that qemu can read
/// for as long as this lives.
struct GuestKernel {
  let kernel: MemoryFile
  let initrd: MemoryFile?
  /// Such as `its /boot/vmlinuz-6.1.0-amd64`.
  let words: String

  var files: [SharedDescriptor] { [kernel.file] + (initrd.map { [$0.file] } ?? []) }

  /// More than any kernel and any initrd: the guest says how large its files are.
  static let limit = 512 << 20

  /// The kernel that the parameters of the instance name, or that of its root disk; nil where the disk is not one
  /// filesystem, or has no kernel: then it has a boot loader of its own.
  static func find(for instance: KeptInstance, by workers: Workers) throws(Failure) -> GuestKernel? {
    let parameters = instance.hypervisorParameters
    if let path = parameters["kernel_path"] { return try ofThisMachine(path, initrd: parameters["initrd_path"]) }
    return try find(on: instance.disks[0].path, by: workers)
  }

  /// The newest kernel of this machine that we may read; nil where there is none.
  static func ofThisMachine() -> GuestKernel? {
    let names = visibleEntries(of: "/boot").names.filter { access("/boot/\($0)", R_OK) == 0 }
    guard let path = newest(of: names.map { ByteString($0) }) else { return nil }
    return try? ofThisMachine(String(argument: path.bytes), initrd: nil)
  }

  private static func ofThisMachine(_ path: String, initrd: String?) throws(Failure) -> GuestKernel {
    GuestKernel(
      kernel: try MemoryFile(readFile(path, limit: limit), "the kernel"),
      initrd: try initrd.map { path throws(Failure) in try MemoryFile(readFile(path, limit: limit), "the initrd") },
      words: "\(path) of this machine")
  }

  /// Has a worker read them out of the filesystem on a disk into memory: nothing is mounted.
  private static func find(on disk: String, by workers: Workers) throws(Failure) -> GuestKernel? {
    let file = try Descriptor(disk, O_RDONLY)
    let magic = try file.bytes(at: 1024 + 56, count: 2)
    guard magic == [0x53, 0xEF] else { return nil }
    let kernel = try Descriptor(inMemory: "the kernel")
    let initrd = try Descriptor(inMemory: "the initrd")
    var limits = ChildLimits.worker(streaming: try file.length(), threads: 1)
    limits.fileSize = UInt64(limit)
    let found = try workers.run(
      task, nil, [.stream(file.view), .stream(kernel.view), .stream(initrd.view)], .init(.guest, "reads \(disk)"),
      limits, Steps(.quiet))
    guard let name = found["name"]?.string else { return nil }
    let hasInitrd = try found.flag("initrd")
    return GuestKernel(
      kernel: try MemoryFile(kernel), initrd: hasInitrd ? try MemoryFile(initrd) : nil, words: "its \(name.escaped)")
  }

  /// The disk, and the files in memory for kernel and initrd.
  static let task = WorkerTask("kernel", .reader) { context throws(Failure) in
    let file = try context.descriptor(0)
    let size = try file.length()
    let disk = Disk(handedOver: file, size: size, sectorSize: 1, isBlockDevice: false)
    guard try disk.believedTable() == nil else { return nil }
    let filesystem = try Filesystem(opening: Region(disk), writable: false)
    guard let path = newest(of: try filesystem.list("/boot")), let kernel = try filesystem.read(path, limit: limit)
    else { return nil }
    try context.descriptor(1).writeAll(kernel)
    let version = ByteString(path.bytes.dropFirst(prefix.bytes.count))
    let names: [ByteString] = ["initrd.img-\(version)", "initramfs-\(version).img", "initrd-\(version)"]
    var initrd: [UInt8]?
    for name in names where initrd == nil { initrd = try filesystem.read("/boot/\(name)", limit: limit) }
    if let initrd { try context.descriptor(2).writeAll(initrd) }
    return ["name": .string("\(path)"), "initrd": .bool(initrd != nil)]
  }

  /// The kernel of the highest version, by its numbers.
  private static func newest(of names: [ByteString]) -> ByteString? {
    names.map { "/boot/\($0)" as ByteString }.filter { $0.hasPrefix(prefix) }
      .max { numbers($0).lexicographicallyPrecedes(numbers($1)) }
  }

  private static let prefix: ByteString = "/boot/vmlinuz-"

  private static func numbers(_ path: ByteString) -> [Int] {
    path.bytes.split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      .map { Int(String(decoding: $0, as: UTF8.self)) ?? .max }
  }
}

/// A file that is in memory for as long as somebody has it.
struct MemoryFile {
  let file: SharedDescriptor
  /// The SHA-256 of what is in it.
  let digest: String

  /// For a program that has inherited the descriptor.
  var path: String { file.view.path }

  init(_ bytes: [UInt8], _ name: String) throws(Failure) {
    let file = try Descriptor(inMemory: name)
    try file.writeAll(bytes)
    try self.init(file)
  }

  /// Takes over a file in memory that is written.
  init(_ file: consuming Descriptor) throws(Failure) {
    let length = try file.length()
    let bytes = try file.bytes(at: 0, count: Int(min(length, UInt64(GuestKernel.limit))))
    // Whoever reads it need not be who has made it.
    try file.setMode(0o444)
    self.file = SharedDescriptor(file)
    digest = SHA256.hex(of: bytes)
  }
}

/// What workers do for instances.
package let instanceTasks = [GuestKernel.task]
