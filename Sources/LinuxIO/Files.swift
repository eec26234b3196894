// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Glibc
package import Report

// Questions about files by their paths, where what is there may be anything. A path, and a name that is found, is a text
// as `String(argument:)` has it.

/// What is at `path`, or the error number; a symbolic link is followed unless `itself`.
package func examine(_ path: String, itself: Bool = false) -> (status: stat, error: Int32) {
  var status = stat()
  let name = ByteString(argument: path).cString
  let result = itself ? lstat(name, &status) : stat(name, &status)
  return (status, result == 0 ? 0 : errno)
}

package func isFolder(_ path: String) -> Bool {
  let (status, error) = examine(path)
  return error == 0 && status.isFolder
}

extension stat {
  package var identity: FileIdentity { FileIdentity(device: UInt64(st_dev), inode: UInt64(st_ino)) }
  package var kind: FileKind? { FileKind(mode: st_mode) }
  package var isRegular: Bool { kind == .file }
  package var isFolder: Bool { kind == .directory }
  package var isLink: Bool { kind == .symbolicLink }
  package var isBlockDevice: Bool { kind == .blockDevice }
}

/// The names in a folder, sorted, without those that start with a dot; or the error number.
package func visibleEntries(of folder: String) -> (names: [String], error: Int32) {
  let (names, error) = allEntries(of: folder)
  return (names.filter { !$0.hasPrefix(".") }, error)
}

/// All names in a folder, sorted, without `.` and `..`; or the error number, with those that came before it.
package func allEntries(of folder: String) -> (names: [String], error: Int32) {
  guard let stream = opendir(ByteString(argument: folder).cString) else { return ([], errno) }
  defer { closedir(stream) }
  var names: [String] = []
  while true {
    errno = 0
    guard let entry = readdir(stream) else {
      let error = errno
      return (names.sorted(), error)
    }
    // Where it is: the kernel's record is shorter than the type, and a copy would read behind it.
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      String(argument: bytes.prefix { $0 != 0 })
    }
    if name != "." && name != ".." { names.append(name) }
  }
}

// MARK: What is in them

/// At most the first `limit` bytes of a file, or those from an offset on.
package func readFile(_ path: String, from offset: UInt64 = 0, limit: Int) throws(Failure) -> [UInt8] {
  // Should it be a pipe, nobody waits for its other end.
  let file = try Descriptor(path, O_RDONLY | O_NONBLOCK)
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: min(limit, 65536))
  // In pieces: what is below /proc and /sys does not tell its size.
  while bytes.count < limit {
    let wanted = min(buffer.count, limit - bytes.count)
    let position = off_t(offset) + off_t(bytes.count)
    let count = retrying { pread(file.raw, &buffer, wanted, position) }
    guard count >= 0 else { throw .system("read", path) }
    if count == 0 { break }
    bytes += buffer[..<count]
  }
  return bytes
}

/// The text of a small file such as those of /proc; nil where it cannot be read.
package func fileText(_ path: String, limit: Int = 1 << 20) -> String? {
  guard let bytes = try? readFile(path, limit: limit) else { return nil }
  return String(decoding: bytes, as: UTF8.self)
}

extension Descriptor {
  /// `count` bytes at `offset`, fewer at the end of the file.
  package borrowing func bytes(at offset: UInt64, count: Int) throws(Failure) -> [UInt8] {
    try view.bytes(at: offset, count: count)
  }
}

extension DescriptorView {
  /// `count` bytes at `offset`, fewer at the end of the file.
  package func bytes(at offset: UInt64, count: Int) throws(Failure) -> [UInt8] {
    try [UInt8](upTo: count) { buffer throws(Failure) in try readFull(into: buffer, at: offset) }
  }
}

// MARK: Where they are

/// Where a symbolic link leads; nil for what is not one.
package func linkTarget(_ path: String) -> String? {
  var target = [CChar](repeating: 0, count: Int(PATH_MAX))
  let count = readlink(ByteString(argument: path).cString, &target, target.count)
  return count < 0 ? nil : String(argument: target[..<count].map { UInt8(bitPattern: $0) })
}

/// A path without symbolic links in it; nil, and errno, for what is not there.
package func realPath(_ path: String) -> String? {
  guard let real = realpath(ByteString(argument: path).cString, nil) else { return nil }
  defer { free(real) }
  return String(argument: ByteString(cString: real).bytes)
}

/// `path` from the root on, whatever the working directory becomes; symbolic links and `..` stay as they are.
package func absolute(_ path: String) -> String {
  if path.hasPrefix("/") { return path }
  guard let current = getcwd(nil, 0) else { return path }
  defer { free(current) }
  let folder = String(cString: current)
  return folder == "/" ? "/\(path)" : "\(folder)/\(path)"
}

/// The folder and the name of a path.
package func splitPath(_ path: String) -> (folder: String, name: String) {
  guard let slash = path.lastIndex(of: "/") else { return (".", path) }
  return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
}

/// Makes `folder` and what is missing above it, of exactly that mode, whatever the umask.
package func makeFolders(_ folder: String, mode: UInt32 = 0o755) throws(Failure) {
  if isFolder(folder) { return }
  if let slash = folder.lastIndex(of: "/"), slash != folder.startIndex {
    try makeFolders(String(folder[..<slash]), mode: mode)
  }
  // A trailing or doubled slash names the same folder again.
  guard mkdir(folder, mode) == 0 else {
    if errno == EEXIST, isFolder(folder) { return }
    throw .system("make the folder", folder)
  }
  try Descriptor(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).setMode(mode)
}

/// The name of an error number, as Python's errno.errorcode has it: `ENOENT`.
package func errorName(_ code: Int32) -> String {
  clinux_error_name(code).map { String(cString: $0) } ?? String(code)
}
