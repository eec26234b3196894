// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

// The few questions about files that the judge asks.

/// What is at `path`, or the error number; a symbolic link is followed unless `itself`.
func examine(_ path: String, itself: Bool = false) -> (status: stat, error: Int32) {
  var status = stat()
  let result = itself ? lstat(path, &status) : stat(path, &status)
  return (status, result == 0 ? 0 : errno)
}

extension stat {
  var kind: mode_t { st_mode & S_IFMT }
  var isRegular: Bool { kind == S_IFREG }
  var isFolder: Bool { kind == S_IFDIR }
  var isLink: Bool { kind == S_IFLNK }
}

/// All names in a folder, sorted, without `.` and `..`; none where it cannot be read.
func names(in folder: String) -> [String] {
  guard let stream = opendir(folder) else { return [] }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != "." && name != ".." { names.append(name) }
  }
  return names.sorted()
}

/// At most the first `limit` bytes of a file, or those from an offset on.
func contents(of path: String, from offset: UInt64 = 0, limit: Int) throws(Failure) -> [UInt8] {
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

/// A small text file such as those of /proc; nil where it cannot be read.
func shortText(_ path: String) -> String? {
  guard let bytes = try? contents(of: path, limit: 1 << 20) else { return nil }
  return String(decoding: bytes, as: UTF8.self)
}

/// Where a symbolic link leads; nil for what is none.
func linkTarget(_ path: String) -> String? {
  var target = [CChar](repeating: 0, count: Int(PATH_MAX))
  let count = readlink(path, &target, target.count)
  return count < 0 ? nil : String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// A path without symbolic links in it; nil for what is not there.
func resolved(_ path: String) -> String? {
  guard let real = realpath(path, nil) else { return nil }
  defer { free(real) }
  return String(cString: real)
}

/// The folder of a path.
func parent(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
  return String(path[..<slash])
}

/// The name of an error number as Ganeti 1.2 prints it: `ENOENT`.
func errorName(_ code: Int32) -> String {
  switch code {
  case ENOENT: "ENOENT"
  case ENOTDIR: "ENOTDIR"
  case EACCES: "EACCES"
  case ELOOP: "ELOOP"
  default: String(cString: strerror(code))
  }
}

/// Whether a definition may have this name from Ganeti 2.0 on.
func isPluginName(_ text: String) -> Bool {
  !text.isEmpty
    && text.unicodeScalars.allSatisfy { scalar in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
      default: false
      }
    }
}
