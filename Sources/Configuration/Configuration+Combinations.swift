// SPDX-License-Identifier: Apache-2.0
internal import Interface
import Report

extension Configuration {
  /// What is right by itself and wrong together.
  func faults() -> [Failure] {
    var faults: [Failure] = []
    if let prefix, prefix > 32, let gateway, Rules.isIPv4(gateway) {
      faults.append(
        fault("prefix", "= \(prefix) is longer than an IPv4 address", "use 1 to 32 with the gateway \(gateway)"))
    }
    let ofImage = [
      ("format", format), ("digest", digest), ("sums", sums), ("signature", signature), ("fingerprint", fingerprint),
      ("verify", verify),
    ]
    for (key, value) in ofImage where value != nil && image == nil {
      faults.append(fault(key, "is set without image", "set image too"))
    }
    for (key, isSet) in [("keyring", keyring != nil && image == nil), ("pockets", !pockets.isEmpty)]
    where isSet && mirror == nil {
      faults.append(
        fault(key, "is set without mirror: the apt sources of this machine have their own", "set mirror too"))
    }
    for (key, isSet) in [("files", files != nil), ("first_boot", !firstBoot.isEmpty)]
    where isSet && image != nil && configure == .none {
      faults.append(
        fault(
          key, "is set, and does not reach a guest that stays as its image has it (configure = \"none\")",
          "set configure to \"auto\""))
    }
    if user == nil, userPasswordHash != nil {
      faults.append(fault("user_password_hash", "is set without user", "set user too"))
    }
    // One inode for each block is all that can ever be used.
    if inodeRatio < blockSize {
      faults.append(
        fault(
          "inode_ratio", "= \(inodeRatio) is less than the block size of \(blockSize) bytes",
          "set inode_ratio to \(blockSize) or more, or block_size to \(Self.blockSize(for: inodeRatio))"))
    }
    if !["C", "POSIX", "C.UTF-8"].contains(locale), !packages.contains("locales-all") {
      faults.append(
        fault(
          "locale", "= \"\(locale)\" needs the package locales-all in the guest",
          "add locales-all to packages, or set locale to \"C.UTF-8\""))
    }
    return faults + diskFaults() + nicFaults().map { fault($0.key, $0.words, $0.remedy) }
  }

  private func diskFaults() -> [Failure] {
    var faults: [Failure] = []
    if let swap, let role = diskRoles[1], swap != (role == .swap) {
      faults.append(fault("swap", "= \(swap) contradicts disk_1 = \"\(role.text)\"", "set one of the two only"))
    }
    var first: [String: Int] = [:]
    for index in Self.furtherDisks {
      guard let role = role(ofDisk: index), role != .untouched else { continue }
      guard let other = first.updateValue(index, forKey: role.text) else { continue }
      let what =
        switch role {
        case .swap: "a guest has one swap disk"
        case .seed: "a guest has one seed"
        default: "only one disk is mounted at a place"
        }
      faults.append(
        fault(
          "disk_\(index)", "= \"\(role.text)\" is also that of disk \(other): \(what)",
          "give each disk a role of its own"))
    }
    return faults
  }

  private func fault(_ key: String, _ words: String, _ remedy: String) -> Failure {
    Failure(.invalid, (origins[key].map { "\($0): " } ?? "") + "\(key) \(words)", remedy: remedy)
  }

  private static func blockSize(for ratio: Int) -> Int {
    [4096, 2048].first { $0 <= ratio } ?? 1024
  }
}
