// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

@Suite("A guest that gets other addresses")
struct AddressChangeTests {
  private let names = (1...3).map { GuestName("vm\($0).example.com") }

  private func network(_ addresses: String...) -> GuestNetwork {
    GuestNetwork(
      addresses.enumerated().map { index, address in
        var interface = GuestNetwork.Interface(.mac("aa:00:00:00:00:0\(index)"), index: index)
        interface.addresses = [.init(address, prefix: 24)]
        interface.nameservers = ["192.0.2.53"]
        interface.routes = index == 0 ? [.init(by: "192.0.2.1")] : []
        return interface
      })
  }

  /// Of an image, without a release file.
  private func guest(_ files: [ByteString: String] = [:]) -> MemoryGuest {
    let usual: [ByteString: String] = [
      "/etc/hostname": "vm1\n", "/etc/hosts": "127.0.1.1\tvm1.example.com vm1\n", "/lib/systemd/systemd-networkd": "",
    ]
    return MemoryGuest(usual.merging(files) { $1 })
  }

  @Test("has the old ones in the files of ours where it lacks a release file", arguments: NetworkRenderer.allCases)
  func old(renderer: NetworkRenderer) throws {
    let (listen, allow): (ByteString, ByteString) = ("/etc/ssh/sshd_config", "/etc/hosts.allow")
    let guest = guest([listen: "ListenAddress 192.0.2.7\n", allow: "ALL: 192.0.2.1 192.0.2.53\n"])
    try renderer.apply(network("192.0.2.7", "198.51.100.7"), to: guest)
    var told: [ByteString] = []
    try Renaming(from: names[0], to: names[1], network: network("192.0.2.8", "198.51.100.7"))
      .apply(to: guest) { told = $0 }
    #expect(guest.text("/etc/hosts") == "192.0.2.8\tvm2.example.com vm2\n")
    #expect(told == [listen], "neither what is ours nor what names another address")
    try Renaming(from: names[1], to: names[2], network: network("192.0.2.9", "198.51.100.7")).apply(to: guest)
    #expect(guest.text("/etc/hosts") == "192.0.2.9\tvm3.example.com vm3\n")
    #expect(guest.text(ReleaseFile.path) == nil)
  }

  @Test("finds its old address again where a rename was cut off: what tells it is written last but for the name")
  func order() throws {
    let guest = guest(["/etc/systemd/system/multi-user.target.wants/systemd-networkd.service": ""])
    try NetworkRenderer.networkd.apply(network("192.0.2.7"), to: guest)
    let before = guest.changes.count
    try Renaming(from: names[0], to: names[1], network: network("192.0.2.8")).apply(to: guest)
    let written = guest.changes.dropFirst(before)
    let places = ["/etc/hosts", Network.path, "/etc/hostname"].map { written.firstIndex(of: $0) ?? -1 }
    #expect(places == places.sorted() && places[0] >= 0, "\(written)")
    #expect(written.last == "/etc/hostname")
  }

  @Test(
    "keeps a file of ours that its administrator has replaced, which is noted",
    arguments: NetworkRenderer.allCases.filter { $0 != .alpine })
  func replaced(renderer: NetworkRenderer) throws {
    let guest = guest()
    try renderer.apply(network("192.0.2.7"), to: guest)
    let path = try #require(renderer.files(for: network("192.0.2.7")).first).path
    guest.put(path, Array("own\n".utf8))
    var notes: [String] = []
    try Renaming(from: names[0], to: names[1], network: network("192.0.2.8"))
      .apply(to: guest, note: { notes.append($0) })
    #expect(guest.text(path) == "own\n")
    #expect(notes.count == 1 && notes[0].hasSuffix("stay as they are: \(path)"), "\(notes)")
    #expect(guest.text("/etc/hosts") == "127.0.1.1\tvm2.example.com vm2\n", "whatever address it has")
    #expect(try renderer.apply(network("192.0.2.8"), to: guest).contains(path))
    #expect(guest.text(path) == "own\n")
  }

