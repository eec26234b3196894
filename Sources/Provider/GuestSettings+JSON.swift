// SPDX-License-Identifier: Apache-2.0
internal import Guest
internal import Report
internal import Worker

// As a worker is told of them.
extension GuestSettings {
  var json: JSON {
    [
      "accounts": accounts.json, "timezone": .optional(timezone), "network": network?.json ?? nil,
      "renderer": .optional(renderer?.rawValue),
    ]
  }

  /// Nil for null.
  static func optional(_ json: JSON?) throws(Failure) -> GuestSettings? {
    guard let json, json != .null else { return nil }
    return GuestSettings(
      accounts: try Accounts(json["accounts"]), timezone: json["timezone"]?.string,
      network: try GuestNetwork.optional(json["network"]),
      renderer: json["renderer"]?.string.flatMap { NetworkRenderer(rawValue: $0) })
  }
}
