// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Guest

/// Networks that the tests of all renderers share.
enum Networks {
  typealias Interface = GuestNetwork.Interface
  typealias Address = Network.StaticAddress
  static let macs = (0..<8).map { "52:54:00:00:00:0\($0)" }

  static func interface(_ index: Int, _ change: (inout Interface) -> Void = { _ in }) -> Interface {
    var interface = Interface(.mac(macs[index]), index: index)
    change(&interface)
    return interface
  }

  /// What is to be said of an interface at all, spread over six of them.
  static let full = GuestNetwork([
    interface(0) {
      $0.addresses = [
        Address("192.0.2.7", prefix: 24), Address("198.51.100.9", prefix: 25), Address("2001:db8::7", prefix: 64),
        Address("2001:db8:9::7", prefix: 48),
      ]
      $0.routes = [
        .init(by: "192.0.2.1"), .init(by: "2001:db8::1"), .init(to: "203.0.113.0/24", by: "192.0.2.254"),
        .init(to: "2001:db8:5::/48", by: "2001:db8::fe"),
      ]
      $0.mtu = 1400
      $0.nameservers = ["192.0.2.53", "2001:db8::53"]
      $0.searchDomains = ["example.com", "example.org"]
    },
    interface(1) {
      $0.dhcp4 = true
      $0.routes = [.init(to: "198.18.0.0/15", by: "203.0.113.2")]
    },
    interface(2) {
      $0.dhcp4 = true
      $0.dhcp6 = true
      $0.acceptsAdvertisements = true
      $0.nameservers = ["192.0.2.53"]
    },
    interface(3),
    interface(4) {
      $0.acceptsAdvertisements = true
      $0.addresses = [Address("198.51.100.200", prefix: 25)]
      $0.routes = [.init(to: "2001:db8:6::/48", by: "fe80::fe")]
    },
    interface(5) { $0.dhcp6 = true },
  ])

  /// An address of its own and a gateway that is in no network of it, of both families.
  static let onLink = GuestNetwork([
    interface(0) {
      $0.addresses = [Address("192.0.2.7", prefix: 32), Address("2001:db8::7", prefix: 128)]
      $0.routes = [.init(by: "203.0.113.1", isOnLink: true), .init(by: "2001:db8:1::1", isOnLink: true)]
    }
  ])

  static let byOrder = GuestNetwork(
    (0..<2).map { order in
      var interface = Interface(.order(order), index: order)
      interface.addresses = [Address("192.0.2.\(7 + order)", prefix: 24)]
      return interface
    })
}

extension NetworkRenderer {
  /// Its files by their paths.
  func texts(for network: GuestNetwork) throws -> [ByteString: String] {
    let files = try files(for: network).map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) }
    return try Dictionary(files) { _, _ in throw Failure(.guest, "two files have one path") }
  }
}

@Suite("What the network of a guest is written by")
struct NetworkRendererTests {
  /// All that can say a network: Alpine has no DHCPv6.
  static func network(for renderer: NetworkRenderer) -> GuestNetwork {
    renderer == .alpine ? GuestNetwork(Networks.full.interfaces.dropLast()) : Networks.full
  }

  @Test(
    "Each writes the same bytes for the same network, and begins them with our mark",
    arguments: NetworkRenderer.allCases)
  func same(renderer: NetworkRenderer) throws {
    let files = try renderer.files(for: Self.network(for: renderer))
    #expect(try files == renderer.files(for: Self.network(for: renderer)))
    #expect(files.allSatisfy { $0.bytes.starts(with: "# Written by guestsmith".utf8) && $0.bytes.last == 0x0A })
  }

  @Test("An interface without an address is in no file", arguments: NetworkRenderer.allCases)
  func unconfigured(renderer: NetworkRenderer) throws {
    let files = try renderer.texts(for: Self.network(for: renderer))
    let left = [Networks.macs[3], "nic3", "eth3", "guestsmith3", "guestsmith-3"]
    for (path, text) in files {
      #expect(!left.contains { text.lowercased().contains($0) || path.description.contains($0) }, "\(path)")
    }
  }

  @Test("A value that would add a line is refused", arguments: NetworkRenderer.allCases)
  func injection(renderer: NetworkRenderer) {
    for text in ["example.com\nauto eth9", "a b", "a\"", "$(id)", ""] {
      let network = GuestNetwork([
        Networks.interface(0) {
          $0.dhcp4 = true
          $0.searchDomains = [text]
        }
      ])
      #expect(throws: Failure.self) { try renderer.files(for: network) }
    }
  }

