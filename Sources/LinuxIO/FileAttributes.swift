// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Glibc
package import Report

/// The extended attributes of what is at `path`, of a symbolic link itself; none where its filesystem has no such thing.
package func extendedAttributes(ofFile path: String) throws(Failure) -> [(name: ByteString, value: [UInt8])] {
  // The most that Linux has of either (XATTR_LIST_MAX, XATTR_SIZE_MAX).
  let limit = 65536
  let name = ByteString(argument: path).cString
  var list = [CChar](repeating: 0, count: limit)
  let length = clinux_list_attributes(name, &list, limit)
  guard length >= 0 else {
    if errno == EOPNOTSUPP { return [] }
    throw .system("list the attributes of", path)
  }
  return try ByteString(list[..<length].map { UInt8(bitPattern: $0) }).split(separator: "\0").map {
    attribute throws(Failure) in
    let value = try [UInt8](upTo: limit) { buffer throws(Failure) in
      let count = clinux_get_attribute(name, attribute.cString, buffer.baseAddress, buffer.count)
      guard count >= 0 else { throw .system("read \(attribute) of", path) }
      return count
    }
    return (attribute, value)
  }
}

extension stat {
  /// How users other than root could change this file of `path`; nil where they can't. A link's own mode says nothing.
  package func exposure(of path: String) -> Failure? {
    if st_uid != 0 {
      return Failure(
        .invalid, "\(path) belongs to user \(st_uid), who could change it", remedy: "run chown root \(path)")
    }
    guard !isLink, st_mode & (S_IWGRP | S_IWOTH) != 0 else { return nil }
    return Failure(
      .invalid, "\(path) has mode 0\(String(st_mode & 0o7777, radix: 8)): others could change it",
      remedy: "run chmod go-w \(path)")
  }
}
