// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Glibc
package import Report

/// An open folder. What is in it is reached by its descriptor and a single name, so that nobody who renames a folder
/// or puts a symbolic link in the way leads an operation elsewhere.
package struct Folder: ~Copyable, Sendable {
  package let descriptor: Descriptor
  package var path: String { descriptor.name }

  /// Opens `path`, through symbolic links: it is the user's own word.
  package init(_ path: String) throws(Failure) {
    descriptor = try Descriptor(path, O_RDONLY | O_DIRECTORY)
  }

  /// Opens the folder `name` in `parent`; a symbolic link is refused.
  package init(_ name: String, in parent: borrowing Folder) throws(Failure) {
    descriptor = try parent.open(name, O_RDONLY | O_DIRECTORY)
  }

  /// Opens the folder `name` in `parent` only to come through: nothing that it takes to list or to lock it is needed.
  package init(through name: String, in parent: borrowing Folder) throws(Failure) {
    descriptor = try Descriptor(naming: ByteString(name), in: parent.descriptor)
  }

  /// Takes over an open folder.
  package init(owning descriptor: consuming Descriptor) {
    self.descriptor = descriptor
  }

  package consuming func takeDescriptor() -> Descriptor { descriptor }

  /// Opens the file `name`; a symbolic link is refused.
  package borrowing func open(_ name: String, _ flags: Int32, mode: UInt32 = 0o644) throws(Failure) -> Descriptor {
    let raw = retrying { openat(descriptor.raw, name, flags | O_CLOEXEC | O_NOFOLLOW, mode) }
    guard raw >= 0 else { throw .system("open", "\(path)/\(name)") }
    return Descriptor(owning: raw, name: "\(path)/\(name)")
  }

  /// The whole of a file of at most `limit` bytes; nil where there is none.
  package borrowing func contents(of name: String, limit: Int) throws(Failure) -> [UInt8]? {
    guard try has(name) else { return nil }
    let file = try open(name, O_RDONLY)
    let size = try file.status().st_size
    guard size <= limit else {
      throw Failure(.invalid, "\(file.name) has \(size) bytes, more than the \(limit) that it may have")
    }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    let count = retrying { pread(file.raw, &bytes, bytes.count, 0) }
    guard count >= 0 else { throw .system("read", file.name) }
    return Array(bytes.prefix(count))
  }

  /// Writes a new file of exactly that mode, whatever the umask, and waits until it is on the disk.
  package borrowing func write(_ bytes: [UInt8], to name: String, mode: UInt32 = 0o644) throws(Failure) {
    let file = try open(name, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
    try file.setMode(mode)
    try file.writeAll(bytes)
    try file.flush()
    try file.close()
  }

  package borrowing func has(_ name: String) throws(Failure) -> Bool {
    try status(of: name) != nil
  }

  /// What `name` is, a symbolic link itself; nil where there is nothing of that name.
  package borrowing func status(of name: String) throws(Failure) -> stat? {
    var status = stat()
    if fstatat(descriptor.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
    if errno == ENOENT { return nil }
    throw .system("examine", "\(path)/\(name)")
  }

  /// Sets the times of `name` to now.
  package borrowing func touch(_ name: String) throws(Failure) {
    guard utimensat(descriptor.raw, name, nil, 0) == 0 else { throw .system("set the time of", "\(path)/\(name)") }
  }

  /// The names in it, sorted, without `.` and `..`.
  package borrowing func names() throws(Failure) -> [String] {
    try rawNames().map { $0.withUnsafeBufferPointer { String(decoding: $0.dropLast(), as: UTF8.self) } }.sorted()
  }

  /// The names as they are on the disk, each with its NUL: a name need not be text.
  borrowing func rawNames() throws(Failure) -> [[UInt8]] {
    // The stream takes its descriptor over, and shares the position of any copy: hence one of its own.
    let raw = retrying { openat(descriptor.raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard raw >= 0, let stream = fdopendir(raw) else { throw .system("list", path) }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else { break }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) + [0] }
      if name != [46, 0], name != [46, 46, 0] { names.append(name) }
    }
    guard errno == 0 else { throw .system("list", path) }
    return names
  }

  /// Makes the folder `name` of exactly that mode, whatever the umask; false when something of that name is there.
  @discardableResult
  package borrowing func make(_ name: String, mode: UInt32 = 0o755) throws(Failure) -> Bool {
    guard mkdirat(descriptor.raw, name, mode) == 0 else {
      if errno == EEXIST { return false }
      throw .system("make the folder", "\(path)/\(name)")
    }
    try Folder(name, in: self).descriptor.setMode(mode)
    return true
  }

  /// Moves `name` into `other` in one step; an empty folder of that name there is replaced.
  package borrowing func move(_ name: String, to other: borrowing Folder, as newName: String) throws(Failure) {
    guard renameat(descriptor.raw, name, other.descriptor.raw, newName) == 0 else {
      throw .system("move \(path)/\(name) to", "\(other.path)/\(newName)")
    }
  }

  /// Has two things in it change their names in one step, so that there is no moment without either.
  package borrowing func exchange(_ one: String, _ other: String) throws(Failure) {
    let code = clinux_exchange(descriptor.raw, one, other)
    guard code == 0 else {
      var failure = Failure.system("exchange \(one) and", "\(path)/\(other)", errno: code)
      if code == EINVAL { failure.remedy = "use a folder on a filesystem that can, such as ext4, XFS, btrfs or tmpfs" }
      throw failure
    }
  }

  /// Closes it, and ends the lock on it.
  package consuming func close() throws(Failure) {
    try descriptor.close()
  }

  /// Waits until the names in it are on the disk.
  package borrowing func flush() throws(Failure) {
    try descriptor.flush()
  }
}
