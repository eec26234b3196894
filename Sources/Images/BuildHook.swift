// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Glibc
internal import LinuxIO
internal import Report

/// A program of this machine that changes the tree of an image while that is built (`build_hook`). What was read here is what is
/// run: a copy of it.
struct BuildHook: Equatable, Sendable {
  private static let largest = 1 << 20

  let path: String
  let bytes: [UInt8]
  let digest: String

  /// - Throws: `.invalid` for what is not a program, and for one that others than root could change where root runs it.
  init(_ path: String) throws(Failure) {
    bytes = try Self.read(path, as: "build_hook", limit: Self.largest)
    guard bytes.starts(with: "#!".utf8) || bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else {
      throw Failure(
        .invalid, "build_hook: \(path) is not a program: it does not begin with #!", remedy: "begin it with #!/bin/sh")
    }
    self.path = path
    digest = SHA256.hex(of: bytes)
  }

  /// A file of this machine that a key names.
  static func read(_ path: String, as key: String, limit: Int) throws(Failure) -> [UInt8] {
    let (status, error) = examine(path)
    guard error == 0, status.isRegular else {
      throw Failure(
        .invalid,
        "\(key): \(path) \(error == 0 ? "is not a file" : "can't be read: \(String(cString: strerror(error)))")",
        remedy: "name a file of this machine")
    }
    if geteuid() == 0, let failure = status.exposure(of: path) { throw failure }
    let bytes = try readFile(path, limit: limit + 1)
    guard bytes.count <= limit else {
      throw Failure(
        .invalid, "\(key): \(path) has more than \(limit) bytes, the most that it may have",
        remedy: "name a smaller one")
    }
    return bytes
  }
}

/// Which program of a site has changed an image.
package struct RecordedHook: Equatable, Sendable {
  package var path: String
  /// SHA-256, in hexadecimal.
  package var digest: String

  init(path: String, digest: String) {
    self.path = path
    self.digest = digest
  }

  init?(_ json: JSON?) {
    guard let path = json?["path"]?.string, let digest = json?["sha256"]?.string else { return nil }
    self.init(path: path, digest: digest)
  }

  var json: JSON { ["path": .string(path), "sha256": .string(digest)] }
}
