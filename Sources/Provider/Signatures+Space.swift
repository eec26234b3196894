// SPDX-License-Identifier: Apache-2.0
internal import Filesystems
internal import LinuxIO

/// Whether the superblock of a filesystem tells what is on a disk: an old one may stand in front of something else.
extension Signatures {
  /// Whether what is known is an ext filesystem, and nothing else.
  var isExt: Bool {
    guard case .one(let found) = self else { return false }
    return FilesystemKind(named: found.type).can.contains(.editFiles)
  }

  /// Whether what is known is a swap area, and nothing else.
  var isSwap: Bool {
    guard case .one(let found) = self else { return false }
    return found.type == "swap"
  }

  /// Whether what is known is for certain something else than an ext filesystem, such as a member of a RAID.
  var excludesExt: Bool {
    guard case .one = self else { return false }
    return !isExt
  }
}
