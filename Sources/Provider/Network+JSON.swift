// SPDX-License-Identifier: Apache-2.0
internal import Guest
internal import Report
internal import Worker

// As a worker is told of it.
extension Network {
  var json: JSON {
    var json: [JSON.Member] = [.init(key: "nameservers", value: .array(nameservers.map { .string($0) }))]
    if case .fixed(let fixed) = address {
      json += [
        .init(key: "address", value: .string(fixed.address)), .init(key: "prefix", value: .integer(fixed.prefix)),
        .init(key: "gateway", value: .optional(fixed.gateway)),
      ]
    }
    return .object(json)
  }

  init(_ json: JSON) throws(Failure) {
    self.init(.dhcp, nameservers: try json.texts("nameservers"))
    guard let address = json["address"]?.string else { return }
    self.address = .fixed(
      StaticAddress(address, prefix: Int(try json.number("prefix")), gateway: json["gateway"]?.string))
  }

  /// Nil for null.
  static func optional(_ json: JSON?) throws(Failure) -> Network? {
    guard let json, json != .null else { return nil }
    return try Network(json)
  }
}
