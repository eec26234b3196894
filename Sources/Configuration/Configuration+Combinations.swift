// SPDX-License-Identifier: Apache-2.0
import Report

extension Configuration {
  /// What is right by itself and wrong together.
  func faults() -> [Failure] {
    var faults: [Failure] = []
    if address == .fixed && prefix == nil {
      faults.append(
        fault(
          "address", "= \"static\" needs prefix: the length of the network prefix", "add a line such as: prefix = 24"))
    }
    if let prefix, prefix > 32, let gateway, Rules.isIPv4(gateway) {
      faults.append(
        fault("prefix", "= \(prefix) is longer than an IPv4 address", "a gateway such as \(gateway) has 1 to 32"))
    }
    // One inode for each block is all that can ever be used.
    if inodeRatio < blockSize {
      faults.append(
        fault(
          "inode_ratio", "= \(inodeRatio) is less than a block of \(blockSize) bytes: no file is smaller",
          "set inode_ratio to \(blockSize) or more, or block_size to \(Self.blockSize(for: inodeRatio))"))
    }
    if !["C", "POSIX", "C.UTF-8"].contains(locale), !packages.contains("locales-all") {
      faults.append(
        fault(
          "locale", "= \"\(locale)\" is in no guest without the package locales-all",
          "add locales-all to packages, or set locale to \"C.UTF-8\""))
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
