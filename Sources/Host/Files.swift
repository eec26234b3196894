// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

// The few questions about files that this module asks.

/// What is at `path`, or the error number; a symbolic link is followed unless `itself`.
func examine(_ path: String, itself: Bool = false) -> (status: stat, error: Int32) {
  var status = stat()
  let result = itself ? lstat(path, &status) : stat(path, &status)
  return (status, result == 0 ? 0 : errno)
}

func isFolder(_ path: String) -> Bool {
  let (status, error) = examine(path)
  return error == 0 && status.st_mode & S_IFMT == S_IFDIR
}

extension stat {
  var isRegular: Bool { st_mode & S_IFMT == S_IFREG }
  var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }
  var isBlockDevice: Bool { st_mode & S_IFMT == S_IFBLK }
}

/// The names in a folder, sorted, without those that start with a dot; or the error number.
func visibleEntries(of folder: String) -> (names: [String], error: Int32) {
  let (names, error) = allEntries(of: folder)
  return (names.filter { !$0.hasPrefix(".") }, error)
}

/// All names in a folder, sorted, without `.` and `..`; or the error number.
func allEntries(of folder: String) -> (names: [String], error: Int32) {
  guard let stream = opendir(folder) else { return ([], errno) }
  defer { closedir(stream) }
  var names: [String] = []
  while true {
    errno = 0
    guard let entry = readdir(stream) else { return (names.sorted(), errno) }
    let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != "." && name != ".." { names.append(name) }
  }
}

/// At most the first `limit` bytes of a file.
func readSmallFile(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
  // It is known to be a regular file; should it have become a pipe since, nobody waits for its other end.
  let file = try Descriptor(path, O_RDONLY | O_NONBLOCK)
  return try read(from: file, at: 0, count: limit)
}

/// `count` bytes at `offset`, fewer at the end of the file.
func read(from file: borrowing Descriptor, at offset: UInt64, count: Int) throws(Failure) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  do {
    let filled = try bytes.withUnsafeMutableBytes { try file.readFull(into: $0, at: offset) }
    return Array(bytes[..<filled])
  } catch {
    throw error as? Failure ?? Failure(.io, "cannot read \(path(of: file)): \(error)")
  }
}

private func path(of file: borrowing Descriptor) -> String { file.name }

/// `path` from the root on, whatever the working directory becomes; symbolic links and `..` stay as they are.
func absolute(_ path: String) -> String {
  if path.hasPrefix("/") { return path }
  guard let current = getcwd(nil, 0) else { return path }
  defer { free(current) }
  let folder = String(cString: current)
  return folder == "/" ? "/\(path)" : "\(folder)/\(path)"
}

/// Makes `folder` and what is missing above it.
func makeFolders(_ folder: String, mode: mode_t = 0o755) throws(Failure) {
  if isFolder(folder) { return }
  if let slash = folder.lastIndex(of: "/"), slash != folder.startIndex {
    try makeFolders(String(folder[..<slash]), mode: mode)
  }
  // A trailing or doubled slash names the same folder again.
  guard mkdir(folder, mode) == 0 || (errno == EEXIST && isFolder(folder)) else {
    throw .system("make the folder", folder)
  }
}

/// The name of an error number as Ganeti prints it: `ENOENT`.
func errorName(_ code: Int32) -> String {
  switch code {
  case ENOENT: "ENOENT"
  case ENOTDIR: "ENOTDIR"
  case EACCES: "EACCES"
  case ELOOP: "ELOOP"
  case EIO: "EIO"
  case ENAMETOOLONG: "ENAMETOOLONG"
  case ESTALE: "ESTALE"
  default: String(cString: strerror(code))
  }
}
