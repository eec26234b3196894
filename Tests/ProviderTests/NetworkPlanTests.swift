// SPDX-License-Identifier: Apache-2.0
import Configuration
import Guest
import Interface
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("The network of a guest, as host and configuration make it")
struct NetworkPlanTests {
  private static let name = "vm1.example.com"

  static func nic(
    _ index: Int, _ ip: String? = nil, in subnet: String? = nil, by gateway: String? = nil, subnet6: String? = nil,
    gateway6: String? = nil, tags: [String] = []
  ) -> RequestedNIC {
    var nic = RequestedNIC(index: index)
    nic.mac = "AA:00:00:00:00:0\(index)"
    nic.ip = ip
    func parse(_ text: String?) -> RequestedNIC.Subnet? {
      guard let parts = text?.split(separator: "/") else { return nil }
      return .init(address: String(parts[0]), prefix: Int(parts[1]) ?? 0)
    }
    var network = RequestedNIC.Network(name: "lan")
    (network.subnet, network.gateway) = (parse(subnet), gateway)
    (network.subnet6, network.gateway6, network.tags) = (parse(subnet6), gateway6, tags)
    nic.network = network
    return nic
  }

  static func planned(
    _ nics: [RequestedNIC], _ parameters: [String: String] = [:], known: [String] = []
  ) throws -> NetworkPlan {
    var request = Request(
      .create(isReinstall: false), try InstanceName(Self.name), disks: [],
      os: RequestedOS(definition: "/nonexistent", name: "guestsmith"))
    request.nics = nics
    let configuration = try Configuration.load(
      definitionDirectory: nil, parameters: parameters, systemDirectory: "/nonexistent")
    return try NetworkPlan(request, configuration) { _ throws(Failure) in
      guard !known.isEmpty else { throw Failure(.invalid, "no such name") }
      return known
    }
  }

  private func plan(
    _ nics: [RequestedNIC], _ parameters: [String: String] = [:], known: [String] = []
  ) throws -> NetworkPlan {
    try Self.planned(nics, parameters, known: known)
  }

