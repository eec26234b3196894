// SPDX-License-Identifier: Apache-2.0

/// A kind of filesystem, by the name that libblkid, mount(8) and fstab(5) have for it, and what can be done with one.
/// What is new here is one more row of each table; nothing else asks for a name.
package struct FilesystemKind: Hashable, Sendable, CustomStringConvertible {
  /// What guestsmith can do with a filesystem of this kind, without mounting it.
  package struct Abilities: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
      self.rawValue = rawValue
    }

    /// Read and change the files in it.
    package static let editFiles = Abilities(rawValue: 1)
  }

  package let name: String

  package init(named name: String) {
    self.name = name
  }

  package static let ext2 = FilesystemKind(named: "ext2")
  package static let ext3 = FilesystemKind(named: "ext3")
  package static let ext4 = FilesystemKind(named: "ext4")
  package static let xfs = FilesystemKind(named: "xfs")
  package static let btrfs = FilesystemKind(named: "btrfs")

  package var description: String { name }

  package var can: Abilities {
    switch self {
    case .ext2, .ext3, .ext4: [.editFiles]
    default: []
    }
  }

  /// The driver of the kernel that mounts it: kinds of one driver take each other's options of mount(8).
  package var driver: String {
    switch self {
    case .ext2, .ext3: "ext4"
    default: name
    }
  }

  /// What fstab(5) says of a root filesystem: what is done on errors, where the kind lets that be chosen.
  package var rootOptions: [String] { driver == "ext4" ? ["errors=remount-ro"] : [] }

  /// The filesystem follows a disk that the host has grown, at the next boot; with ext4 alone, whose tools every guest
  /// has.
  package var growthOptions: [String] { self == .ext4 ? ["x-systemd.growfs"] : [] }

  /// Debian's packages with the tools that a guest needs for it.
  package var packages: [String] {
    switch self {
    case .ext2, .ext3, .ext4: ["e2fsprogs"]
    case .xfs: ["xfsprogs"]
    case .btrfs: ["btrfs-progs"]
    default: []
    }
  }

  /// The tool that checks all of one and changes nothing, and its arguments before the path; nil where none is known.
  package var checker: (tool: String, arguments: [String])? {
    switch self {
    case .ext2, .ext3, .ext4: ("e2fsck", ["-fn"])
    case .xfs: ("xfs_repair", ["-n", "-f"])
    case .btrfs: ("btrfs", ["check", "--readonly"])
    default: nil
    }
  }
}
