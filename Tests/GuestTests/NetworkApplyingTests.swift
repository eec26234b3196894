// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Guest

@Suite("Which program configures the network of a guest, and what it is given")
struct NetworkApplyingTests {
  // MARK: Guests

  /// As `debian()`, with what is enabled there: units of multi-user.target.
  static func systemd(_ files: [ByteString: String] = [:], enabled: [ByteString] = []) -> MemoryGuest {
    let guest = MemoryGuest.debian()
    for (path, text) in files { guest.put(path, Array(text.utf8)) }
    for unit in enabled {
      guest.putLink(
        "/etc/systemd/system/multi-user.target.wants/\(unit).service", "/lib/systemd/system/\(unit).service")
    }
    return guest
  }

  static let loopback = "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n"

  static func ifupdown(_ interfaces: String, enabled: [ByteString] = []) -> MemoryGuest {
    systemd(["/usr/sbin/ifup": "", "/etc/network/interfaces": interfaces], enabled: ["networking"] + enabled)
  }

  static func alpine(_ interfaces: String) -> MemoryGuest {
    MemoryGuest([
      "/etc/alpine-release": "3.20.1\n", "/sbin/ifup": "", "/etc/network/interfaces": interfaces,
      "/etc/init.d/networking": "",
    ])
  }

  // MARK: The choice

  @Test("What is enabled in a guest configures its network")
  func choice() throws {
    let nm: [ByteString: String] = [
      "/usr/sbin/NetworkManager": "", "/usr/sbin/ifup": "", "/etc/network/interfaces": Self.loopback,
    ]
    let netplan: [ByteString: String] = ["/usr/lib/systemd/system-generators/netplan": ""]
    let guests: [(MemoryGuest, NetworkRenderer?)] = [
      (Self.systemd(), nil), (Self.systemd(enabled: ["systemd-networkd"]), .networkd),
      (Self.systemd(nm, enabled: ["NetworkManager", "networking"]), .networkManager),
      // Installed, and not enabled.
      (Self.systemd(nm, enabled: ["systemd-networkd"]), .networkd),
      (Self.ifupdown(Self.loopback), .ifupdown),
      (Self.ifupdown(Self.loopback, enabled: ["systemd-networkd"]), .networkd),
      (Self.ifupdown(Self.loopback + "auto eth0\niface eth0 inet dhcp\n", enabled: ["systemd-networkd"]), .ifupdown),
      (Self.systemd(netplan, enabled: []), .netplan),
      (
        Self.systemd(netplan.merging(["/etc/netplan/90-default.yaml": ""]) { $1 }, enabled: ["systemd-networkd"]),
        .netplan
      ),
      (Self.systemd(netplan, enabled: ["systemd-networkd"]), .networkd),
      (Self.systemd(["/usr/sbin/wickedd": ""], enabled: ["wicked"]), .wicked),
      (Self.systemd(["/etc/sysconfig/network-scripts/ifup-eth": "", "/etc/rc.d/rc3.d/S10network": ""]), .sysconfig),
      (Self.alpine(Self.loopback), .alpine), (Self.systemd(["/usr/bin/cloud-init": ""]), .cloudInit),
    ]
    for (index, (guest, expected)) in guests.enumerated() {
      #expect(try NetworkRenderer.chosen(in: guest) == expected, "guest \(index)")
    }
  }

  @Test("A unit that is masked is not enabled")
  func masked() throws {
    let guest = Self.systemd(enabled: ["systemd-networkd"])
    guest.putLink("/etc/systemd/system/systemd-networkd.service", "/dev/null")
    #expect(try NetworkRenderer.chosen(in: guest) == nil)
  }

  // MARK: The files