  @Test("A host that tells nothing gets DHCP on the first interface, known by its order")
  func nothing() throws {
    #expect(try plan([]).network == .standard)
    #expect(try plan([]).lines == ["network: DHCP"])
    #expect(
      try plan([], ["address": "static", "prefix": "24"], known: ["192.0.2.9"]).network.fixedAddresses
        == [.init("192.0.2.9", prefix: 24)])
  }

  @Test("Every interface uses DHCP, or what the tags of its network say, or its key")
  func ways() throws {
    let plan = try plan(
      [
        Self.nic(0), Self.nic(1, tags: ["dhcp"]), Self.nic(2, tags: ["slaac"]), Self.nic(3, tags: ["stateful", "lan"]),
        Self.nic(4, tags: ["nfdhcpd"]), Self.nic(5, tags: ["private"]), Self.nic(6, tags: ["dhcp"]), Self.nic(7),
      ], ["nic_6": "slaac", "nic_7": "none"])
    let ways = plan.network.interfaces.map { [$0.dhcp4, $0.dhcp6, $0.acceptsAdvertisements] }
    #expect(
      ways == [
        [true, true, true], [true, false, false], [false, false, true], [false, true, true], [true, false, true],
        [true, true, true], [false, false, true], [false, false, false],
      ])
    #expect(plan.network.interfaces.map(\.match) == (0...7).map { .mac("aa:00:00:00:00:0\($0)") })
    #expect(plan.lines[2] == "network: interface 2, aa:00:00:00:00:02: IPv6 as routers advertise it")
    #expect(plan.lines[7] == "network: interface 7, aa:00:00:00:00:07: stays unconfigured")
    #expect(!plan.isFixed)
  }

  @Test("Tags that tell of IPv6 alone leave IPv4 as the host's address says")
  func tagsOfIPv6() throws {
    let plan = try plan([
      Self.nic(0, "192.0.2.9", in: "192.0.2.0/24", by: "192.0.2.1", tags: ["slaac"]),
      Self.nic(1, "192.0.2.10", in: "192.0.2.0/24", tags: ["nfdhcpd"]), Self.nic(2, "192.0.2.11", in: "192.0.2.0/24"),
    ])
    let interfaces = plan.network.interfaces
    #expect(interfaces.map(\.addresses) == [[.init("192.0.2.9", prefix: 24)], [], []])
    #expect(interfaces.map(\.acceptsAdvertisements) == [true, true, true])
    #expect(interfaces[0].routes == [.init(by: "192.0.2.1")])
  }

  @Test("Of the addresses of a name those count that the host's network has")
  func namesInNetwork() throws {
    let known = ["192.0.2.9", "198.51.100.9", "2001:db8:9::7", "2001:db8::9"]
    let network = try plan(
      [Self.nic(0, in: "198.51.100.0/24", subnet6: "2001:db8::/64")], ["address": "static"], known: known
    ).network
    #expect(network.fixedAddresses == [.init("198.51.100.9", prefix: 24), .init("2001:db8::9", prefix: 64)])
    let other = try plan(
      [Self.nic(0, "198.51.100.9", in: "198.51.100.0/24", subnet6: "2001:db8:1::/64")], ["address": "static"],
      known: known
    ).network
    #expect(other.fixedAddresses == [.init("198.51.100.9", prefix: 24)])
  }

  @Test("An address with a prefix of its own may be outside the host's network")
  func ownPrefix() throws {
    let network = try plan([Self.nic(0, in: "198.51.100.0/24")], ["nic_0": "192.0.2.7/24"]).network
    #expect(network.fixedAddresses == [.init("192.0.2.7", prefix: 24)])
  }

  @Test("A configured prefix of up to 32 is of IPv4 alone, and a longer one of IPv6", arguments: [24, 32, 33, 64])
  func configuredPrefix(prefix: Int) throws {
    let known = ["2001:db8::9", "192.0.2.9"]
    let network = try plan([], ["address": "static", "prefix": "\(prefix)"], known: known).network
    #expect(network.fixedAddresses == [.init(prefix > 32 ? known[0] : known[1], prefix: prefix)])
  }

  @Test("Static addresses are those of the host, of the name and of the keys, with one default route of each family")
  func fixed() throws {
    let plan = try plan(
      [
        Self.nic(0, "192.0.2.9", in: "192.0.2.0/24", subnet6: "2001:db8::/64"),
        Self.nic(1, "198.51.100.9", in: "198.51.100.0/25", by: "198.51.100.1"),
        Self.nic(2, "203.0.113.9", in: "203.0.113.9/32", by: "10.0.0.1"), Self.nic(3),
        Self.nic(4),
      ],
      [
        "address": "static", "nic_3": "2001:db8:1::3/64 slaac gateway:fe80::1", "nameservers": "192.0.2.53",
        "search": "example.com", "mtu": "1400", "nic_6": "dhcp",
      ], known: ["192.0.2.77", "2001:db8::9"])
    let interfaces = plan.network.interfaces
    #expect(
      interfaces.map { $0.addresses.map { "\($0.address)/\($0.prefix)" } } == [
        ["192.0.2.9/24", "2001:db8::9/64"], ["198.51.100.9/25"], ["203.0.113.9/32"], ["2001:db8:1::3/64"], [],
      ])
    #expect(interfaces.map(\.routes) == [[], [.init(by: "198.51.100.1")], [], [.init(by: "fe80::1")], []])
    #expect(interfaces.map(\.acceptsAdvertisements) == [false, true, true, true, false])
    #expect(interfaces.map(\.nameservers) == [[], ["192.0.2.53"], [], [], []])
    #expect(interfaces.map(\.searchDomains) == [[], ["example.com"], [], [], []])
    #expect(interfaces.map(\.mtu) == [1400, 1400, 1400, 1400, nil])
    #expect(
      plan.notes == [
        "interface 4, AA:00:00:00:00:04, stays unconfigured in the guest: address = \"static\", and the host gives it no "
          + "address",
        "the gateway 10.0.0.1 of interface 2 is not used: the default route of IPv4 is by 198.51.100.1 on interface 1",
        "interface 3 has the gateway fe80::1, and interfaces 1, 2 and 3 may each get another default route of IPv6 as "
          + "routers advertise it: the guest decides which is used",
        "nic_6 is set and not used: the instance has 5 interfaces",
      ])
  }

  @Test("Networks are reached by routers of their own, on the link where no address of the interface is near")
  func routes() throws {
    let plan = try plan(
      [Self.nic(0, "192.0.2.9", in: "192.0.2.0/24", by: "192.0.2.1"), Self.nic(1), Self.nic(2)],
      [
        "nic_0": "static route:203.0.113.0/24@192.0.2.2 route:198.18.0.0/15@10.0.0.1",
        "nic_1": "dhcp4 route:198.51.100.0/24@10.1.0.1", "nic_2": "slaac route:2001:db8:5::/48@fe80::1",
        "nameservers": "192.0.2.53",
      ])
    #expect(
      plan.network.interfaces.map(\.routes) == [
        [
          .init(by: "192.0.2.1"), .init(to: "203.0.113.0/24", by: "192.0.2.2"),
          .init(to: "198.18.0.0/15", by: "10.0.0.1", isOnLink: true),
        ],
        [.init(to: "198.51.100.0/24", by: "10.1.0.1")], [.init(to: "2001:db8:5::/48", by: "fe80::1")],
      ])
    #expect(
      plan.lines[0]
        == "network: interface 0, aa:00:00:00:00:00: 192.0.2.9/24, gateway 192.0.2.1, 203.0.113.0/24 by 192.0.2.2, "
        + "198.18.0.0/15 by 10.0.0.1 on the link, name servers 192.0.2.53")
    #expect(try !self.plan([Self.nic(0)], ["nic_0": "dhcp route:198.18.0.0/15@192.0.2.2"]).isPlain)
  }

  @Test("What each interface gets comes to a worker as it is")
  func json() throws {
    let network = try plan(
      [Self.nic(0, "192.0.2.9", in: "192.0.2.9/32", by: "10.0.0.1"), Self.nic(1)],
      ["address": "static", "nic_1": "dhcp4", "mtu": "1400", "search": "a.b"]
    ).network
    #expect(try GuestNetwork(JSON(parsing: Array(network.json.serialized().utf8))) == network)
    #expect(try GuestNetwork(GuestNetwork.standard.json) == .standard)
    #expect(try GuestNetwork.optional(nil) == nil)
  }

  struct Refusal: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let nics: [RequestedNIC]
    var parameters = ["address": "static"]
    let words: String
  }

  static let refusals: [Refusal] = [
    Refusal(
      testDescription: "a MAC address twice",
      nics: [nic(0), nic(1)].map {
        var nic = $0
        nic.mac = $0.index == 0 ? "aa:00:00:00:00:0A" : "AA:00:00:00:00:0a"
        return nic
      }, parameters: [:], words: "the interfaces 0 and 1 have the same MAC address, aa:00:00:00:00:0a"),
    Refusal(
      testDescription: "what is not a MAC address",
      nics: [
        {
          var nic = NetworkPlanTests.nic(0)
          nic.mac = "aa:00\nDHCP=no"
          return nic
        }()
      ], parameters: [:], words: "the MAC address of interface 0 is not one"),
    Refusal(
      testDescription: "an address twice",
      nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24"), nic(1, "192.0.2.9", in: "192.0.2.0/25")],
      words: "the interfaces 0 and 1 get the same address, 192.0.2.9"),
    Refusal(
      testDescription: "an address outside the host's network",
      nics: [nic(0, "192.0.2.7", in: "198.51.100.0/24", by: "198.51.100.1")],
      words: "\(name) can't have the address 192.0.2.7 on interface 0: the host's network there is 198.51.100.0/24"),
    Refusal(
      testDescription: "an address of a key without a prefix, outside the host's network",
      nics: [nic(0, in: "198.51.100.0/24")], parameters: ["nic_0": "192.0.2.7"],
      words: "the host's network there is 198.51.100.0/24"),
    Refusal(
      testDescription: "a network of IPv6 that is one of IPv4", nics: [nic(0, "2001:db8::7", subnet6: "192.0.2.0/24")],
      words: "the host's network there is 192.0.2.0/24"),
    Refusal(
      testDescription: "no prefix", nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24"), nic(1, "198.51.100.9")],
      words: "no prefix length is known for the static address 198.51.100.9 of \(name)"),
    Refusal(
      testDescription: "a key without a prefix", nics: [nic(0)], parameters: ["nic_0": "192.0.2.9"],
      words: "no prefix length is known for the static address 192.0.2.9"),
    Refusal(
      testDescription: "an address of IPv6 beside a prefix of IPv4", nics: [nic(0)],
      parameters: ["nic_0": "192.0.2.7 2001:db8::7", "prefix": "24"],
      words: "no prefix length is known for the static address 2001:db8::7"),
    Refusal(
      testDescription: "a prefix of 0", nics: [nic(0, "192.0.2.9", in: "0.0.0.0/0")],
      words: "it is in a network of all addresses"),
    Refusal(
      testDescription: "the network's address", nics: [nic(0, "192.0.2.128", in: "192.0.2.128/25")],
      words: "it is the address of the network itself"),
    Refusal(
      testDescription: "the broadcast address", nics: [nic(0, "192.0.2.127", in: "192.0.2.0/25")],
      words: "can't have the address 192.0.2.127/25 on interface 0: it is the broadcast address of the network"),
    Refusal(
      testDescription: "the gateway as address", nics: [nic(0, "192.0.2.1", in: "192.0.2.0/24", by: "192.0.2.1")],
      words: "the gateway 192.0.2.1 is an address of the guest itself"),
    Refusal(
      testDescription: "the broadcast address as gateway",
      nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24", by: "192.0.2.255")],
      words: "192.0.2.255 can't be the gateway of interface 0: it is the broadcast address of the network"),
    Refusal(
      testDescription: "a gateway of the other family in the host's network",
      nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24", by: "2001:db8::1")],
      words: "the gateway that the host's network of interface 0 has, 2001:db8::1, is not an address of IPv4"),
    Refusal(
      testDescription: "a configured gateway of the other family", nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24")],
      parameters: ["address": "static", "gateway": "2001:db8::1"],
      words: "the gateway 2001:db8::1 is an address of IPv6, and 192.0.2.9 is not"),
    Refusal(
      testDescription: "the gateway of a key of another family", nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24")],
      parameters: ["nic_0": "static gateway:fe80::1"],
      words: "nic_0 has the gateway fe80::1, and no static address of IPv6"),
    Refusal(
      testDescription: "the gateway of a key that is the broadcast address",
      nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24")], parameters: ["nic_0": "static gateway:192.0.2.255"],
      words: "nic_0 has the gateway 192.0.2.255, and that is the broadcast address of the network"),
    Refusal(
      testDescription: "an address of IPv6 of the host, and an MTU below that of IPv6",
      nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24"), nic(1, "2001:db8::9", subnet6: "2001:db8::/64")],
      parameters: ["address": "static", "mtu": "1279"],
      words: "mtu = 1279 is less than the 1280 bytes that IPv6 needs, and interface 1 has IPv6"),
    Refusal(
      testDescription: "a network of IPv6 alone, and an MTU below that of IPv6", nics: [nic(0, tags: ["slaac"])],
      parameters: ["mtu": "1279"],
      words: "mtu = 1279 is less than the 1280 bytes that IPv6 needs, and interface 0 has IPv6"),
    Refusal(
      testDescription: "a route by an address of the host", nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24"), nic(1)],
      parameters: ["address": "static", "nic_1": "dhcp route:10.0.0.0/8@192.0.2.9"],
      words: "the gateway 192.0.2.9 is an address of the guest itself"),
    Refusal(
      testDescription: "a route to the network of the host's address", nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24")],
      parameters: ["nic_0": "static route:192.0.2.0/24@192.0.2.2"],
      words: "nic_0 has a route to 192.0.2.0/24, and that is the network of its own address"),
    Refusal(
      testDescription: "a route to the network of another interface",
      nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24"), nic(1)],
      parameters: ["nic_0": "static", "nic_1": "dhcp4 route:192.0.2.0/24@198.51.100.1"],
      words: "nic_1 has a route to 192.0.2.0/24, and that is the network of interface 0"),
    Refusal(
      testDescription: "a route of a family that the host does not give",
      nics: [nic(0, "192.0.2.9", in: "192.0.2.0/24")],
      parameters: ["nic_0": "static route:2001:db8:5::/48@2001:db8::1"],
      words: "nic_0 has a route by 2001:db8::1, and no static address of IPv6"),
    Refusal(
      testDescription: "static without an address", nics: [nic(0), nic(1)], parameters: ["nic_1": "static"],
      words: "nic_1 = \"static\", and the host gives interface 1, AA:00:00:00:00:01, no address"),
    Refusal(testDescription: "a name without an address", nics: [nic(0)], words: "\(name) lacks an address"),
  ]

  @Test("What can't work is refused", arguments: refusals)
  func refuses(_ refusal: Refusal) throws {
    let failure = #expect(throws: Failure.self) { try plan(refusal.nics, refusal.parameters) }
    #expect(failure?.code == .invalid)
    #expect(failure?.message.contains(refusal.words) == true, "\(String(describing: failure))")
    #expect(failure?.remedy != nil)
  }

  @Test("A small MTU stays where an interface takes IPv6 beside IPv4")
  func smallMTU() throws {
    let nics = [Self.nic(0, "192.0.2.9", in: "192.0.2.0/24"), Self.nic(1, tags: ["nfdhcpd"])]
    let choices: [[String: String]] = [[:], ["nic_0": "static", "nic_1": "dhcp"], ["address": "static"]]
    for parameters in choices {
      let network = try plan(nics, parameters.merging(["mtu": "1000"]) { $1 }).network
      #expect(network.interfaces[0].mtu == 1000, "\(parameters)")
    }
    #expect(try plan([Self.nic(0, tags: ["slaac"])], ["mtu": "1280"]).network.interfaces[0].mtu == 1280)
  }

  @Test("Import and rename refuse it too, before they touch a disk")
  func everywhere() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk(mebibytes: 16)
      let before = try digest(of: disk)
      for purpose in [Request.Purpose.import, .rename(from: try InstanceName("old.example.com"))] {
        var request = try guest.request(purpose, disks: [disk])
        request.nics = [Self.nic(0, "192.0.2.255", in: "192.0.2.0/24")]
        let failure = #expect(throws: Failure.self) {
          try guest.run(request, parameters: ["address": "static"])
        }
        #expect(failure?.message.contains("the broadcast address") == true, "\(String(describing: failure))")
      }
      #expect(try digest(of: disk) == before)
    }
  }
}
