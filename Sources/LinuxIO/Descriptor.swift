// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Glibc
package import Report

/// An open file, device or pipe that closes when its owner goes.
///
/// Every call is repeated when a signal interrupts it, and a short read or write is never taken for a whole one.
package struct Descriptor: ~Copyable, Sendable {
  /// For LinuxIO alone: the others hand on a `view`.
  private(set) var raw: Int32
  /// What it is to the reader of a message: a path, or words such as "standard input".
  package let name: String

  /// Takes over an open descriptor.
  package init(owning raw: Int32, name: String) {
    self.raw = raw
    self.name = name
  }

  /// Opens `path`; always close-on-exec.
  package init(_ path: String, _ flags: Int32, mode: UInt32 = 0o666) throws(Failure) {
    let raw = retrying { open(ByteString(argument: path).cString, flags | O_CLOEXEC, mode) }
    guard raw >= 0 else { throw .system("open", path) }
    self.init(owning: raw, name: path)
  }

  /// Takes over a descriptor that this process was started with, which its children do not get of themselves.
  package init(inherited number: Int32, name: String) throws(Failure) {
    guard fcntl(number, F_SETFD, FD_CLOEXEC) == 0 else { throw .system("use", name) }
    self.init(owning: number, name: name)
  }

  /// A new file in memory, such as for what a child has to say.
  package init(inMemory name: String) throws(Failure) {
    let raw = clinux_memory_file(name)
    guard raw >= 0 else { throw .system("make a file in memory for", name) }
    self.init(owning: raw, name: name)
  }

  deinit {
    if raw >= 0 { Glibc.close(raw) }
  }

  /// Closes and reports what a late write error (NFS, quota) would otherwise hide.
  package consuming func close() throws(Failure) {
    let raw = raw
    self.raw = -1
    guard Glibc.close(raw) == 0 else { throw .system("close", name) }
  }

  /// Reads up to `buffer.count` bytes; 0 at the end.
  package borrowing func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    let count = retrying { Glibc.read(raw, buffer.baseAddress, buffer.count) }
    guard count >= 0 else { throw .system("read", name) }
    return count
  }

  /// Reads until `buffer` is full or the end comes; returns how much there was.
  package borrowing func readFull(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    var filled = 0
    while filled < buffer.count {
      let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// The same file for others that use it while this owner keeps it open.
  package var view: DescriptorView { DescriptorView(raw: raw, name: name) }

  /// Reads at `offset` until `buffer` is full or the end comes; returns how much there was.
  package borrowing func readFull(
    into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(Failure) -> Int {
    try view.readFull(into: buffer, at: offset)
  }

  package borrowing func writeAll(_ buffer: UnsafeRawBufferPointer) throws(Failure) {
    var written = 0
    while written < buffer.count {
      let count = retrying { Glibc.write(raw, buffer.baseAddress! + written, buffer.count - written) }
      guard count >= 0 else { throw .system("write to", name) }
      written += count
    }
  }

  package borrowing func writeAll(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    try view.writeAll(buffer, at: offset)
  }

  package borrowing func writeAll(_ bytes: [UInt8]) throws(Failure) {
    try bytes.span.bytes.withUnsafeBytes { (bytes) throws(Failure) in try writeAll(bytes) }
  }

  package borrowing func writeAll(_ bytes: [UInt8], at offset: UInt64) throws(Failure) {
    try bytes.span.bytes.withUnsafeBytes { (bytes) throws(Failure) in try writeAll(bytes, at: offset) }
  }

  /// Waits until everything written is on the disk.
  package borrowing func flush() throws(Failure) {
    try view.flush()
  }

  /// How long the file or the device is, in bytes.
  package borrowing func length() throws(Failure) -> UInt64 {
    let end = lseek(raw, 0, SEEK_END)
    guard end >= 0 else { throw .system("examine", name) }
    return UInt64(end)
  }

  /// The offset of the next read or write, in bytes; 0 for a pipe and the like.
  package borrowing func position() -> UInt64 { UInt64(max(0, lseek(raw, 0, SEEK_CUR))) }

  /// Has the next read or write be at the beginning.
  package borrowing func rewind() throws(Failure) {
    guard lseek(raw, 0, SEEK_SET) == 0 else { throw .system("rewind", name) }
  }

  package borrowing func status() throws(Failure) -> stat {
    var status = stat()
    guard fstat(raw, &status) == 0 else { throw .system("examine", name) }
    return status
  }
}

/// An open file that its owner keeps open: for children, which inherit it, for threads, which share it, and
/// for closures, which can't hold an owner.
package struct DescriptorView: Equatable, Sendable {
  let raw: Int32
  package let name: String

  /// What it is called by a library in C, and by a program that inherits it under the same number.
  package var number: Int32 { raw }

  /// By what path this process, and a program that inherits it under the same number, opens again what is open.
  package var path: String { "/proc/self/fd/\(raw)" }

  /// Reads at `offset` until `buffer` is full or the end comes; returns how much there was.
  package func readFull(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Failure) -> Int {
    var filled = 0
    while filled < buffer.count {
      let count = retrying {
        pread(raw, buffer.baseAddress! + filled, buffer.count - filled, off_t(offset) + off_t(filled))
      }
      guard count >= 0 else { throw .system("read", name) }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  package func writeAll(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    var written = 0
    while written < buffer.count {
      let count = retrying {
        // More in one call costs the kernel a multiple of the time (measured on Linux 6.18, ext4).
        pwrite(
          raw, buffer.baseAddress! + written, min(buffer.count - written, 1 << 20), off_t(offset) + off_t(written))
      }
      guard count >= 0 else { throw .system("write to", name) }
      written += count
    }
  }

  package func writeAll(_ bytes: [UInt8], at offset: UInt64) throws(Failure) {
    try bytes.withBytes { bytes throws(Failure) in try writeAll(bytes, at: offset) }
  }

  /// Waits until everything written is on the disk.
  package func flush() throws(Failure) {
    guard retrying({ fsync(raw) }) == 0 else { throw .system("flush", name) }
  }
}

/// Repeats a system call for as long as a signal interrupts it.
package func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}

extension Failure {
  /// The failure of a system call: `cannot OPERATION SUBJECT: the system's own words`, from `errno`.
  package static func system(_ operation: String, _ subject: String, errno code: Int32 = errno) -> Failure {
    let kind: Code =
      switch code {
      case ENOSPC, EDQUOT: .space
      case EBUSY, ETXTBSY: .busy
      default: .io
      }
    return Failure(kind, "cannot \(operation) \(subject): \(String(cString: strerror(code)))", cause: .system(code))
  }
}
