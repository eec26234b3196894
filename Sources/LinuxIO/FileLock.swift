// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

extension Descriptor {
  /// How a lock excludes others: many may share, one may own.
  package enum LockKind: Sendable {
    case shared, exclusive
  }

  /// Locks the open file or folder with flock(2), for as long as this descriptor, or a copy of it, is open.
  ///
  /// Such a lock ends with its process in whatever way that ends, so none is ever left behind.
  ///
  /// - Parameter waits: whether to wait for the others.
  /// - Returns: false when others hold it and `waits` is false.
  package borrowing func lock(_ kind: LockKind, waits: Bool) throws(Failure) -> Bool {
    let operation = (kind == .shared ? LOCK_SH : LOCK_EX) | (waits ? 0 : LOCK_NB)
    if retrying({ flock(raw, operation) }) == 0 { return true }
    if !waits, errno == EWOULDBLOCK { return false }
    throw .system("lock", name)
  }

  /// Ends the lock, in all copies of this descriptor.
  package borrowing func unlock() {
    flock(raw, LOCK_UN)
  }
}

/// A file whose only purpose is to be locked. What is written in it tells those who wait what they wait for.
package struct FileLock: ~Copyable, Sendable {
  private let descriptor: Descriptor

  /// The descriptor for as long as which it is locked.
  package var view: DescriptorView { descriptor.view }

  /// Locks `path` exclusively, and makes it where it is missing; nil when somebody else has it.
  package static func attempt(_ path: String) throws(Failure) -> FileLock? {
    try acquire(path, waits: false)
  }

  /// Locks `path` exclusively, once nobody else has it.
  package static func wait(_ path: String) throws(Failure) -> FileLock {
    while true {
      if let lock = try acquire(path, waits: true) { return lock }
    }
  }

  private static func acquire(_ path: String, waits: Bool) throws(Failure) -> FileLock? {
    while true {
      let descriptor = try Descriptor(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o644)
      guard try descriptor.lock(.exclusive, waits: waits) else { return nil }
      // Who held it before may have removed the file: then another one is, or will be, the lock.
      if try descriptor.isStill(at: path) { return FileLock(descriptor: descriptor) }
    }
  }

  private init(descriptor: consuming Descriptor) {
    self.descriptor = descriptor
  }

  deinit {
    // Not by closing alone: a child that another thread starts at this moment has a copy until it executes.
    descriptor.unlock()
  }

  /// Replaces what the file says.
  package borrowing func note(_ text: String) throws(Failure) {
    try descriptor.setLength(0)
    try descriptor.writeAll(Array(text.utf8), at: 0)
  }

  /// Removes the file. Whoever waits for the lock then makes another.
  package consuming func remove() throws(Failure) {
    guard unlink(descriptor.name) == 0 || errno == ENOENT else { throw .system("remove", descriptor.name) }
  }

  /// What the file says, by whomever it is locked; empty where there is none.
  package static func noted(in path: String) -> String {
    guard let descriptor = try? Descriptor(path, O_RDONLY | O_NOFOLLOW) else { return "" }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = retrying { pread(descriptor.raw, &bytes, bytes.count, 0) }
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}

extension Descriptor {
  /// Whether `path` still names the file that is open.
  package borrowing func isStill(at path: String) throws(Failure) -> Bool {
    let mine = try status()
    var there = stat()
    guard lstat(path, &there) == 0 else {
      if errno == ENOENT { return false }
      throw .system("examine", path)
    }
    return mine.st_dev == there.st_dev && mine.st_ino == there.st_ino
  }
}
