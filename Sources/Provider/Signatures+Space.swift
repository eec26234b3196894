// SPDX-License-Identifier: Apache-2.0
internal import Filesystems
internal import LinuxIO

/// Whose word on what is free a dump goes by: a superblock that is left of what was there before says nothing of what is there now.
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
