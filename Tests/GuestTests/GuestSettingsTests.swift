// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

@Suite("What the configuration says of a guest that comes ready-made")
struct GuestSettingsTests {
  private let settings = GuestSettings(
    accounts: Accounts(rootPasswordHash: "$6$a$b", sshKeys: ["ssh-ed25519 AAAA me"]), timezone: "Europe/Zurich")

  @Test("comes into its own files, and its cloud-init keeps the name that they say")
  func applied() throws {
    let guest = MemoryGuest([
      "/etc/shadow": "bin:*:1::::::\nroot:!:2::::::\nadmin:$y$own:3::::::\n", "/etc/cloud/cloud.cfg": "users: []\n",
      "/usr/share/zoneinfo/Europe/Zurich": "TZif",
    ])
    #expect(try settings.apply(to: guest) == [])
    #expect(guest.text("/etc/shadow") == "bin:*:1::::::\nroot:$6$a$b:2::::::\nadmin:$y$own:3::::::\n")
    #expect(guest.text("/root/.ssh/authorized_keys") == "ssh-ed25519 AAAA me\n")
    #expect(guest.entries["/root/.ssh"]?.mode == 0o700)
    #expect(guest.target("/etc/localtime") == "/usr/share/zoneinfo/Europe/Zurich")
    #expect(guest.text("/etc/cloud/cloud.cfg.d/99-guestsmith.cfg")?.hasSuffix("\npreserve_hostname: true\n") == true)
    #expect(guest.text("/etc/cloud/cloud.cfg") == "users: []\n")
  }

  @Test("has the program configure its network that is named, where that is in the guest")
  func renderer() throws {
    var settings = GuestSettings(network: fixedNetwork("192.0.2.7"), renderer: .netplan)
    func guest(_ more: [ByteString: String]) -> MemoryGuest {
      MemoryGuest(["/lib/systemd/systemd": "", "/usr/sbin/NetworkManager": ""].merging(more) { $1 })
    }
    let lacking = guest([:])
    let failure = #expect(throws: Failure.self) { try settings.apply(to: lacking) }
    #expect(failure?.message == "network_renderer = \"netplan\", and netplan is not in the guest")
    let netplan = guest(["/usr/lib/systemd/system-generators/netplan": ""])
    #expect(try settings.apply(to: netplan) == ["netplan of the guest configures its network"])
    #expect(netplan.text("/etc/netplan/60-guestsmith.yaml") != nil)
    settings.renderer = .networkManager
    let other = guest(["/usr/lib/systemd/system-generators/netplan": ""])
    #expect(try settings.apply(to: other) == ["NetworkManager of the guest configures its network"])
    for renderer in NetworkRenderer.allCases {
      #expect(throws: Failure.self) { try renderer.refuseMissing(in: MemoryGuest()) }
    }
  }

  @Test("is told where the guest has no place for it")
  func lacking() throws {
    let guest = MemoryGuest(["/etc/passwd": "root:x:0:0::/root:/bin/sh\n"])
    let notes = try settings.apply(to: guest)
    #expect(
      notes == [
        "root_password_hash is not used: the guest's /etc/shadow lacks a line for root",
        "the guest keeps its time zone: the guest knows no time zone 'Europe/Zurich'",
      ])
    #expect(guest.text("/root/.ssh/authorized_keys") == "ssh-ed25519 AAAA me\n")
    #expect(try guest.kind("/etc/cloud") == nil)
  }

  @Test("has the guest's own program configure its network, and cloud-init leave that alone")
  func network() throws {
    let cloud = "# This file is generated from information provided by the datasource.\n"
    let guest = MemoryGuest(
      [
        "/etc/cloud/cloud.cfg": "", "/lib/systemd/systemd": "", "/lib/systemd/systemd-networkd": "",
        "/etc/systemd/network/10-cloud-init-eth0.network": cloud, "/etc/netplan/50-cloud-init.yaml": cloud,
        "/etc/netplan/90-own.yaml": "network: {version: 2}\n",
        "/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\n",
        "/etc/sysconfig/network-scripts/ifcfg-eth1": "# Created by cloud-init automatically, do not edit.\n",
      ],
      links: [
        "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service":
          "/lib/systemd/system/systemd-networkd.service"
      ])
    var network = fixedNetwork("192.0.2.7", gateway: "192.0.2.1")
    network.interfaces[0].match = .mac("aa:00:00:00:00:01")
    let notes = try GuestSettings(network: network).apply(to: guest)
    #expect(notes == ["systemd-networkd of the guest configures its network"])
    #expect(guest.text(Network.path)?.contains("\nAddress=192.0.2.7/24\n") == true)
    let told = try #require(guest.text(CloudInit.path))
    #expect(told.hasSuffix("\npreserve_hostname: true\nnetwork: {config: disabled}\n"))
    for path: ByteString in [
      "/etc/systemd/network/10-cloud-init-eth0.network", "/etc/netplan/50-cloud-init.yaml",
      "/etc/sysconfig/network-scripts/ifcfg-eth1",
    ] { #expect(try guest.kind(path) == nil) }
    #expect(guest.text("/etc/netplan/90-own.yaml") != nil)
    #expect(guest.text("/etc/sysconfig/network-scripts/ifcfg-eth0") != nil)
  }

  @Test("leaves the network of a guest with nothing that is known as it is, and cloud-init to configure it")
  func noRenderer() throws {
    let guest = MemoryGuest(["/etc/cloud/cloud.cfg": "", "/etc/netplan/50-cloud-init.yaml": "network: {}\n"])
    let notes = try GuestSettings(network: fixedNetwork("192.0.2.7")).apply(to: guest)
    #expect(notes == ["the guest keeps the network that it has: nothing that is known configures it"])
    #expect(guest.text(CloudInit.path)?.contains("disabled") == false)
    #expect(guest.text("/etc/netplan/50-cloud-init.yaml") != nil)
  }

  @Test("leaves all as it is where nothing is set, but for a password of root")
  func nothing() throws {
    let guest = MemoryGuest(["/etc/shadow": "root:*:3::::::\nadmin:$y$own:3::::::\n"])
    #expect(try GuestSettings().apply(to: guest) == [])
    #expect(guest.changes == [])
    let open = MemoryGuest(["/etc/shadow": "root:$y$own:3::::::\nadmin:$y$own:3::::::\n"])
    #expect(
      try GuestSettings().apply(to: open)
        == ["the password that the image has of root is not accepted: root_password_hash is not set"])
    #expect(open.changes == ["/etc/shadow"])
    #expect(open.text("/etc/shadow") == "root:*:3::::::\nadmin:$y$own:3::::::\n")
  }
}
