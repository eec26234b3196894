// SPDX-License-Identifier: Apache-2.0
import Report

/// What the configuration says of a guest that comes ready-made, for its own files; the rest stays as its image has it, but for
/// a password of root.
package struct GuestSettings: Sendable, Equatable {
  package var accounts: Accounts
  package var timezone: String?
  /// Nil where the guest's own way is as good.
  package var network: GuestNetwork?
  /// What is told of the network; nil: by what is in the guest.
  package var renderer: NetworkRenderer?

  package init(
    accounts: Accounts = Accounts(), timezone: String? = nil, network: GuestNetwork? = nil,
    renderer: NetworkRenderer? = nil
  ) {
    self.accounts = accounts
    self.timezone = timezone
    self.network = network
    self.renderer = renderer
  }

  /// Returns what does not reach the guest, and why, a line for each.
  func apply(to guest: some GuestFiles) throws(Failure) -> [String] {
    let notes = try accounts.add(to: guest) + [try setTimezone(of: guest)].compactMap { $0 }
    return try notes + configure(guest)
  }

  /// Its network, and what its cloud-init leaves alone.
  private func configure(_ guest: some GuestFiles) throws(Failure) -> [String] {
    guard let network else {
      let own = try NetworkRenderer.own(in: guest)
      try CloudInit.keepName(of: guest, andNetwork: own != nil && own != .cloudInit)
      return []
    }
    try renderer?.refuseMissing(in: guest)
    let renderer = if let renderer { renderer } else { try NetworkRenderer.chosen(in: guest) }
    guard let renderer else {
      try CloudInit.keepName(of: guest)
      return ["the guest keeps the network that it has: nothing that is known configures it"]
    }
    return ["\(renderer.name) of the guest configures its network"] + (try renderer.takeOver(network, of: guest))
  }

  private func setTimezone(of guest: some GuestFiles) throws(Failure) -> String? {
    do throws(Failure) {
      try Locale(timezone: timezone).apply(to: guest)
      return nil
    } catch {
      guard error.code == .guest else { throw error }
      return "the guest keeps its time zone: \(error.message)"
    }
  }
}

extension NetworkRenderer {
  /// Has it configure the network of a guest that was not made here, whose cloud-init, if there is one, leaves that and the name alone.
  ///
  /// - Returns: what speaks of the same network, and stays.
  func takeOver(_ network: GuestNetwork, of guest: some GuestFiles) throws(Failure) -> [String] {
    try CloudInit.removeNetwork(of: guest)
    let others = try apply(network, to: guest)
    try CloudInit.keepName(of: guest, andNetwork: self != .cloudInit)
    let places = others.map(\.description).joined(separator: ", ")
    return others.isEmpty ? [] : ["these speak of the same interfaces or addresses, and stay as they are: \(places)"]
  }
}