  @Test("What was written for another program goes, and what others wrote stays", arguments: NetworkRenderer.allCases)
  func replaced(renderer: NetworkRenderer) throws {
    let network = NetworkRendererTests.network(for: renderer)
    let guest = Self.ifupdown(Self.loopback)
    try guest.remove("/usr/lib/systemd/systemd-resolved")
    guest.put("/etc/netplan/60-guestsmith-of-mine.yaml", Array("network: {}\n".utf8))
    for other in NetworkRenderer.allCases { try other.apply(NetworkRendererTests.network(for: other), to: guest) }
    try renderer.apply(network, to: guest)
    let ours = guest.entries.filter { path, entry in
      let others = [InterfacesFile.path, NetworkRenderer.resolverPath]
      guard case .file(let bytes) = entry.node, !others.contains(path) else { return false }
      return bytes.starts(with: NetworkRenderer.mark.utf8)
    }
    let files = try renderer.files(for: network).filter { $0.path != InterfacesFile.path }
    #expect(Set(ours.keys) == Set(files.map(\.path)))
    #expect(files.allSatisfy { ours[$0.path]?.mode == $0.mode })
    #expect(guest.text("/etc/netplan/60-guestsmith-of-mine.yaml") == "network: {}\n")
    if renderer != .alpine { #expect(guest.text("/etc/network/interfaces") == Self.loopback) }
    // Again, it is the same guest.
    let before = guest.entries
    try renderer.apply(network, to: guest)
    #expect(guest.entries == before)
  }

  @Test("Files of others that name an address or an interface of the guest are told of, and stay")
  func told() throws {
    let files: [ByteString: String] = [
      "/etc/systemd/network/50-mine.network": "[Match]\nMACAddress=52:54:00:00:00:00\n[Network]\nAddress=10.0.0.1/8\n",
      "/etc/netplan/50-old.yaml": "addresses: [192.0.2.99/24]\n",
      "/etc/netplan/51-new.yaml": "addresses: [192.0.2.7/24]\n",
      "/etc/netplan/51-six.yaml": "addresses: ['2001:DB8:0:0::7/64']\n",
      "/etc/netplan/52-other.yaml": "# 192.0.2.99\naddresses: [192.0.2.199/24, 1192.0.2.99]\n",
    ]
    let guest = Self.systemd(files)
    let told = try NetworkRenderer.networkd.apply(Networks.full, replacing: ["192.0.2.99"], to: guest)
    let named: [ByteString] = ["/etc/netplan/50-old.yaml", "/etc/netplan/51-new.yaml", "/etc/netplan/51-six.yaml"]
    #expect(told == ["/etc/systemd/network/50-mine.network"] + named)
    for (path, text) in files { #expect(guest.text(path) == text) }
  }

  @Test("ifupdown is told to read our file where it does not yet, and once")
  func source() throws {
    for (before, after) in [
      ("auto lo\niface lo inet loopback", "auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n"),
      ("source interfaces.d/*\n", "source interfaces.d/*\n"),
      ("source-directory /etc/network/interfaces.d\n", "source-directory /etc/network/interfaces.d\n"),
    ] {
      let guest = Self.ifupdown(before)
      for _ in 0..<2 { try NetworkRenderer.ifupdown.apply(Networks.full, to: guest) }
      #expect(guest.text("/etc/network/interfaces") == after)
    }
  }

  @Test("ifupdown2 gets stanzas that it reads")
  func second() throws {
    for (files, wanted) in [
      ([:], ["iface nic2 inet6 auto", "pre-up ip link set dev $IFACE mtu 1400", "    accept_ra 1\n    autoconf 0\n"]),
      (
        ["/usr/share/ifupdown2/ifupdown2": ""],
        [
          "iface nic4 inet6 manual", "    mtu 1400\n",
          "iface nic2 inet dhcp\n    pre-up sysctl -q -e -w net/ipv6/conf/$IFACE/accept_ra=1 || true\n",
          "/accept_ra=1 || true\n    pre-up sysctl -q -e -w net/ipv6/conf/$IFACE/autoconf=0",
        ]
      ),
    ] as [([ByteString: String], [String])] {
      let guest = Self.ifupdown(Self.loopback)
      for (path, text) in files { try guest.write(path, Array(text.utf8), mode: 0o755) }
      try NetworkRenderer.ifupdown.apply(Networks.full, to: guest)
      let text = try #require(guest.text(InterfacesFile.ownPath))
      for word in wanted { #expect(text.contains(word), "\(word): \(text)") }
      #expect(text.contains("inet6 auto") == files.isEmpty)
      // It joins stanzas: beside DHCP it would wait for that of IPv6.
      #expect(text.contains("iface nic2 inet6") == files.isEmpty)
    }
  }

  @Test(
    "netplan is told of routers in the way of what does the work",
    arguments: [
      ([:], false), (["/usr/lib/netplan/00-all.yaml": "network:\n  renderer: NetworkManager\n"], true),
      (["/etc/netplan/01-all.yaml": "network:\n  version: 2\n  renderer: 'NetworkManager' # all\n"], true),
      (
        [
          "/etc/netplan/01-all.yaml": "network: \n  renderer: NetworkManager\n",
          "/etc/netplan/50-server.yaml": "network:\n  renderer: networkd\n",
        ], false
      ),
      (["/etc/netplan/01-all.yaml": "network:\n  # renderer: NetworkManager\n"], false),
    ] as [([ByteString: String], Bool)])
  func netplanRenderer(files: [ByteString: String], isNetworkManager: Bool) throws {
    let guest = Self.systemd(files)
    let routed = Networks.interface(0) { $0.acceptsAdvertisements = true }
    let other = Networks.interface(1) { $0.dhcp4 = true }
    let network = GuestNetwork([routed, other])
    try NetworkRenderer.netplan.apply(network, to: guest)
    let name = GuestName("vm1")
    let again = try NameChange(from: name, to: name, network: network, release: nil, isRenewed: true, in: guest)
    #expect(again.isEmpty, "what is there already is not written again")
    let text = try #require(guest.text("/etc/netplan/60-guestsmith.yaml"))
    #expect(text.contains("dhcp4: false\n      dhcp6: \(isNetworkManager)\n      accept-ra: true\n"), "\(text)")
    #expect(text.contains("dhcp4: true\n      dhcp6: false\n      accept-ra: false\n"), "\(text)")
  }

  @Test("Stanzas of others are told of, which ifupdown would go through as well")
  func stanzas() throws {
    let guest = Self.ifupdown(Self.loopback + "allow-hotplug ens3\niface ens3 inet dhcp\n")
    #expect(try NetworkRenderer.ifupdown.apply(Networks.full, to: guest) == ["/etc/network/interfaces"])
  }

  @Test("In Alpine's one file, stanzas of the same interfaces become comments and all others stay")
  func alpineFile() throws {
    let guest = Self.alpine(
      "auto lo eth0\niface lo inet loopback\n\niface eth0 inet dhcp\n\thostname vm1\n\nauto eth3\niface eth3 inet dhcp\n"
    )
    let network = NetworkRendererTests.network(for: .alpine)
    try NetworkRenderer.alpine.apply(network, to: guest)
    let text = try #require(guest.text("/etc/network/interfaces"))
    let kept =
      "# auto lo eth0\nauto lo\niface lo inet loopback\n\n# iface eth0 inet dhcp\n# \thostname vm1\n\nauto eth3\niface eth3 inet dhcp\n"
    #expect(text.hasPrefix(kept + "# Written by guestsmith: begin."))
    #expect(guest.target("/etc/runlevels/boot/networking") == "/etc/init.d/networking")
    try NetworkRenderer.alpine.apply(network, to: guest)
    #expect(guest.text("/etc/network/interfaces") == text)
    try NetworkRenderer.ifupdown.apply(network, to: guest)
    #expect(guest.text("/etc/network/interfaces") == kept + "source /etc/network/interfaces.d/*\n")
  }

  @Test("An older systemd, which does not compare the permanent address, is given the other")
  func oldSystemd() throws {
    for (library, match) in [
      ("libsystemd-shared-241.so", "Type=ether\nMACAddress=52:54:00:00:00:00\n"),
      ("libsystemd-shared-252.so", "PermanentMACAddress=52:54:00:00:00:00\n"),
    ] {
      let guest = Self.systemd(["/usr/lib/systemd/\(library)": ""])
      try NetworkRenderer.networkd.apply(Networks.full, to: guest)
      #expect(guest.text(Network.path)?.contains("[Match]\n\(match)\n") == true)
    }
  }

  @Test("Fixed name servers reach resolv.conf where nothing in the guest writes it")
  func resolver() throws {
    let network = GuestNetwork([Networks.full.interfaces[0]])
    let text =
      "# Written by guestsmith. It is replaced when the network of the instance changes.\n"
      + "search example.com example.org\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n"
    let alpine = Self.alpine(Self.loopback)
    try NetworkRenderer.alpine.apply(network, to: alpine)
    #expect(alpine.text("/etc/resolv.conf") == text)
    let debian = Self.ifupdown(Self.loopback)
    try debian.remove("/usr/lib/systemd/systemd-resolved")
    try NetworkRenderer.ifupdown.apply(network, to: debian)
    #expect(debian.text("/etc/resolv.conf") == text)
    // As Debian 11 has it: with systemd, and off.
    let idle = Self.ifupdown(Self.loopback)
    try idle.remove("/etc/systemd/system/sysinit.target.wants/systemd-resolved.service")
    try idle.remove("/etc/resolv.conf")
    try NetworkRenderer.ifupdown.apply(network, to: idle)
    #expect(idle.text("/etc/resolv.conf") == text)
    #expect(idle.text(InterfacesFile.ownPath)?.contains("dns-nameservers 192.0.2.53 2001:db8::53\n") == true)
    let resolved = Self.ifupdown(Self.loopback)
    try NetworkRenderer.ifupdown.apply(network, to: resolved)
    #expect(resolved.target("/etc/resolv.conf") == "../run/systemd/resolve/stub-resolv.conf")
    let told = "[Resolve]\nDNS=192.0.2.53 2001:db8::53\nDomains=example.com example.org\n"
    #expect(resolved.text("/etc/systemd/resolved.conf.d/60-guestsmith.conf")?.hasSuffix(told) == true)
    #expect(resolved.text(InterfacesFile.ownPath)?.contains("dns-") == false)
    #expect(debian.text(InterfacesFile.ownPath)?.contains("dns-nameservers 192.0.2.53 2001:db8::53\n") == true)
    let suse = Self.systemd([
      "/etc/sysconfig/network/config": "NETCONFIG_DNS_STATIC_SEARCHLIST=\"a.org\"\nNETCONFIG_DNS_STATIC_SERVERS=\"\"\n"
    ])
    try NetworkRenderer.wicked.apply(network, to: suse)
    #expect(
      suse.text("/etc/sysconfig/network/config")
        == "NETCONFIG_DNS_STATIC_SEARCHLIST=\"a.org\"\nNETCONFIG_DNS_STATIC_SERVERS=\"192.0.2.53 2001:db8::53\"\n")
  }
}