  @Test(
    "keeps the address that the name has where its administrator says that of the interface", arguments: [true, false])
  func replacedInPart(isFirst: Bool) throws {
    let guest = MemoryGuest.debian()
    var identity = exampleIdentity()
    identity.network = network("192.0.2.7", "198.51.100.7")
    try identity.apply(to: guest)
    guest.put(Network.path(ofInterface: isFirst ? 0 : 1), Array("[Network]\nDHCP=yes\n".utf8))
    try Renaming(from: names[0], to: names[1], network: network("192.0.2.8", "198.51.100.8")).apply(to: guest)
    for index in 0...1 {
      let text = try #require(guest.text(Network.path(ofInterface: index)))
      let isKept = (index == 0) == isFirst
      #expect(isKept ? text == "[Network]\nDHCP=yes\n" : text.contains("100.8/24") || text.contains("192.0.2.8/24"))
    }
    let address = isFirst ? "192.0.2.7" : "192.0.2.8"
    #expect(guest.text("/etc/hosts")?.contains("\n\(address)\tvm2.example.com vm2\n") == true)
    #expect(guest.text(ReleaseFile.path)?.contains("\nADDRESS=\(address)/24,") == true)
  }

  @Test(
    "has other name servers where the file of them is ours, and keeps its administrator's, which is noted",
    arguments: [NetworkRenderer.networkd, .netplan, .ifupdown, .alpine])
  func resolver(renderer: NetworkRenderer) throws {
    let path = NetworkRenderer.resolverPath
    var other = network("192.0.2.8")
    other.interfaces[0].nameservers = ["198.51.100.53"]
    for own in ["nameserver 127.0.0.1\n", nil] {
      let guest = guest()
      try renderer.apply(network("192.0.2.7"), to: guest)
      let written = try #require(guest.text(path))
      #expect(written.hasSuffix("changes.\nnameserver 192.0.2.53\n"))
      if let own { guest.put(path, Array(own.utf8)) }
      var notes: [String] = []
      try Renaming(from: names[0], to: names[1], network: other).apply(to: guest, note: { notes.append($0) })
      let text = guest.text(path)
      #expect(text == own ?? written.replacing("192.0.2.53", with: "198.51.100.53"))
      #expect(notes.count == (own == nil ? 0 : 1), "\(notes)")
      #expect(notes.allSatisfy { $0.hasPrefix("/etc/resolv.conf stays as it is") })
    }
    let linked = guest()
    try renderer.apply(network("192.0.2.7"), to: linked)
    try linked.remove(path)
    linked.putLink(path, "/run/resolv.conf")
    try Renaming(from: names[0], to: names[1], network: other).apply(to: linked)
    #expect(linked.target(path) == "/run/resolv.conf")
  }

  @Test("keeps what of ours is not about the network")
  func console() throws {
    let guest = MemoryGuest.debian()
    guest.put("/usr/lib/systemd/system-generators/netplan", [])
    var identity = exampleIdentity()
    identity.network = network("192.0.2.7")
    identity.renderer = .netplan
    try identity.apply(to: guest)
    try Renaming(from: names[0], to: names[1], network: network("192.0.2.8")).apply(to: guest)
    #expect(guest.text("/etc/netplan/60-guestsmith.yaml")?.contains("192.0.2.8/24") == true)
    #expect(guest.text(Console.path) == Console.rules)
  }

  @Test(
    "labels its files at the next boot where it has SELinux and a file came to be",
    arguments: [("enforcing", 2, true), ("permissive", 2, true), ("enforcing", 1, false), ("disabled", 2, false)])
  func labels(mode: String, interfaces: Int, isLabelled: Bool) throws {
    for renderer in [NetworkRenderer.networkManager, .networkd] {
      let guest = guest(["/etc/selinux/config": "SELINUX=\(mode)\n"])
      try renderer.apply(network("192.0.2.7"), to: guest)
      let new = interfaces == 1 ? network("192.0.2.8") : network("192.0.2.8", "198.51.100.8")
      try Renaming(from: names[0], to: names[1], network: new).apply(to: guest)
      #expect((guest.text("/.autorelabel") == "") == isLabelled, "\(renderer)")
      #expect(guest.changes.last == "/etc/hostname")
    }
  }

  @Test("has none but those of its interfaces there", arguments: NetworkRenderer.allCases)
  func own(renderer: NetworkRenderer) throws {
    let guest = guest()
    let network = NetworkRendererTests.network(for: renderer)
    try renderer.apply(network, to: guest)
    #expect(Set(try NetworkRenderer.ownAddresses(in: guest)) == Set(network.fixedAddresses.map(\.address)))
  }
}
