// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Whether there is a user of that number in our namespace of users: not in every container.
func isUser(_ number: UInt32) -> Bool {
  (fileText("/proc/self/uid_map") ?? "").split(separator: "\n").contains { line in
    let numbers = line.split(separator: " ").compactMap { UInt64($0) }
    return numbers.count == 3 && numbers[0] <= number && numbers[0] + numbers[2] > number
  }
}

/// Whose rights a program has that needs none of root's.
package struct Rights: Sendable {
  private let otherGroup: UInt32
  /// Debian's nobody and nogroup, to whom nothing belongs, and the kernel's overflow ids.
  private static let nobody: UInt32 = 65534

  /// Those of nobody, and of the group of a device that it uses, where there is one; nil for who has no others to give up:
  /// an ordinary user, and such a user's own root in a namespace where there is nobody else.
  package static func ofNobody(using device: String?) -> Rights? {
    guard geteuid() == 0, isUser(nobody) else { return nil }
    let (status, error) = device.map { examine($0) } ?? (stat(), ENOENT)
    return Rights(otherGroup: error == 0 ? status.st_gid : nobody)
  }

  var request: clinux_rights { clinux_rights(user: Self.nobody, group: Self.nobody, other_group: otherGroup) }
}
