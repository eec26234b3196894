// SPDX-License-Identifier: Apache-2.0
internal import Guest
internal import Report
internal import Worker

// As a worker is told of them.
extension GuestSettings {
  var json: JSON {
    [
      "password": .optional(accounts.rootPasswordHash), "keys": .array(accounts.sshKeys.map { .string($0) }),
      "timezone": .optional(timezone), "network": network?.json ?? nil,
    ]
  }

  /// Nil for null.
  static func optional(_ json: JSON?) throws(Failure) -> GuestSettings? {
    guard let json, json != .null else { return nil }
    let accounts = Accounts(rootPasswordHash: json["password"]?.string, sshKeys: try json.texts("keys"))
    return GuestSettings(
      accounts: accounts, timezone: json["timezone"]?.string, network: try GuestNetwork.optional(json["network"]))
  }
}
