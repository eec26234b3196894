// SPDX-License-Identifier: Apache-2.0
package import Glibc
package import Report

/// A file of this machine that a key of the configuration names. What is looked at is what is read: it is opened once.
package struct ConfiguredFile {
  package let status: stat
  package let bytes: [UInt8]

  /// - Parameters:
  ///   - key: of the configuration, for a message.
  ///   - limit: in bytes.
  /// - Throws: `.invalid` for what is not a file, can't be read or is longer, and, for root, for what others could change.
  package init(_ path: String, as key: String, limit: Int) throws(Failure) {
    let file: Descriptor
    do throws(Failure) {
      // Should it be a pipe, the call does not wait for its other end.
      file = try Descriptor(path, O_RDONLY | O_NONBLOCK)
    } catch {
      throw Failure(.invalid, "\(key): \(error.message)", remedy: "name a file of this machine")
    }
    status = try file.status()
    guard status.isRegular else {
      throw Failure(.invalid, "\(key): \(path) is not a file", remedy: "name a file of this machine")
    }
    if geteuid() == 0, let failure = status.exposure(of: path) { throw failure }
    guard status.st_size <= limit else {
      throw Failure(
        .invalid, "\(key): \(path) has \(status.st_size) bytes, and at most \(limit) are taken",
        remedy: "name a smaller one")
    }
    bytes = try file.bytes(at: 0, count: Int(status.st_size))
  }

  /// One that can be executed: a script, or a program of ELF.
  package init(program path: String, as key: String, limit: Int) throws(Failure) {
    try self.init(path, as: key, limit: limit)
    guard bytes.starts(with: "#!".utf8) || bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else {
      throw Failure(
        .invalid, "\(key): \(path) is not a program: it does not begin with #!", remedy: "begin it with #!/bin/sh")
    }
  }
}
