// SPDX-License-Identifier: Apache-2.0
internal import Report

/// A POSIX access control list as an archive has it: by name, by number, or both.
struct AccessControlList {
  struct Entry {
    /// As in acl(5) and include/uapi/linux/posix_acl_xattr.h: the order of the values is the order on the disk.
    enum Tag: UInt16 {
      case userObject = 0x01
      case user = 0x02
      case groupObject = 0x04
      case group = 0x08
      case mask = 0x10
      case other = 0x20
    }

    var tag: Tag
    var permissions: UInt16
    /// nil where the archive has the name alone.
    var id: UInt32?
    var name: String
  }

  /// The extended attribute that holds it.
  var attribute: ByteString
  var entries: [Entry]

  /// What the group's bits of a file's mode show: the mask where there is one.
  var groupPermissions: UInt16? { entries.first { $0.tag == .mask }?.permissions }

  /// The value of the attribute in the form of the kernel's system calls: a version word, then tag, permissions and id
  /// of each entry, all little-endian. Entries whose names `accounts` does not know are left out, as tar(1) does.
  func value(accounts: GuestAccounts) -> [UInt8] {
    let numbered = entries.compactMap { entry -> (tag: UInt16, permissions: UInt16, id: UInt32)? in
      switch entry.tag {
      case .user: (entry.id ?? accounts.users[entry.name]).map { (entry.tag.rawValue, entry.permissions, $0) }
      case .group: (entry.id ?? accounts.groups[entry.name]).map { (entry.tag.rawValue, entry.permissions, $0) }
      default: (entry.tag.rawValue, entry.permissions, UInt32.max)
      }
    }
    var bytes: [UInt8] = [2, 0, 0, 0]
    for entry in numbered.sorted(by: { ($0.tag, $0.id) < ($1.tag, $1.id) }) {
      withUnsafeBytes(of: entry.tag.littleEndian) { bytes.append(contentsOf: $0) }
      withUnsafeBytes(of: entry.permissions.littleEndian) { bytes.append(contentsOf: $0) }
      withUnsafeBytes(of: entry.id.littleEndian) { bytes.append(contentsOf: $0) }
    }
    return bytes
  }
}

/// The guest's own users and groups by name: the host's numbers mean nothing in it.
struct GuestAccounts {
  var users: [String: UInt32] = [:]
  var groups: [String: UInt32] = [:]

  /// - Parameters: the texts of passwd(5) and group(5).
  init(passwd: [UInt8], group: [UInt8]) {
    users = Self.numbers(passwd)
    groups = Self.numbers(group)
  }

  private static func numbers(_ text: [UInt8]) -> [String: UInt32] {
    var numbers: [String: UInt32] = [:]
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      if fields.count > 2, let number = UInt32(fields[2]) { numbers[String(fields[0])] = number }
    }
    return numbers
  }
}
