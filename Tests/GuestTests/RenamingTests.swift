// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

private let vm1 = GuestName("vm1.example.com")
private let vm2 = GuestName("vm2.example.com")

@Suite("Renaming a guest")
struct RenamingTests {
  @Test("a guest gets its new name everywhere and stays the same machine")
  func rename() throws {
    let guest = MemoryGuest.debian()
    try exampleIdentity().apply(to: guest)
    guest.put("/etc/machine-id", Array("abc\n".utf8))
    guest.put("/etc/ssh/ssh_host_rsa_key", Array("key".utf8))
    #expect(try Renaming(from: vm1, to: vm2).apply(to: guest) == .renamed)
    #expect(guest.text("/etc/hostname") == "vm2\n")
    #expect(guest.text("/etc/hosts")?.contains("127.0.1.1\tvm2.example.com vm2\n") == true)
    #expect(guest.text("/etc/mailname") == "vm2.example.com\n")
    #expect(guest.text(ReleaseFile.path)?.contains("\nINSTANCE=vm2.example.com\n") == true)
    #expect(guest.text(ReleaseFile.path)?.contains("\nROOT_UUID=1111\n") == true)
    #expect(guest.text("/etc/machine-id") == "abc\n")
    #expect(guest.text("/etc/ssh/ssh_host_rsa_key") == "key")
  }

  @Test("a guest that has the new name already is a success without a change")
  func already() throws {
    let guest = MemoryGuest(["/etc/hostname": "vm2\n", "/etc/hosts": "127.0.1.1 vm1.example.com vm1\n"])
    #expect(try Renaming(from: vm1, to: vm2).apply(to: guest) == .alreadyNamed)
    #expect(try Renaming(from: vm2, to: vm2).apply(to: guest) == .alreadyNamed)
    #expect(guest.changes.isEmpty)
  }

