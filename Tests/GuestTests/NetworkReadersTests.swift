// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Guest

/// What `scripts/network-readers` has unpacked.
private let readers = ".build/network-readers/bin"
private let hasReaders = (try? bash("test -e \(readers)/done && python3 -c 'import yaml'").status) == 0
private let need: Comment = "needs scripts/network-readers and python3-yaml"

@Suite("Those that read the network files of guests")
struct NetworkReadersTests {
  /// The network as each says it, in our files.
  static func ours(_ renderer: NetworkRenderer, _ network: GuestNetwork = Networks.full) throws -> NetworkFacts {
    let files = try renderer.texts(for: network)
    let named = Dictionary(
      uniqueKeysWithValues: files.map { ($0.description.split(separator: "/").last.map(String.init) ?? "", $1) })
    return switch renderer {
    case .networkd: NetworkFacts(networkd: named.filter { $0.key.hasSuffix(".network") }.values)
    case .netplan: NetworkFacts(netplan: try yaml(named["60-guestsmith.yaml"] ?? ""))
    case .ifupdown: NetworkFacts(interfaces: named["guestsmith"] ?? "")
    case .networkManager: NetworkFacts(keyfiles: named.values)
    case .sysconfig: NetworkFacts(ifcfg: named)
    case .alpine: NetworkFacts(interfaces: named["interfaces"] ?? "")
    case .wicked, .cloudInit: throw Failure(.usage, "no facts are read from files of \(renderer)")
    }
  }

  static func yaml(_ text: String) throws -> JSON {
    try withScratch { scratch in
      let path = try scratch.write(text, to: "file")
      let json = try shell(
        "python3 -c 'import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))' '\(path)'")
      return try JSON(parsing: Array(json.utf8))
    }
  }

  /// All files below a folder, by their names.
  static func files(below folder: String) throws -> [String: String] {
    var files: [String: String] = [:]
    for path in try shell("find '\(folder)' -type f").split(separator: "\n") {
      files[String(path.split(separator: "/").last ?? "")] = try shell("cat '\(path)'")
    }
    return files
  }

  /// What cloud-init makes of the same network, told in the way of our seeds.
  static func cloudInit(_ kind: String, distribution: String) throws -> [String: String] {
    try withScratch { scratch in
      let configured = GuestNetwork(Networks.full.interfaces.filter { !$0.isUnconfigured })
      let told = try CloudInitNetwork.configuration(of: configured).serialized()
      let source = try scratch.write(told, to: "network-config")
      let macs = Networks.macs.enumerated().map { "-m eth\($0),\($1)" }.joined(separator: " ")
      let line =
        "\(readers)/cloud-init devel net-convert -p '\(source)' -k yaml -d '\(scratch("out"))' -D \(distribution) -O \(kind) \(macs)"
      let outcome = try bash(line)
      try #require(outcome.status == 0, "\(outcome)")
      return try files(below: scratch("out"))
    }
  }

  /// Facts of the family of which NetworkManager has one word.
  static func joined(_ facts: Set<String>) -> Set<String> {
    Set(facts.map { $0.hasSuffix(" slaac") || $0.hasSuffix(" dhcp6") ? "\($0.prefix(1)) auto6" : $0 })
  }

  // MARK: Ours

  @Test(
    "Each format says all of the network", arguments: [NetworkRenderer.networkd, .netplan, .sysconfig, .networkManager])
  func complete(renderer: NetworkRenderer) throws {
    var facts = NetworkFacts(Networks.full).all
    // The routes of DHCPv6 come from routers: netplan has no word for hearing them without their addresses.
    if renderer == .netplan { facts.insert("5 slaac") }
    if renderer == .networkManager { facts = Self.joined(facts) }
    #expect(try Self.ours(renderer).all == facts)
    #expect(try Self.ours(renderer, Networks.onLink).all == NetworkFacts(Networks.onLink).all)
  }

  @Test("ifupdown asks DHCPv6 where routers are not to be followed, and follows them otherwise")
  func completeIfupdown() throws {
    let facts = NetworkFacts(Networks.full).all.subtracting(["2 dhcp6"])
    #expect(try Self.ours(.ifupdown).all == facts)
  }

  // MARK: Theirs

