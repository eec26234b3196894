// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The network of a guest as its seed tells it: all interfaces, each by its MAC address.
package struct SeedNetwork: Sendable, Equatable {
  /// `network-config` without its first line.
  package let text: String

  /// Nil where the host does not tell the MAC address of each, by which cloud-init knows them.
  package init?(_ network: GuestNetwork) {
    guard !network.interfaces.isEmpty, network.interfaces.allSatisfy({ $0.mac != nil }),
      let configuration = try? CloudInitNetwork.configuration(of: network, isOfSeed: true)
    else { return nil }
    text = configuration.serialized()
  }

  private static let mark = "# for the instance "
  private static let unit = 4096

  /// `network-config` with that text. The instance in its first line tells, when another name has brought another network,
  /// whether `meta-data` knows of that already.
  package static func file(_ text: String, for instance: String) -> [UInt8] {
    Array("\(mark)\(instance)\n\(text)".utf8).padded(to: unit)
  }

  /// Which instance a file is for, where that text is what it says; nil for any other.
  package static func instance(of file: [UInt8], saying text: String) -> String? {
    let all = String(decoding: file, as: UTF8.self)
    guard all.hasPrefix(mark), let end = all.firstIndex(of: "\n") else { return nil }
    let instance = String(all[..<end].dropFirst(mark.count))
    return file == self.file(text, for: instance) ? instance : nil
  }
}
