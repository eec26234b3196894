// SPDX-License-Identifier: Apache-2.0
package import Configuration
internal import Dump
internal import Ext4
internal import Glibc
internal import Guest
package import Images
internal import Interface
package import LinuxIO
package import Report
internal import Storage

/// What the configuration says, in the words of those who do it.
extension Configuration {
  /// Of the images that its guests are made from: with `auto` the host says for each guest which. The first is of disks
  /// without partitions, unless there are none.
  package var imageRequests: [ImageRequest] {
    switch layout {
    case .none: [imageRequest(isBootable: false)]
    case .gpt: [imageRequest(isBootable: true)]
    case .auto where kernelPackage == nil: [imageRequest(isBootable: false)]
    case .auto: [imageRequest(isBootable: false), imageRequest(isBootable: true)]
    }
  }

  func imageRequest(isBootable: Bool) -> ImageRequest {
    var request = ImageRequest(
      suite: suite, mirror: mirror, pockets: pockets, keyring: keyring,
      components: components.isEmpty ? nil : components,
      packages: packages + (user == nil || packages.contains("sudo") ? [] : ["sudo"]),
      kernel: kernelPackage, filesystem: filesystemOptions)
    request.isBootable = isBootable
    (request.debconf, request.buildHook) = (debconf, buildHook)
    return request
  }

  /// Whether the disk of a guest boots by itself. One that has no kernel counts on its host's.
  func bootsByItself(_ request: Request) -> Bool {
    switch layout {
    case .none: false
    case .gpt: true
    case .auto: kernelPackage != nil && !request.hostHasKernel
    }
  }

  var filesystemOptions: FilesystemOptions {
    let kind: FilesystemOptions.Kind =
      switch filesystem {
      case .ext2: .ext2
      case .ext3: .ext3
      case .ext4: .ext4
      }
    return FilesystemOptions(
      kind: kind, blockSize: UInt32(blockSize), inodeRatio: UInt32(inodeRatio), reservedPercent: reservedPercent,
      label: label)
  }

  var diskWipe: Storage.Wipe {
    switch wipe {
    case .discard: .discard
    case .zero: .zero
    case .none: .none
    }
  }

  var accounts: Accounts {
    var accounts = Accounts(rootPasswordHash: rootPasswordHash, sshKeys: sshKeys)
    accounts.user = user.map { UserAccount(name: $0, passwordHash: userPasswordHash) }
    accounts.rootHasKeys = rootLogin ?? false
    return accounts
  }

  /// What a plan says of the user, if there is one.
  var accountLines: [String] {
    guard let user else { return [] }
    let keys = sshKeys.isEmpty ? "no ssh_keys" : "ssh_keys\(rootLogin == true ? ", root too" : "")"
    return ["user \(user): sudo, \(keys), \(userPasswordHash == nil ? "no password" : "a password")"]
  }

  var cleanings: [Guest.Cleaning] { clean.compactMap { Guest.Cleaning(rawValue: $0) } }

  var renderer: NetworkRenderer? { networkRenderer.flatMap { NetworkRenderer(rawValue: $0.rawValue) } }

  var guestLocale: Locale { Locale(timezone: timezone, language: locale) }

  var dumpCompression: DumpWriter.Compression {
    compression == .none ? .none : .zstd(level: compressionLevel)
  }

  /// How many threads compress and decompress.
  package var workers: Int { threads > 0 ? threads : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  package var sandboxMode: SandboxMode {
    switch sandbox {
    case .auto: .auto
    case .required: .required
    case .off: .off
    }
  }

  /// The cache of images as it is configured.
  package func imageStore() throws(Failure) -> ImageStore {
    try ImageStore(
      folder: cache, maxAgeDays: imageMaxAgeDays == 0 ? nil : imageMaxAgeDays,
      maxSize: cacheMaxSize == 0 ? nil : cacheMaxSize)
  }
}