  /// What a cloud-init of some version says otherwise: it does not write that routers are not to be followed, takes
  /// either of SLAAC and DHCPv6 for the other, and drops name servers beside a lease, for netplan routes as well.
  static let differences: [NetworkRenderer: (added: Set<String>, lost: Set<String>)] = [
    .networkd: (["0 slaac", "1 slaac", "5 slaac"], ["5 dhcp6", "2 dns 192.0.2.53"]),
    .ifupdown: (["2 dhcp6"], ["2 slaac"]),
    .netplan: (
      ["4 dhcp6"],
      ["2 dns 192.0.2.53", "1 route 198.18.0.0/15 via 203.0.113.2", "4 route 2001:db8:6::/48 via fe80::fe"]
    ),
    .sysconfig: (["5 dhcp4"], ["2 slaac", "2 dns 192.0.2.53"]), .networkManager: (["0 auto6"], []),
  ]

  @Test(
    "cloud-init makes the same of it", .enabled(if: hasReaders, need),
    arguments: [NetworkRenderer.networkd, .ifupdown, .netplan, .sysconfig, .networkManager])
  func oracle(renderer: NetworkRenderer) throws {
    let theirs: NetworkFacts
    switch renderer {
    case .networkd:
      theirs = NetworkFacts(networkd: try Self.cloudInit("networkd", distribution: "debian").values)
    case .ifupdown:
      theirs = NetworkFacts(interfaces: try Self.cloudInit("eni", distribution: "debian")["50-cloud-init"] ?? "")
    case .netplan:
      let file = try Self.cloudInit("netplan", distribution: "debian")["50-cloud-init.yaml"]
      theirs = NetworkFacts(netplan: try Self.yaml(file ?? ""))
    case .sysconfig: theirs = NetworkFacts(ifcfg: try Self.cloudInit("sysconfig", distribution: "rhel"))
    default: theirs = NetworkFacts(keyfiles: try Self.cloudInit("network-manager", distribution: "fedora").values)
    }
    let ours = try Self.ours(renderer).all
    let known = try #require(Self.differences[renderer])
    #expect(theirs.all.subtracting(ours).subtracting(known.added).isEmpty)
    #expect(ours.subtracting(theirs.all).subtracting(known.lost).isEmpty)
  }

  @Test("netplan hands on what it was told, before a definition for every interface", .enabled(if: hasReaders, need))
  func netplan() throws {
    for network in [Networks.full, Networks.onLink] {
      try withScratch { scratch in
        for file in try NetworkRenderer.netplan.files(for: network) {
          try scratch.write(file.bytes, to: "root\(file.path)", mode: UInt32(file.mode))
        }
        let others = "network: {version: 2, ethernets: {all-en: {match: {name: \"en*\"}, dhcp4: true}}}\n"
        try scratch.write(others, to: "root/etc/netplan/90-default.yaml", mode: 0o600)
        let outcome = try bash("\(readers)/netplan-generate --root-dir '\(scratch("root"))'")
        try #require(outcome.status == 0, "\(outcome)")
        let made = try Self.files(below: scratch("root/run/systemd/network")).filter { $0.key.hasSuffix(".network") }
        #expect(NetworkFacts(networkd: made.values).all == (try Self.ours(.netplan, network).all))
        #expect(made.keys.sorted().last == "10-netplan-all-en.network")
        #expect(made.values.contains { $0.contains("GatewayOnLink=true") } == (network == Networks.onLink))
      }
    }
  }

  @Test("netplan has NetworkManager hear routers as well", .enabled(if: hasReaders, need))
  func netplanForNetworkManager() throws {
    try withScratch { scratch in
      for file in NetplanFile.files(for: Networks.full, isForNetworkManager: true) {
        try scratch.write(file.bytes, to: "root\(file.path)", mode: UInt32(file.mode))
      }
      let renderer = "network: {version: 2, renderer: NetworkManager}\n"
      try scratch.write(renderer, to: "root/etc/netplan/01-all.yaml", mode: 0o600)
      let outcome = try bash("\(readers)/netplan-generate --root-dir '\(scratch("root"))'")
      try #require(outcome.status == 0, "\(outcome)")
      let made = try Self.files(below: scratch("root/run/NetworkManager/system-connections"))
      let wanted = Self.joined(NetworkFacts(Networks.full).all).filter { $0.hasSuffix(" auto6") }
      #expect(NetworkFacts(keyfiles: made.values).all.filter { $0.hasSuffix(" auto6") } == wanted)
    }
  }

  @Test("NetworkManager accepts each connection, and reads the same in it", .enabled(if: hasReaders, need))
  func networkManager() throws {
    for network in [Networks.full, Networks.onLink, Networks.byOrder] {
      for file in try NetworkRenderer.networkManager.files(for: network) where file.path.hasSuffix(".nmconnection") {
        try withScratch { scratch in
          let path = try scratch.write(file.bytes, to: "connection")
          let outcome = try bash("\(readers)/nmcli --offline connection modify connection.autoconnect yes <'\(path)'")
          try #require(outcome.status == 0, "\(file.path): \(outcome)")
          let text = String(decoding: file.bytes, as: UTF8.self)
          #expect(NetworkFacts(keyfiles: [outcome.output]).all == NetworkFacts(keyfiles: [text]).all)
        }
      }
    }
  }

