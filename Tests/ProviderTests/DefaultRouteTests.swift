// SPDX-License-Identifier: Apache-2.0
import Guest
import Interface
import Report
import Testing

@testable import Provider

@Suite("The default routes of a guest, and its routers")
struct DefaultRouteTests {
  @Test(
    "The configured gateway is that of the first static address of its family, on the link where it is not near",
    arguments: [
      ("192.0.2.9/32", "203.0.113.1", true), ("192.0.2.9/28", "192.0.2.31", true), ("192.0.2.9/24", "192.0.2.1", false),
      ("2001:db8::9/128", "2001:db8:1::1", true), ("2001:db8::9/64", "2001:db8::ffff:1", false),
      ("2001:db8::9/128", "fe80::1", false),
    ])
  func gateway(address: String, gateway: String, isOnLink: Bool) throws {
    let interfaces = try NetworkPlanTests.planned(
      [NetworkPlanTests.nic(0), NetworkPlanTests.nic(1), NetworkPlanTests.nic(2)],
      ["nic_0": "dhcp", "nic_1": address, "nic_2": "none", "gateway": gateway]
    ).network.interfaces
    #expect(interfaces.map(\.routes) == [[], [.init(by: gateway, isOnLink: isOnLink)], []])
  }

  @Test(
    "It is of the interface in whose network it is; in none, one that the host tells comes before it",
    arguments: [
      ("192.0.2.1", "192.0.2.1", nil, 1, false), ("192.0.2.1", nil, nil, 1, false), ("10.0.0.1", nil, nil, 0, false),
      ("192.0.2.1", "192.0.2.254", "192.0.2.254", 1, false), ("203.0.113.1", "192.0.2.1", "192.0.2.1", 1, false),
      ("203.0.113.1", nil, nil, 0, true), ("203.0.113.1", "198.51.100.1", nil, 0, true),
    ] as [(String, String?, String?, Int, Bool)])
  func ofItsNetwork(gateway: String, told: String?, instead: String?, place: Int, isOnLink: Bool) throws {
    let plan = try NetworkPlanTests.planned(
      Self.two(told: told), ["address": "static", "gateway": gateway])
    var routes: [[GuestNetwork.Route]] = [[], []]
    routes[place] = [.init(by: instead ?? gateway, isOnLink: isOnLink)]
    #expect(plan.network.interfaces.map(\.routes) == routes)
  }

