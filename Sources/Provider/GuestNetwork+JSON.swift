// SPDX-License-Identifier: Apache-2.0
internal import Guest
internal import Report
internal import Worker

// As a worker is told of it.
extension GuestNetwork {
  var json: JSON { .array(interfaces.map(\.json)) }

  init(_ json: JSON?) throws(Failure) {
    self.init(try (json?.array ?? []).map { interface throws(Failure) in try Interface(interface) })
  }

  /// Nil for null.
  static func optional(_ json: JSON?) throws(Failure) -> GuestNetwork? {
    guard let json, json != .null else { return nil }
    return try GuestNetwork(json)
  }
}

extension GuestNetwork.Interface {
  fileprivate var json: JSON {
    let (mac, order): (JSON, JSON) =
      switch match {
      case .mac(let mac): (.string(mac), nil)
      case .order(let order): (nil, .integer(order))
      }
    return [
      "mac": mac, "order": order, "index": .integer(index), "dhcp4": .bool(dhcp4), "dhcp6": .bool(dhcp6),
      "advertised": .bool(acceptsAdvertisements),
      "addresses": .array(
        addresses.map { ["address": .string($0.address), "prefix": .integer($0.prefix)] }),
      "routes": .array(
        routes.map { route in
          [
            "to": .optional(route.destination), "by": .string(route.gateway), "isOnLink": .bool(route.isOnLink),
          ]
        }), "mtu": mtu.map { .integer($0) } ?? nil, "nameservers": .array(nameservers.map { .string($0) }),
      "search": .array(searchDomains.map { .string($0) }),
    ]
  }

  fileprivate init(_ json: JSON) throws(Failure) {
    let match: GuestNetwork.Match =
      if let mac = json["mac"]?.string { .mac(mac) } else { .order(Int(try json.number("order"))) }
    self.init(match, index: Int(try json.number("index")))
    dhcp4 = try json.flag("dhcp4")
    dhcp6 = try json.flag("dhcp6")
    acceptsAdvertisements = try json.flag("advertised")
    addresses = try json.list("addresses").map { address throws(Failure) in
      Network.StaticAddress(try address.text("address"), prefix: Int(try address.number("prefix")))
    }
    routes = try json.list("routes").map { route throws(Failure) in
      GuestNetwork.Route(
        to: route["to"]?.string, by: try route.text("by"), isOnLink: try route.flag("isOnLink"))
    }
    mtu = json["mtu"]?.integer
    nameservers = try json.texts("nameservers")
    searchDomains = try json.texts("search")
  }
}