  @Test("ifupdown runs what it was told", .enabled(if: hasReaders, need))
  func ifupdown() throws {
    for (network, commands) in [
      (
        Networks.full,
        [
          "ip addr add 192.0.2.7/255.255.255.0 ", "ip addr add 198.51.100.9/255.255.255.128 ",
          "ip -6 addr add 2001:db8::7/64 ",
          "ip -6 addr add 2001:db8:9::7/48 ", "ip route add default via 192.0.2.1 ",
          "ip -6 route replace default via 2001:db8::1 ", "ip link set dev $IFACE mtu 1400",
          "ip route add 203.0.113.0/24 via 192.0.2.254 dev $IFACE",
          "ip -6 route add 2001:db8:5::/48 via 2001:db8::fe dev $IFACE",
          "ip route add 198.18.0.0/15 via 203.0.113.2 dev $IFACE",
          "ip -6 route add 2001:db8:6::/48 via fe80::fe dev $IFACE",
          "net.ipv6.conf.nic4.accept_ra=2", "net.ipv6.conf.nic5.accept_ra=1",
        ]
      ),
      (
        Networks.onLink,
        [
          "ip route add default via 203.0.113.1  dev nic0 onlink",
          "ip -6 route replace default via 2001:db8:1::1  dev nic0 onlink",
        ]
      ),
    ] {
      try withScratch { scratch in
        let file = try #require(try NetworkRenderer.ifupdown.files(for: network).first)
        let path = try scratch.write(file.bytes, to: "interfaces")
        let names = network.interfaces.filter { !$0.isUnconfigured }.map { "nic\($0.index)" }.joined(separator: " ")
        let outcome = try bash(
          "\(readers)/ifup --no-act --force --verbose --interfaces '\(path)' --state-dir '\(scratch.path)' \(names) 2>&1"
        )
        try #require(outcome.status == 0, "\(outcome)")
        for command in commands { #expect(outcome.output.contains(command), "\(command)") }
      }
    }
  }

  @Test(
    "ifupdown2 makes addresses, routes and settings of it",
    .enabled(if: hasReaders && isRoot && (try? bash("test -x \(readers)/ifupdown2").status) == 0, need))
  func ifupdown2() throws {
    try withScratch { scratch in
      // An interface that asks for a lease would wait for it.
      let network = GuestNetwork(Networks.full.interfaces.filter { !$0.dhcp4 && !$0.dhcp6 })
      let file = try #require(InterfacesFile.ifupdown(for: network, isForSecond: true).first)
      let path = try scratch.write(file.bytes, to: "interfaces")
      let outcome = try bash("\(readers)/ifupdown2 '\(path)' nic0 nic4 2>&1")
      try #require(outcome.status == 0, "\(outcome)")
      let words = [
        "inet 192.0.2.7/24", "inet 198.51.100.9/25", "inet6 2001:db8::7/64", "inet6 2001:db8:9::7/48",
        "inet 198.51.100.200/25", "default via 192.0.2.1 dev nic0", "203.0.113.0/24 via 192.0.2.254 dev nic0",
        "default via 2001:db8::1 dev nic0", "2001:db8:5::/48 via 2001:db8::fe dev nic0",
        "2001:db8:6::/48 via fe80::fe dev nic4", "net.ipv6.conf.nic0.accept_ra = 0",
        "net.ipv6.conf.nic4.accept_ra = 1", "net.ipv6.conf.nic4.autoconf = 1", "mtu 1400",
      ]
      for word in words { #expect(outcome.output.contains(word), "\(word): \(outcome.output)") }
      #expect(!outcome.output.contains("error:") && !outcome.output.contains("warning:"), "\(outcome.output)")
    }
  }

  @Test("ifupdown-ng, which Alpine has, reads all of it", .enabled(if: hasReaders, need))
  func alpine() throws {
    for network in [NetworkRendererTests.network(for: .alpine), Networks.onLink] {
      try withScratch { scratch in
        let file = try #require(try NetworkRenderer.alpine.files(for: network).first)
        let path = try scratch.write(file.bytes, to: "interfaces")
        let outcome = try bash("\(readers)/ifparse --all --interfaces '\(path)' 2>&1")
        try #require(outcome.status == 0, "\(outcome)")
        let facts = NetworkFacts(network).all.filter { !$0.hasSuffix(" dhcp6") }
        #expect(NetworkFacts(interfaces: outcome.output).all == facts)
      }
    }
  }
}
