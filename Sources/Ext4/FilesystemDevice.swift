// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Glibc
internal import Report
internal import Storage

/// What libext2fs reads and writes a filesystem by: a region that the caller opened, checked and locked.
final class FilesystemDevice {
  let device: UnsafeMutablePointer<cext2fs_device>
  private let reader: DeviceReader?
  /// Held open for as long as the filesystem lives.
  private let region: Region?
  /// What it is in a message.
  let name: String
  private var excess = ""

  /// - Parameter withheld: holds the 1024 bytes of the primary superblock where the disk does not have it yet; it is
  ///   written last, by `Filesystem.commit`, so that work which is cut short leaves nothing that mounts.
  init(_ region: Region, withheld: Withheld? = nil) {
    self.region = region
    name = region.name
    reader = nil
    device = .allocate(capacity: 1)
    device.initialize(to: cext2fs_device())
    // libext2fs is C, and knows descriptors only.
    device.pointee.fd = region.number
    device.pointee.uncached = region.uncachedNumber ?? 0
    device.pointee.base = region.range.offset
    device.pointee.size = region.range.length
    device.pointee.allowance = .max
    if let superblock = withheld?.bytes(in: Superblock.range) {
      device.pointee.deferred = true
      withUnsafeMutableBytes(of: &device.pointee.superblock) { $0.copyBytes(from: superblock) }
    }
  }

  /// A device that is only read, such as a disk inside a dump.
  ///
  /// - Parameter size: from `base` on, in bytes.
  init(name: String, base: UInt64 = 0, size: UInt64, reading read: @escaping Filesystem.Source) {
    self.name = name
    region = nil
    let reader = DeviceReader(read)
    self.reader = reader
    device = .allocate(capacity: 1)
    device.initialize(to: cext2fs_device())
    device.pointee.fd = -1
    device.pointee.base = base
    device.pointee.size = size
    device.pointee.allowance = .max
    device.pointee.context = Unmanaged.passUnretained(reader).toOpaque()
    device.pointee.read = { context, offset, size, data in
      Unmanaged<DeviceReader>.fromOpaque(context!).takeUnretainedValue().read(
        offset, UnsafeMutableRawBufferPointer(start: data, count: size))
    }
  }

  deinit {
    device.deinitialize(count: 1)
    device.deallocate()
  }

  /// The name by which the I/O manager finds the device.
  var managerName: [CChar] {
    var name = [CChar](repeating: 0, count: 32)
    cext2fs_device_name(device, &name)
    return name
  }

  /// The bytes of the primary superblock, where the device has so many.
  func superblock() throws(Failure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Superblock.range.count)
    try check(
      cext2fs_device_read(device, UInt64(Superblock.range.lowerBound), bytes.count, &bytes), "read the superblock")
    return bytes
  }

  /// How much is read at most: what no filesystem of this size needs.
  ///
  /// - Parameter words: what is wrong where that is not enough.
  func limitReading(_ words: String = "the filesystem is damaged: it leads to more than it can hold") {
    excess = words
    let (times, overflow) = device.pointee.size.multipliedReportingOverflow(by: 32)
    device.pointee.allowance = overflow ? .max : times.saturatingAdding(256 << 20)
  }

  /// Turns the result of a call of libext2fs into an error that says what could not be done.
  func check(_ result: errcode_t, _ operation: @autoclosure () -> String) throws(Failure) {
    guard result != 0 else { return }
    throw failure(result, operation())
  }

  /// What libext2fs returns for a filesystem of a time after its own.
  static let unknownFeatures = [EXT2_ET_UNSUPP_FEATURE, EXT2_ET_RO_UNSUPP_FEATURE]

  func failure(_ result: errcode_t, _ operation: String) -> Failure {
    if let failure = reader?.failure { return failure }
    if device.pointee.exhausted {
      return Failure(
        .guest, "cannot \(operation) on \(name): \(excess)",
        remedy: "see what e2fsck can save, where it is a guest of yours")
    }
    if Self.unknownFeatures.contains(result) {
      return Failure(
        .guest, "cannot \(operation) on \(name): it has features that the e2fsprogs of this machine don't know",
        remedy: "install a newer e2fsprogs")
    }
    // Errors of the system are small numbers, those of the library have its base in the upper bits.
    let system = device.pointee.error != 0 ? device.pointee.error : (result < 4096 ? Int32(result) : 0)
    let words = system != 0 ? String(cString: strerror(system)) : String(cString: error_message(result))
    let code: Failure.Code =
      switch true {
      case system == ENOSPC: .space
      case system != 0: .io
      case result == EXT2_ET_BLOCK_ALLOC_FAIL || result == EXT2_ET_INODE_ALLOC_FAIL: .space
      default: .guest
      }
    let remedy =
      code == .space && system == 0 ? "the guest's filesystem is full; make room in it or give it a larger disk" : nil
    return Failure(code, "cannot \(operation) on \(name): \(words)", remedy: remedy)
  }
}

/// What a device without a descriptor is read by.
private final class DeviceReader {
  private let body: Filesystem.Source
  /// The first failure: libext2fs knows only that there was one.
  private(set) var failure: Failure?

  init(_ body: @escaping Filesystem.Source) {
    self.body = body
  }

  func read(_ offset: UInt64, _ buffer: UnsafeMutableRawBufferPointer) -> errcode_t {
    do throws(Failure) {
      try body(offset, buffer)
      return 0
    } catch {
      if failure == nil { failure = error }
      return errcode_t(EIO)
    }
  }
}
