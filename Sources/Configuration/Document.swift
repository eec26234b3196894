// SPDX-License-Identifier: Apache-2.0
internal import Glibc
import Report

/// A TOML file as keys, values and lines.
struct Document {
  let path: String
  let entries: [TOMLReader.Entry]

  /// The most that a configuration may be: everything is read into memory.
  static let limit = 1 << 20

  /// - Throws: `.invalid` where it is not TOML, with file and line.
  init(_ bytes: [UInt8], path: String) throws(Failure) {
    self.path = path
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.invalid, "\(path) is not text in UTF-8")
    }
    do {
      entries = try TOMLReader(text).entries
    } catch {
      throw Failure(
        .invalid, "\(path):\(error.line): not valid TOML: \(error.words)",
        remedy: "write each key as: name = value, with strings in double quotes")
    }
  }

  /// Reads a file; nil if it is not there.
  static func read(_ path: String) throws(Failure) -> Document? {
    guard let bytes = try contents(of: path) else { return nil }
    return try Document(bytes, path: path)
  }

  private static func contents(of path: String) throws(Failure) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw failure("open", path)
    }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled) }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure("read", path) }
      if count == 0 { break }
      filled += count
    }
    guard filled <= limit else {
      throw Failure(
        .invalid, "\(path) is larger than \(Words.bytes(UInt64(limit))), the most that a configuration may have")
    }
    return Array(bytes[..<filled])
  }

  private static func failure(_ operation: String, _ path: String) -> Failure {
    Failure(.io, "cannot \(operation) \(path): \(String(cString: strerror(errno)))")
  }
}