  @Test(
    "A router of a key is refused where only another interface is in its network",
    arguments: [
      (["nic_0": "static gateway:192.0.2.1", "nic_1": "static"], 0, "192.0.2.1"),
      (["address": "static", "nic_1": "static route:198.18.0.0/15@10.0.0.1"], 1, "10.0.0.1"),
    ])
  func ofAnother(parameters: [String: String], place: Int, router: String) throws {
    let failure = #expect(throws: Failure.self) {
      try NetworkPlanTests.planned(Self.two(), parameters)
    }
    #expect(
      failure?.message == "nic_\(place) has the router \(router), which is in the network of interface \(1 - place)")
    #expect(failure?.code == .invalid && failure?.remedy != nil)
  }

  @Test(
    "A router of a key may be on the link of an address that is a network by itself, or in the network of a lease",
    arguments: [
      "203.0.113.9/32 gateway:192.0.2.1", "dhcp4 203.0.113.9/24 route:198.18.0.0/15@192.0.2.1",
    ])
  func onLink(key: String) throws {
    let plan = try NetworkPlanTests.planned(Self.two(), ["nic_0": "192.0.2.7/24", "nic_1": key])
    #expect(plan.network.interfaces[1].routes.contains { $0.gateway == "192.0.2.1" && $0.isOnLink })
  }

  @Test(
    "A name server is of the interface that has the default route of its family, or else an address of that",
    arguments: [
      (["nic_0": "dhcp4", "nic_1": "192.0.2.7/24 gateway:192.0.2.1"], [[], ["192.0.2.53", "2001:db8::53"]], 1),
      (
        ["nic_0": "2001:db8::7/64 gateway:2001:db8::1", "nic_1": "192.0.2.7/24 gateway:192.0.2.1"],
        [["2001:db8::53"], ["192.0.2.53"]], 0
      ),
      (["nic_0": "192.0.2.7/24", "nic_1": "dhcp"], [[], ["192.0.2.53", "2001:db8::53"]], 0),
      (["nic_0": "192.0.2.7/24", "nic_1": "slaac"], [["192.0.2.53"], ["2001:db8::53"]], 0),
      (["nic_0": "none", "nic_1": "192.0.2.7/24"], [[], ["192.0.2.53", "2001:db8::53"]], 1),
    ] as [([String: String], [[String]], Int)])
  func nameServers(parameters: [String: String], servers: [[String]], unreached: Int) throws {
    let given = ["nameservers": "192.0.2.53 2001:db8::53", "search": "example.com"]
    let plan = try NetworkPlanTests.planned(
      [NetworkPlanTests.nic(0), NetworkPlanTests.nic(1)], parameters.merging(given) { $1 })
    let interfaces = plan.network.interfaces
    #expect(interfaces.map(\.nameservers) == servers)
    let first = try #require(servers.firstIndex { !$0.isEmpty })
    #expect(interfaces.map(\.searchDomains) == interfaces.indices.map { $0 == first ? ["example.com"] : [] })
    let note = "the guest can't reach the name server 2001:db8::53: none of its interfaces gets an address of IPv6"
    #expect(plan.notes.filter { $0.contains("name server") } == [String](repeating: note, count: unreached))
  }

  @Test("A name server in the guest itself is not told to be out of reach")
  func ownServer() throws {
    let plan = try NetworkPlanTests.planned([NetworkPlanTests.nic(0)], ["nic_0": "192.0.2.7/24", "nameservers": "::1"])
    #expect(plan.network.interfaces[0].nameservers == ["::1"] && plan.notes == [])
  }

  private static func two(told: String? = nil) -> [RequestedNIC] {
    [
      NetworkPlanTests.nic(0, "10.0.0.5", in: "10.0.0.0/24"),
      NetworkPlanTests.nic(1, "192.0.2.7", in: "192.0.2.0/24", by: told),
    ]
  }

  @Test(
    "Default routes that a guest may have beside one another are told once",
    arguments: [
      ([:], ["interfaces 0 and 1 may each get a default route by DHCP: the guest decides which is used"]),
      (
        ["nic_1": "dhcp4"],
        ["interfaces 0 and 1 may each get a default route of IPv4 by DHCP: the guest decides which is used"]
      ),
      (
        ["nic_0": "dhcp6", "nic_1": "dhcp6"],
        [
          "interfaces 0 and 1 may each get a default route of IPv6 as routers advertise it: the guest decides which is used"
        ]
      ),
      (
        ["nic_0": "192.0.2.9/24 gateway:192.0.2.1"],
        [
          "interface 0 has the gateway 192.0.2.1, and interface 1 may get another default route of IPv4 by DHCP: the guest "
            + "decides which is used"
        ]
      ),
      (
        ["nic_0": "192.0.2.9/24 dhcp4", "nic_1": "dhcp4", "gateway": "192.0.2.1"],
        [
          "interface 0 has the gateway 192.0.2.1, and interfaces 0 and 1 may each get another default route of IPv4 by "
            + "DHCP: the guest decides which is used"
        ]
      ),
      (
        ["nic_0": "none", "nic_1": "2001:db8::9/64 dhcp gateway:fe80::1"],
        [
          "interface 1 has the gateway fe80::1, and may get another default route of IPv6 as routers advertise it: the "
            + "guest decides which is used"
        ]
      ),
      (["nic_1": "none"], []), (["nic_0": "dhcp4", "nic_1": "dhcp6"], []), (["nic_0": "192.0.2.9/24"], []),
      (["nic_0": "192.0.2.9/24 gateway:192.0.2.1", "nic_1": "dhcp6"], []),
      (["nic_0": "slaac", "nic_1": "none"], []),
      (
        ["nic_0": "slaac", "nic_1": "192.0.2.9/24 slaac"],
        [
          "interfaces 0 and 1 may each get a default route of IPv6 as routers advertise it: the guest decides which is used"
        ]
      ),
      (
        ["nic_0": "2001:db8::7/64 gateway:2001:db8::1", "nic_1": "slaac"],
        [
          "interface 0 has the gateway 2001:db8::1, and interface 1 may get another default route of IPv6 as routers "
            + "advertise it: the guest decides which is used"
        ]
      ),
    ] as [([String: String], [String])])
  func rivals(parameters: [String: String], notes: [String]) throws {
    #expect(
      try NetworkPlanTests.planned([NetworkPlanTests.nic(0), NetworkPlanTests.nic(1)], parameters).notes == notes)
    #expect(try NetworkPlanTests.planned([NetworkPlanTests.nic(0)]).notes == [])
  }
}