  @Test("An interface is known by its order where the host tells no MAC address, but not by cloud-init")
  func order() throws {
    for renderer in NetworkRenderer.allCases where renderer != .cloudInit {
      let files = try renderer.texts(for: Networks.byOrder)
      let all = files.values.joined()
      #expect(all.contains("192.0.2.7") && all.contains("192.0.2.8"))
      if renderer == .alpine { continue }
      let rules = try #require(files.first { $0.key.hasPrefix("/etc/udev/rules.d/70-guestsmith-") }).value
      #expect(rules.contains(#"ATTR{ifindex}=="2""#) && rules.contains(#"ATTR{ifindex}=="3""#), "\(renderer)")
    }
    #expect(throws: (any Error).self) { try NetworkRenderer.cloudInit.files(for: Networks.byOrder) }
  }

  @Test("A guest of DHCP is marked for systemd-networkd as it always was")
  func firstMark() throws {
    var interface = GuestNetwork.Interface(.order(0), index: 0)
    interface.dhcp4 = true
    interface.dhcp6 = true
    interface.acceptsAdvertisements = true
    let files = try NetworkRenderer.networkd.texts(for: GuestNetwork([interface]))
    #expect(Set(files.keys) == [Network.path, Network.rulesPath])
    let rule = #"ACTION!="remove", SUBSYSTEM=="net", ATTR{type}=="1", ATTR{ifindex}=="2", ENV{GUESTSMITH_NIC}="first""#
    #expect(files[Network.rulesPath]?.split(separator: "\n").last.map(String.init) == rule)
    #expect(files[Network.path]?.contains("[Match]\nProperty=GUESTSMITH_NIC=first\n\n[Network]\nDHCP=yes\n") == true)
  }

  @Test("cloud-init is told each route in a subnet of its family, as NetworkManager wants it")
  func families() throws {
    let configured = GuestNetwork(Networks.full.interfaces.filter { !$0.isUnconfigured })
    let told = try CloudInitNetwork.configuration(of: configured)["config"]?.array ?? []
    var count = 0
    for subnet in told.flatMap({ $0["subnets"]?.array ?? [] }) {
      for route in subnet["routes"]?.array ?? [] {
        let (type, gateway) = (subnet["type"]?.string ?? "", route["gateway"]?.string ?? "")
        #expect(type.contains("6") == gateway.contains(":"), "\(type): \(gateway)")
        count += 1
      }
    }
    #expect(count == 4)
  }

  @Test("Red Hat's scripts are told the interface of a gateway on the link")
  func namedRoutes() throws {
    let files = try NetworkRenderer.sysconfig.texts(for: Networks.onLink)
    let folder = IfcfgFiles.folder
    let main = try #require(files["\(folder)/ifcfg-guestsmith0"])
    #expect(main.contains("\nHWADDR=52:54:00:00:00:00\nDEVICE=nic0\n"))
    #expect(!main.contains("GATEWAY=") && !main.contains("IPV6_DEFAULTGW="))
    #expect(files["\(folder)/route-guestsmith0"]?.hasSuffix("\n0.0.0.0/0 via 203.0.113.1 dev nic0 onlink\n") == true)
    #expect(files["\(folder)/route6-guestsmith0"]?.hasSuffix("\n::/0 via 2001:db8:1::1 dev nic0 onlink\n") == true)
    #expect(files[InterfaceNames.path]?.contains(#"ATTR{address}=="52:54:00:00:00:00", NAME="nic0""#) == true)
    let full = try NetworkRenderer.sysconfig.texts(for: Networks.full)
    #expect(full["\(folder)/route6-guestsmith4"]?.hasSuffix("\n2001:db8:6::/48 via fe80::fe dev nic4\n") == true)
    #expect(full["\(folder)/route-guestsmith1"]?.hasSuffix("\n198.18.0.0/15 via 203.0.113.2\n") == true)
    #expect(full[InterfaceNames.path]?.contains("nic1") == false)
  }

  @Test(
    "ifupdown puts the default route of a lease behind one that is chosen, on whichever interface, and of IPv4 alone")
  func rankedLeases() throws {
    let lease = Networks.interface(0) { ($0.dhcp4, $0.dhcp6, $0.acceptsAdvertisements) = (true, true, true) }
    let fixed = Networks.interface(1) {
      $0.addresses = [.init("192.0.2.7", prefix: 24), .init("2001:db8::7", prefix: 64)]
      $0.routes = [.init(by: "2001:db8::1")]
    }
    var routed = fixed
    routed.routes.append(.init(by: "192.0.2.1"))
    var both = routed
    both.dhcp4 = true
    for (interfaces, count) in [([lease, fixed], 0), ([lease, routed], 1), ([both], 1), ([lease, both], 2)] {
      let file = try #require(InterfacesFile.ifupdown(for: GuestNetwork(interfaces)).first)
      let text = String(decoding: file.bytes, as: UTF8.self)
      #expect(text.ranges(of: "\n    metric 1024\n").count == count, "\(text)")
      let inLease = text.split(separator: "iface ").filter { $0.contains(" inet dhcp\n") && $0.contains("metric ") }
      #expect(inLease.count == count, "\(text)")
    }
    let second = try #require(InterfacesFile.ifupdown(for: GuestNetwork([lease, routed]), isForSecond: true).first)
    #expect(!String(decoding: second.bytes, as: UTF8.self).contains("metric"))
  }