  @Test(
    "a guest of another name is refused with both names, and nothing changes",
    arguments: ["db", "vm1.other.org", "vm10", "vm1.example.com.au", "a\u{1B}[31mred"])
  func refused(hostname: String) {
    let guest = MemoryGuest(["/etc/hostname": hostname, "/etc/hosts": "127.0.1.1 vm1\n"])
    #expect {
      try Renaming(from: vm1, to: vm2).apply(to: guest)
    } throws: { error in
      isGuestFailure(Words.printable(hostname), vm1.full, vm2.full)(error) && !"\(error)".contains("\u{1B}")
    }
    #expect(guest.changes.isEmpty)
  }

  @Test("a guest without a host name is refused", arguments: [nil, "", "# nothing\n"])
  func nameless(text: String?) {
    let guest = MemoryGuest(text.map { ["/etc/hostname": $0] } ?? [:])
    #expect(
      performing: { try Renaming(from: vm1, to: vm2).apply(to: guest) },
      throws: isGuestFailure("/etc/hostname", vm1.full))
  }

  @Test("names are compared without regard to case, in both forms", arguments: ["VM1", "vm1.EXAMPLE.com", "vm1\r\n"])
  func forms(hostname: String) throws {
    let guest = MemoryGuest(["/etc/hostname": hostname])
    #expect(try Renaming(from: vm1, to: vm2).apply(to: guest) == .renamed)
    #expect(try Renaming(from: vm1, to: vm2).apply(to: guest) == .alreadyNamed)
  }

  @Test("a move to another domain under the same first label is a rename, once")
  func domain() throws {
    let moved = GuestName("vm1.example.org")
    let guest = MemoryGuest.debian()
    try exampleIdentity().apply(to: guest)
    #expect(try Renaming(from: vm1, to: moved).apply(to: guest) == .renamed)
    #expect(guest.text("/etc/mailname") == "vm1.example.org\n")
    #expect(guest.text("/etc/hosts")?.contains("127.0.1.1\tvm1.example.org vm1\n") == true)
    let once = guest.entries
    #expect(try Renaming(from: vm1, to: moved).apply(to: guest) == .alreadyNamed)
    #expect(guest.entries == once)
  }

  @Test("a guest called localhost gets a name and a line of its own, and the loopback and other files stay")
  func localhost() throws {
    let hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    let guest = MemoryGuest(["/etc/hostname": "localhost\n", "/etc/hosts": hosts, "/etc/mta": "relay localhost\n"])
    guest.put(ReleaseFile.path, Array("NAME_FILES=/etc/mta\n".utf8))
    #expect(try Renaming(from: GuestName("localhost"), to: vm2).apply(to: guest) == .renamed)
    #expect(guest.text("/etc/hostname") == "vm2\n")
    #expect(guest.text("/etc/hosts") == hosts + "127.0.1.1\tvm2.example.com vm2\n")
    #expect(guest.text("/etc/mta") == "relay localhost\n")
  }

  @Test("an old name may be any that a host passes", arguments: ["web_1.example.com", "vm-", "a%b+c:d@e/f"])
  func anyOldName(name: String) throws {
    let old = GuestName(name)
    let guest = MemoryGuest(["/etc/hostname": old.short, "/etc/hosts": "127.0.1.1 \(old.full) \(old.short)\n"])
    #expect(try Renaming(from: old, to: vm2).apply(to: guest) == .renamed)
    #expect(guest.text("/etc/hostname") == "vm2")
    #expect(guest.text("/etc/hosts")?.hasPrefix("127.0.1.1 vm2.example.com") == true)
  }

  @Test("a guest that guestsmith did not install is renamed in the files that every guest has")
  func foreign() throws {
    let guest = MemoryGuest(["/etc/hostname": "vm1.example.com\n", "/etc/hosts": "10.1.1.1 vm1.example.com vm1\n"])
    #expect(try Renaming(from: vm1, to: vm2).apply(to: guest) == .renamed)
    #expect(guest.text("/etc/hostname") == "vm2.example.com\n")
    #expect(guest.text("/etc/hosts") == "10.1.1.1 vm2.example.com vm2\n")
    #expect(guest.entries.count == 4)
  }

  @Test("files that the release file lists are changed, others are not")
  func listed() throws {
    let text = "motd of vm1 (vm1.example.com), not of vm10\n"
    let guest = MemoryGuest(["/etc/hostname": "vm1\n", "/etc/motd": text, "/etc/issue": text])
    guest.put(ReleaseFile.path, Array("NAME_FILES=\"/etc/motd /etc/gone\"\nNEW_KEY=kept\n".utf8))
    try Renaming(from: vm1, to: vm2).apply(to: guest)
    #expect(guest.text("/etc/motd") == "motd of vm2 (vm2.example.com), not of vm10\n")
    #expect(guest.text("/etc/issue") == text)
    #expect(guest.text(ReleaseFile.path)?.contains("\nNEW_KEY=kept\n") == true)
    #expect(try guest.kind("/etc/gone") == nil)
  }

  @Test(
    "a list of files that no provider wrote is refused before anything changes",
    arguments: ["../../etc/passwd", "/etc/../../x", "etc/motd", "/etc//motd", "/", String(repeating: "/a ", count: 65)])
  func hostileList(list: String) {
    let guest = MemoryGuest(["/etc/hostname": "vm1\n", ReleaseFile.path: "NAME_FILES='\(list)'\n"])
    #expect(
      performing: { try Renaming(from: vm1, to: vm2).apply(to: guest) }, throws: isGuestFailure("NAME_FILES"))
    #expect(guest.changes.isEmpty)
  }

  @Test("a release file of garbage does no harm")
  func garbage() throws {
    let guest = MemoryGuest(["/etc/hostname": "vm1\n"])
    guest.put(ReleaseFile.path, [0xFF, 0x00, 0x0A] + Array("=\n==\nINSTANCE='\n'\n\r\nNAME_FILES=".utf8))
    #expect(try Renaming(from: vm1, to: vm2).apply(to: guest) == .renamed)
    #expect(guest.text("/etc/hostname") == "vm2\n")
  }

  @Test("a host name behind a link inside the guest is changed there; a link that leads nowhere is a missing name")
  func links() throws {
    let guest = MemoryGuest(["/etc/conf/name": "vm1\n"], links: ["/etc/hostname": "/../../etc/conf/name"])
    #expect(try Renaming(from: vm1, to: vm2).apply(to: guest) == .renamed)
    #expect(guest.text("/etc/conf/name") == "vm2\n")
    let dangling = MemoryGuest(links: ["/etc/hostname": "/root/of/the/host"])
    #expect(
      performing: { try Renaming(from: vm1, to: vm2).apply(to: dangling) }, throws: isGuestFailure("/etc/hostname"))
    #expect(dangling.entries["/root/of/the/host"] == nil)
  }

  @Test("a static address of the new name replaces the one of the old")
  func address() throws {
    let guest = MemoryGuest.debian()
    var identity = exampleIdentity()
    identity.network = fixedNetwork("192.0.2.7")
    try identity.apply(to: guest)
    let network = fixedNetwork("192.0.2.8")
    try Renaming(from: vm1, to: vm2, network: network).apply(to: guest)
    #expect(guest.text(Network.path)?.contains("\nAddress=192.0.2.8/24\n") == true)
    #expect(guest.text("/etc/hosts")?.contains("\n192.0.2.8\tvm2.example.com vm2\n") == true)
    #expect(guest.text(ReleaseFile.path)?.contains("\nADDRESS=192.0.2.8/24\n") == true)
  }

  @Test(
    "files of ours follow the interfaces; those of the administrator stay, and are told of where they name an address")
  func interfaces() throws {
    let guest = MemoryGuest.debian()
    var identity = exampleIdentity()
    identity.network = try network("192.0.2.7", "198.51.100.7")
    try identity.apply(to: guest)
    #expect(guest.text(ReleaseFile.path)?.contains("\nADDRESS=192.0.2.7/24,198.51.100.7/24\n") == true)
    let own: [ByteString: String] = [
      "/etc/systemd/network/20-own.network": "[Network]\n# 192.0.2.7\nAddress=198.51.100.7/24\n",
      "/etc/ssh/sshd_config": "ListenAddress 192.0.2.7:22\n", "/etc/exports": "/srv 192.0.2.70(rw)\n",
    ]
    for (path, text) in own { guest.put(path, Array(text.utf8)) }
    var told: [ByteString] = []
    try Renaming(from: vm1, to: vm2, network: network("192.0.2.8")).apply(to: guest) { told = $0 }
    #expect(guest.text(Network.path)?.contains("\nAddress=192.0.2.8/24\n") == true)
    #expect(try guest.kind(Network.path(ofInterface: 1)) == nil)
    #expect(guest.text(ReleaseFile.path)?.contains("\nADDRESS=192.0.2.8/24\n") == true)
    #expect(Set(told) == ["/etc/ssh/sshd_config", "/etc/systemd/network/20-own.network"])
    for (path, text) in own { #expect(guest.text(path) == text) }
  }

  private func network(_ addresses: String...) throws -> GuestNetwork {
    GuestNetwork(
      addresses.enumerated().map { index, address in
        var interface = GuestNetwork.Interface(.mac("aa:00:00:00:00:0\(index)"), index: index)
        interface.addresses = [.init(address, prefix: 24)]
        return interface
      })
  }

  @Test("without a fixed address the guest's own stay, by the MAC addresses that its interfaces have now")
  func rematched() throws {
    let guest = MemoryGuest.debian()
    var identity = exampleIdentity()
    identity.network = try network("192.0.2.7")
    try identity.apply(to: guest)
    let before = try #require(guest.text(Network.path))
    var network = GuestNetwork.standard
    network.interfaces[0].match = .mac("aa:00:00:00:00:99")
    try Renaming(from: vm1, to: vm2, network: network).apply(to: guest)
    #expect(guest.text(Network.path) == before.replacing("aa:00:00:00:00:00", with: "aa:00:00:00:00:99"))
    #expect(guest.text(ReleaseFile.path)?.contains("\nADDRESS=192.0.2.7/24\n") == true)
    try Renaming(from: vm2, to: vm1, network: .standard).apply(to: guest)
    #expect(
      guest.text(Network.path)
        == before.replacing("PermanentMACAddress=aa:00:00:00:00:00", with: "Property=GUESTSMITH_NIC=first"))
    #expect(guest.text(Network.rulesPath)?.contains(#"ATTR{ifindex}=="2", ENV{GUESTSMITH_NIC}="first""#) == true)
    let marked = MemoryGuest.debian()
    try exampleIdentity().apply(to: marked)
    let ours = marked.text(Network.path)
    try Renaming(from: vm1, to: vm2, network: network).apply(to: marked)
    #expect(marked.text(Network.path) == ours)
  }

  @Test("a network that was written for another program of the guest follows, too", arguments: NetworkRenderer.allCases)
  func others(renderer: NetworkRenderer) throws {
    let guest = MemoryGuest([
      "/etc/hostname": "vm1\n", "/etc/hosts": "127.0.1.1\tvm1.example.com vm1\n", "/lib/systemd/systemd-networkd": "",
    ])
    try renderer.apply(network("192.0.2.7"), to: guest)
    #expect(try NetworkRenderer.own(in: guest) == renderer)
    #expect(try Renaming(from: vm1, to: vm2, network: network("192.0.2.8")).apply(to: guest) == .renamed)
    for file in try renderer.files(for: network("192.0.2.8")) {
      #expect(guest.text(file.path)?.contains(String(decoding: file.bytes, as: UTF8.self)) == true, "\(file.path)")
    }
    #expect(guest.text("/etc/hosts") == "192.0.2.8\tvm2.example.com vm2\n")
    let changes = guest.changes
    #expect(try Renaming(from: vm2, to: vm2, network: network("192.0.2.8")).apply(to: guest) == .alreadyNamed)
    #expect(guest.changes == changes)
    #expect(try NetworkRenderer.own(in: MemoryGuest.debian()) == nil)
  }

  @Test(
    "without a fixed address it follows its interfaces to other MAC addresses, whoever configures them, and is else as it was",
    arguments: NetworkRenderer.allCases, [true, false])
  func othersRematched(renderer: NetworkRenderer, isSwap: Bool) throws {
    let guest = MemoryGuest([
      "/etc/hostname": "vm1\n", "/etc/hosts": "127.0.1.1\tvm1.example.com vm1\n", "/lib/systemd/systemd-networkd": "",
    ])
    func network(_ macs: String...) -> GuestNetwork {
      GuestNetwork(
        macs.enumerated().map { index, mac in
          var interface = GuestNetwork.Interface(.mac(mac), index: index)
          (interface.dhcp4, interface.acceptsAdvertisements) = (true, true)
          return interface
        })
    }
    let (old, new) = (
      network("aa:00:00:00:00:0b", "52:54:00:12:34:56"),
      isSwap ? network("52:54:00:12:34:56", "aa:00:00:00:00:0b") : network("aa:00:00:00:00:0c", "aa:00:00:00:00:0d")
    )
    try renderer.apply(old, to: guest)
    // What its administrator has added.
    let files = try renderer.files(for: old).map(\.path)
    let added = "# 2001:db8:aa:00:00:00:00:0b\n"
    for path in files where renderer != .cloudInit {
      guest.put(path, Array((guest.text(path) ?? "").utf8) + Array(added.utf8))
    }
    try Renaming(from: vm1, to: vm2, network: new).apply(to: guest)
    for file in try renderer.files(for: new) {
      let text = guest.text(file.path)
      #expect(text?.contains(String(decoding: file.bytes, as: UTF8.self)) == true, "\(file.path): \(text ?? "")")
      #expect(text?.hasSuffix(added) == (renderer != .cloudInit))
    }
    let changes = guest.changes
    #expect(try Renaming(from: vm2, to: vm2, network: new).apply(to: guest) == .alreadyNamed)
    #expect(guest.changes == changes)
  }

  @Test(
    "an interface that is left without an address loses its file",
    arguments: [NetworkRenderer.networkManager, .sysconfig])
  func fileOfNone(renderer: NetworkRenderer) throws {
    let guest = MemoryGuest(["/etc/hostname": "vm1\n", "/etc/hosts": "192.0.2.7\tvm1.example.com vm1\n"])
    let both = try network("192.0.2.7", "198.51.100.7")
    try renderer.apply(both, to: guest)
    var one = both
    one.interfaces[1].addresses = []
    let gone = Set(try renderer.files(for: both).map(\.path)).subtracting(try renderer.files(for: one).map(\.path))
    #expect(gone.count == 1)
    #expect(try Renaming(from: vm1, to: vm2, network: one).apply(to: guest) == .renamed)
    for path in gone { #expect(try guest.kind(path) == nil) }
  }

  @Test("a file of networkd that only begins as ours do is its administrator's") func similarName() throws {
    let guest = MemoryGuest.debian()
    var identity = exampleIdentity()
    identity.network = try network("192.0.2.7")
    try identity.apply(to: guest)
    let path: ByteString = "/etc/systemd/network/10-guestsmith-lan.network"
    guest.put(path, Array("[Network]\n".utf8))
    try Renaming(from: vm1, to: vm2, network: network("192.0.2.8")).apply(to: guest)
    #expect(guest.text(path) == "[Network]\n")
  }

  @Test("a guest with a network of its own keeps it")
  func ownNetwork() throws {
    let guest = MemoryGuest(["/etc/hostname": "vm1\n", "/etc/network/interfaces": "iface eth0 inet dhcp\n"])
    let network = fixedNetwork("192.0.2.8")
    var notes: [String] = []
    try Renaming(from: vm1, to: vm2, network: network).apply(to: guest, note: { notes.append($0) })
    #expect(guest.changes == ["/etc/hostname"])
    #expect(notes == ["the network in the guest's files stays as it is: guestsmith did not write it"])
    notes = []
    try Renaming(from: vm2, to: vm1, network: .standard).apply(to: guest, note: { notes.append($0) })
    #expect(notes == [], "no other network is asked for")
  }

  @Test("the host name is written last, so that a change cut short is done again")
  func order() throws {
    let guest = MemoryGuest.debian()
    try exampleIdentity().apply(to: guest)
    let before = guest.changes.count
    try Renaming(from: vm1, to: vm2).apply(to: guest)
    #expect(guest.changes[before...].last == "/etc/hostname")
    #expect(guest.changes.count - before == 4)
  }

  @Test("a file that can't be read, or is too large, stays as it is, and is noted")
  func unreadable() throws {
    let large = Array(repeating: UInt8(ascii: "#"), count: 2 << 20) + Array("\n127.0.1.1 vm1.example.com vm1\n".utf8)
    let guest = MemoryGuest(["/etc/hostname": "vm1\n", "/etc/motd/part": "vm1\n"])
    guest.put(ReleaseFile.path, Array("NAME_FILES=/etc/motd\n".utf8))
    guest.put("/etc/hosts", large)
    guest.put("/etc/mailname", large)
    var notes: [String] = []
    try Renaming(from: vm1, to: vm2).apply(to: guest, note: { notes.append($0) })
    #expect(notes.map { String($0.prefix { $0 != " " }) } == ["/etc/mailname", "/etc/motd"], "\(notes)")
    #expect(notes.allSatisfy { $0.contains(" stays as it is, and may have the old name: ") }, "\(notes)")
    #expect(guest.text("/etc/hosts")?.hasSuffix("#\n127.0.1.1 vm2.example.com vm2\n") == true)
    #expect(guest.text("/etc/mailname")?.hasSuffix("vm1.example.com vm1\n") == true)
    #expect(guest.text("/etc/hostname") == "vm2\n")
    guest.put("/etc/hosts", [UInt8](repeating: 0x0A, count: Hosts.largest + 1))
    notes = []
    try Renaming(from: vm2, to: vm1).apply(to: guest, note: { notes.append($0) })
    #expect(notes.contains { $0.hasPrefix("/etc/hosts stays as it is") }, "\(notes)")
  }

  @Test("owner and mode of the guest's files stay")
  func owner() throws {
    let guest = MemoryGuest()
    guest.put("/etc/hostname", Array("vm1\n".utf8), mode: 0o600, uid: 7, gid: 8)
    try Renaming(from: vm1, to: vm2).apply(to: guest)
    #expect(guest.entries["/etc/hostname"] == .init(node: .file(Array("vm2\n".utf8)), mode: 0o600, uid: 7, gid: 8))
  }
}
