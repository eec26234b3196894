// SPDX-License-Identifier: Apache-2.0
package import Interface
import Report

/// How guests are made and dumped: what `guestsmith.toml`, a variant and the parameters of an instance say, over
/// defaults that need no file.
///
/// What each key means, and what may stand in it, is declared in `Key.all`.
package struct Configuration: Sendable {
  package enum Filesystem: String, CaseIterable, Sendable { case ext4, ext3, ext2 }
  package enum Wipe: String, CaseIterable, Sendable { case discard, zero, none }
  package enum Sandbox: String, CaseIterable, Sendable { case auto, required, off }
  package enum Compression: String, CaseIterable, Sendable { case zstd, none }
  package enum Layout: String, CaseIterable, Sendable { case auto, none, gpt }
  /// How a guest that was not made here is told who it is.
  package enum Configure: String, CaseIterable, Sendable { case auto, files, seed, none }
  /// Whether a guest that is imported stays the machine that it was.
  package enum Identity: String, CaseIterable, Sendable { case clone, restore }
  /// What a copy of a guest can do without.
  package enum Cleaning: String, CaseIterable, Sendable {
    case logs, logins, history, mail, caches, tmp, crashes
  }
  package enum Firmware: String, CaseIterable, Sendable { case bios, uefi }
  /// What configures the network of a guest.
  package enum Renderer: String, CaseIterable, Sendable {
    case networkd, netplan, ifupdown, networkmanager, sysconfig, wicked, alpine
    case cloudInit = "cloud-init"
  }
  package enum Address: String, CaseIterable, Sendable {
    case dhcp
    case fixed = "static"
  }

  package internal(set) var cache = "/var/cache/guestsmith"
  package internal(set) var imageMaxAgeDays = 14
  /// In bytes; 0 is without limit.
  package internal(set) var cacheMaxSize: UInt64 = 20 << 30

  /// A published disk: a URL or a path; nil: the guest is bootstrapped.
  package internal(set) var image: String?
  /// How it is in its file; nil: by its name.
  package internal(set) var format: String?
  package internal(set) var digest: String?
  /// A URL or a path of a list of digests.
  package internal(set) var sums: String?
  /// A URL or a path, of a signature over that list or the image.
  package internal(set) var signature: String?
  package internal(set) var fingerprint: String?
  /// `none`, or nil.
  package internal(set) var verify: String?

  /// Nil: the release of this machine.
  package internal(set) var suite: String?
  /// Nil: the apt sources of this machine.
  package internal(set) var mirror: String?
  /// A file: of the keys that sign the mirror, or the image; nil: the keys that apt on this machine trusts.
  package internal(set) var keyring: String?
  /// More suites of the mirror, by the endings of their names: `updates` for `bookworm-updates`.
  package internal(set) var pockets: [String] = []
  /// None: those of the apt sources.
  package internal(set) var components: [String] = []
  package internal(set) var packages: [String] = []
  /// Name of a package, or `none`.
  package internal(set) var kernel = defaultKernel

  package internal(set) var filesystem = Filesystem.ext4
  /// In bytes.
  package internal(set) var blockSize = 4096
  /// Bytes of the disk for each inode.
  package internal(set) var inodeRatio = 16384
  package internal(set) var reservedPercent = 5.0
  package internal(set) var label = ""
  package internal(set) var wipe = Wipe.discard
  package internal(set) var layout = Layout.auto
  /// What a whole disk boots under: `Firmware`, by its words.
  package internal(set) var boot = Firmware.allCases.map(\.rawValue)

  /// Whether the second disk becomes swap; nil: where the host says so.
  package internal(set) var swap: Bool?
  /// What disks after the first are for.
  package internal(set) var diskRoles: [Int: RequestedDisk.Role] = [:]
  package internal(set) var reinstallKeep = ["/etc/ssh/ssh_host_*"]

  package internal(set) var address = Address.dhcp
  package internal(set) var prefix: Int?
  package internal(set) var gateway: String?
  package internal(set) var nameservers: [String] = []
  package internal(set) var search: [String] = []
  /// In bytes; nil: as the link has it.
  package internal(set) var mtu: Int?
  /// Nil: by what is in the guest.
  package internal(set) var networkRenderer: Renderer?
  /// What interfaces get, by their numbers: words of `NICWord`.
  var nics: [Int: [String]] = [:]

  package internal(set) var rootPasswordHash: String?
  package internal(set) var sshKeys: [String] = []
  /// The login of a person; nil: root's alone.
  package internal(set) var user: String?
  package internal(set) var userPasswordHash: String?
  /// Whether the keys are root's too where there is a user.
  package internal(set) var rootLogin: Bool?
  /// Nil: as it is installed.
  package internal(set) var timezone: String?
  package internal(set) var locale = "C.UTF-8"

  /// Lines, and paths of files with lines. They may be secret.
  package internal(set) var debconf: [String] = []
  /// A program.
  package internal(set) var buildHook: String?
  /// A folder.
  package internal(set) var files: String?
  /// Files, in the order in which a guest runs them.
  package internal(set) var firstBoot: [String] = []

  package internal(set) var configure = Configure.auto
  /// Nil: restored under its own name, a clone under another.
  package internal(set) var identity: Identity?
  /// What copies do without: `Cleaning`, by its words.
  package internal(set) var clean: [String] = []
  /// An absolute path, or the text itself. Secret: never in a message.
  package internal(set) var userData: String?

  package internal(set) var compression = Compression.zstd
  package internal(set) var compressionLevel = 1
  /// 0: as many as there are processors.
  package internal(set) var threads = 0

  package internal(set) var sandbox = Sandbox.auto

  /// Where each key that is not at its default was set.
  var origins: [String: Origin] = [:]

  /// The defaults.
  package init() {}

  /// The disks that a key can give a role; Ganeti has at most 16 disks.
  package static let furtherDisks = 1...15

  /// What a disk after the first is configured to be for; nil where that is left to the host.
  package func role(ofDisk index: Int) -> RequestedDisk.Role? {
    diskRoles[index] ?? (index == 1 ? swap.map { $0 ? .swap : .untouched } : nil)
  }

  package var firmware: [Firmware] { boot.compactMap { Firmware(rawValue: $0) } }

  /// The kernel package, or nil where the guest gets none.
  package var kernelPackage: String? { kernel == "none" ? nil : kernel }

  /// Debian's kernel for virtual machines, a third of the size of the general one, where there is one for the processor.
  private static var defaultKernel: String {
    #if arch(x86_64)
      "linux-image-cloud-amd64"
    #elseif arch(arm64)
      "linux-image-cloud-arm64"
    #elseif arch(powerpc64le)
      "linux-image-powerpc64le"
    #elseif arch(s390x)
      "linux-image-s390x"
    #elseif arch(riscv64)
      "linux-image-riscv64"
    #elseif arch(arm)
      "linux-image-armmp"
    #else
      "linux-image-686-pae"
    #endif
  }
}

/// Where a key was set: what a message about it begins with.
struct Origin: Sendable, Equatable, CustomStringConvertible {
  var description: String

  static func file(_ path: String, line: Int) -> Origin {
    Origin(description: "\(path):\(line)")
  }

  static let parameter = Origin(description: "parameter")
}