  @Test(
    "Red Hat's scripts are told a gateway by a route where they would pass over the variable, and addresses beside DHCP"
  )
  func passedOver() throws {
    let folder = IfcfgFiles.folder
    var interface = Networks.interface(0) {
      $0.addresses = [.init("198.51.100.9", prefix: 25), .init("192.0.2.7", prefix: 24)]
      $0.routes = [.init(by: "192.0.2.1")]
    }
    for isLeased in [false, true] {
      interface.dhcp4 = isLeased
      let files = try NetworkRenderer.sysconfig.texts(for: GuestNetwork([interface]))
      #expect(files["\(folder)/ifcfg-guestsmith0"]?.contains("GATEWAY=") == false)
      #expect(files["\(folder)/ifcfg-guestsmith0"]?.contains("\nIPADDR1=192.0.2.7\nPREFIX1=24\n") == true)
      #expect(files["\(folder)/ifcfg-guestsmith0"]?.contains("\nDEVICE=nic0\n") == isLeased)
      #expect(files["\(folder)/route-guestsmith0"]?.hasSuffix("\n0.0.0.0/0 via 192.0.2.1\n") == true)
      let alias = files["\(folder)/ifcfg-nic0:1"]
      #expect((alias != nil) == isLeased && (files["\(folder)/ifcfg-nic0:0"] != nil) == isLeased)
      if let alias { #expect(alias.contains("\nDEVICE=nic0:1\nONPARENT=yes\nIPADDR=192.0.2.7\nPREFIX=24\n")) }
    }
    interface.addresses.reverse()
    interface.dhcp4 = false
    let near = try NetworkRenderer.sysconfig.texts(for: GuestNetwork([interface]))
    #expect(near["\(folder)/ifcfg-guestsmith0"]?.contains("\nGATEWAY=192.0.2.1\n") == true)
    #expect(near["\(folder)/route-guestsmith0"] == nil)
  }

  @Test("Those addresses go with the file of the interface")
  func removedAliases() throws {
    var interface = Networks.interface(0) {
      $0.addresses = [.init("192.0.2.7", prefix: 24)]
      $0.dhcp4 = true
    }
    let guest = MemoryGuest()
    try NetworkRenderer.sysconfig.apply(GuestNetwork([interface]), to: guest)
    let alias: ByteString = "\(IfcfgFiles.folder)/ifcfg-nic0:0"
    #expect(guest.text(alias) != nil)
    interface.dhcp4 = false
    try NetworkRenderer.sysconfig.apply(GuestNetwork([interface]), to: guest)
    #expect(guest.text(alias) == nil && guest.text("\(IfcfgFiles.folder)/ifcfg-guestsmith0") != nil)
  }

  @Test("wicked is told a route to a router on the link, once, and no option that it does not know")
  func routersOfWicked() throws {
    var network = Networks.onLink
    network.interfaces[0].routes.append(.init(to: "198.18.0.0/15", by: "203.0.113.1", isOnLink: true))
    let text = try NetworkRenderer.wicked.texts(for: network)["\(WickedFiles.folder)/ifroute-nic0"]
    let lines = [
      "203.0.113.1/32 - - -", "0.0.0.0/0 203.0.113.1 - -", "2001:db8:1::1/128 - - -", "::/0 2001:db8:1::1 - -",
      "198.18.0.0/15 203.0.113.1 - -",
    ]
    #expect(text?.split(separator: "\n").dropFirst().map(String.init) == lines)
  }

  @Test("Alpine refuses an address of DHCPv6 alone, by its name")
  func alpine() {
    #expect(throws: Failure.self) { try NetworkRenderer.alpine.files(for: Networks.full) }
  }

  @Test("The UUID of a connection is the same for a MAC address, and another for another")
  func connectionUUID() {
    let uuids = Networks.macs.indices.map { ConnectionFiles.uuid(of: Networks.interface($0).match).description }
    #expect(uuids[1] == "67756573-7473-8d69-b468-525400000001")
    #expect(Set(uuids).count == uuids.count)
  }
}
