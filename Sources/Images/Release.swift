// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// What this machine runs, which is what its guests get unless the configuration says otherwise.
package struct Release: Equatable, Sendable {
  /// Such as `bookworm`.
  package var codename: String
  /// As the person knows it, such as `Debian GNU/Linux 12 (bookworm)`.
  package var title: String

  package init(codename: String, title: String) {
    self.codename = codename
    self.title = title
  }

  /// Reads os-release(5).
  ///
  /// - Parameter root: the folder that stands for `/`.
  package static func ofThisMachine(root: String = "") throws(Failure) -> Release {
    for path in OSRelease.paths {
      // A symbolic link is common here: opened by its path, as every other program does.
      guard let text = try? Descriptor(root + path, O_RDONLY).text(limit: 65536) else { continue }
      let release = OSRelease(text)
      guard let codename = release["VERSION_CODENAME"] else {
        throw Failure(
          .invalid, "\(root)\(path) has no VERSION_CODENAME",
          remedy: "name the release with suite in the configuration")
      }
      return Release(codename: codename, title: release["PRETTY_NAME"] ?? codename)
    }
    throw Failure(
      .invalid, "\(root)/etc/os-release cannot be read, so the release of this machine is not known",
      remedy: "name the release with suite and mirror in the configuration")
  }

  /// Debian's name for the processor that this program was built for.
  package static var architecture: String {
    #if arch(x86_64)
      "amd64"
    #elseif arch(arm64)
      "arm64"
    #elseif arch(powerpc64le)
      "ppc64el"
    #elseif arch(s390x)
      "s390x"
    #elseif arch(riscv64)
      "riscv64"
    #elseif arch(arm)
      "armhf"
    #else
      "i386"
    #endif
  }
}

extension Descriptor {
  /// The whole of a file of text, up to `limit` bytes of it.
  func text(limit: Int) throws(Failure) -> String {
    let bytes = try [UInt8](upTo: limit) { buffer throws(Failure) in try readFull(into: buffer) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
