// SPDX-License-Identifier: Apache-2.0
internal import Digest
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
    bytes = try ConfiguredFile(program: path, as: "build_hook", limit: Self.largest).bytes
    self.path = path
    digest = SHA256.hex(of: bytes)
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
