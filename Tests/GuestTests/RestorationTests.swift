// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

/// Restores `guest` as import does, without what names a UUID in other files.
@discardableResult
private func restore(
  _ guest: MemoryGuest, as name: String, recorded: String? = nil, network: GuestNetwork? = nil, macs: [String] = []
) throws -> (origin: Origin, isCopy: Bool, outcome: Restoration.Outcome) {
  let origin = try Origin(of: guest)
  let isCopy = !origin.isSame(as: GuestName(name), recorded: recorded)
  var restoration = Restoration(
    name: GuestName(name), origin: origin, isCopy: isCopy, rootUUID: "3333", swapUUID: "4444", network: network)
  restoration.macs = macs
  return (origin, isCopy, try restoration.apply(to: guest))
}

/// A guest of ours that has been running: with its own machine-id and ssh host keys.
private func livedIn() throws -> MemoryGuest {
  let guest = MemoryGuest.debian()
  try exampleIdentity().apply(to: guest)
  guest.put("/etc/machine-id", Array("abc\n".utf8))
  guest.put("/etc/ssh/ssh_host_rsa_key", Array("key".utf8))
  return guest
}

@Suite("Restoring a guest out of a dump")
struct RestorationTests {
  @Test("under another name it is a copy: new name, new UUIDs, an identity of its own")
  func copy() throws {
    let guest = try livedIn()
    let (origin, isCopy, outcome) = try restore(guest, as: "vm2.example.com")
    #expect(origin.name?.full == "vm1.example.com")
    #expect(isCopy && !outcome.identity.keptSSHHostKeys)
    #expect(guest.text("/etc/hostname") == "vm2\n")
    #expect(guest.text("/etc/hosts")?.contains("127.0.1.1\tvm2.example.com vm2\n") == true)
    #expect(guest.text("/etc/fstab")?.contains("UUID=3333\t/") == true)
    #expect(guest.text("/etc/fstab")?.contains("UUID=4444\tnone\tswap") == true)
    #expect(guest.text("/etc/machine-id") == "")
    #expect(try guest.kind("/etc/ssh/ssh_host_rsa_key") == nil)
    let release = try #require(guest.text(ReleaseFile.path))
    for line in ["INSTANCE=vm2.example.com", "ROOT_UUID=3333", "SWAP_UUID=4444", "IMAGE=sha256:abcd"] {
      #expect(release.contains("\n\(line)\n"))
    }
  }

  @Test("a copy is what create would have made of the same image")
  func sameAsCreated() throws {
    let guest = try livedIn()
    try restore(guest, as: "vm2.example.com")
    let created = MemoryGuest.debian()
    var identity = exampleIdentity("vm2.example.com")
    identity.rootUUID = "3333"
    identity.swapUUID = "4444"
    try identity.apply(to: created)
    #expect(guest.entries == created.entries)
  }

  @Test("what is made of an image has none of the addresses that the image's guest had", arguments: [true, false])
  func ofImage(isNetworkd: Bool) throws {
    let guest = MemoryGuest.debian()
    var identity = exampleIdentity()
    identity.network = fixedNetwork("192.0.2.7")
    try identity.apply(to: guest)
    if !isNetworkd {
      try NetworkRenderer.networkManager.apply(identity.network, to: guest)
      #expect(try NetworkRenderer.own(in: guest) == .networkManager)
    }
    var restoration = Restoration(
      name: GuestName("vm2.example.com"), origin: try Origin(of: guest), isCopy: true, rootUUID: "3333", swapUUID: nil,
      network: .standard)
    restoration.settings = GuestSettings()
    try restoration.apply(to: guest)
    #expect(guest.entries.keys.allSatisfy { guest.text($0)?.contains("192.0.2.7") != true })
    #expect(guest.text("/etc/hosts")?.contains("127.0.1.1\tvm2.example.com vm2\n") == true)
    #expect(guest.text(ReleaseFile.path)?.contains("\nADDRESS=dhcp\n") == true)
  }

  @Test("under its own name it stays the machine that it was")
  func same() throws {
    let guest = try livedIn()
    guest.put("/etc/udev/rules.d/70-persistent-net.rules", Array("# automatically generated\n".utf8))
    let before = guest.entries
    let (_, isCopy, outcome) = try restore(guest, as: "vm1.example.com")
    #expect(!isCopy && outcome == Restoration.Outcome())
    var files = Set(guest.entries.keys.filter { guest.entries[$0] != before[$0] })
    #expect(files.remove(Fstab.path) != nil && files.remove(ReleaseFile.path) != nil)
    #expect(files.isEmpty)
    #expect(guest.text("/etc/fstab")?.contains("UUID=3333\t/") == true)
    #expect(guest.text(ReleaseFile.path)?.contains("\nROOT_UUID=3333\n") == true)
  }

  @Test("under its own name it keeps the name that its administrator gave it")
  func ownHostname() throws {
    let guest = MemoryGuest([
      "/etc/hostname": "web\n", "/etc/hosts": "127.0.1.1 web.internal web\n", "/etc/machine-id": "abc\n",
    ])
    let (_, isCopy, _) = try restore(guest, as: "vm1.example.com", recorded: "VM1.example.com")
    #expect(!isCopy)
    #expect(guest.text("/etc/hostname") == "web\n")
    #expect(guest.text("/etc/hosts") == "127.0.1.1 web.internal web\n")
    #expect(guest.text("/etc/machine-id") == "abc\n")
  }

  @Test("what calls itself as the new instance and was another one is a copy")
  func recordedOther() throws {
    let guest = try livedIn()
    let (_, isCopy, _) = try restore(guest, as: "vm1.example.com", recorded: "vm7.example.com")
    #expect(isCopy)
    #expect(guest.text("/etc/hostname") == "vm1\n")
    #expect(guest.text("/etc/machine-id") == "")
  }

  @Test("the same first label in another domain is another name")
  func domain() throws {
    let guest = try livedIn()
    #expect(try restore(guest, as: "vm1.example.org").isCopy)
    #expect(guest.text("/etc/mailname") == "vm1.example.org\n")
    #expect(guest.text("/etc/machine-id") == "")
  }

  @Test("a guest that knows no domain is the same in whichever it is restored to")
  func withoutDomain() throws {
    let guest = MemoryGuest(["/etc/hostname": "vm1\n", "/etc/hosts": "127.0.0.1 localhost\n"])
    #expect(try !restore(guest, as: "vm1.example.org").isCopy)
    #expect(guest.text("/etc/hosts") == "127.0.0.1 localhost\n")
    #expect(try restore(guest, as: "vm10.example.org").isCopy)
  }

  @Test("a guest of somebody else keeps its keys where nothing would make new ones")
  func foreign() throws {
    let guest = MemoryGuest([
      "/etc/hostname": "old.example.net\n", "/etc/hosts": "127.0.1.1 old.example.net old\n", "/etc/mailname": "a.b\n",
      "/etc/fstab": "/dev/sda / ext3 x 0 1\n", "/etc/ssh/ssh_host_rsa_key": "key",
    ])
    let (origin, _, outcome) = try restore(guest, as: "vm2.example.com")
    #expect(origin.name?.full == "old.example.net")
    #expect(outcome.identity.keptSSHHostKeys)
    #expect(guest.text("/etc/ssh/ssh_host_rsa_key") == "key")
    #expect(guest.text("/etc/hostname") == "vm2.example.com\n")
    #expect(guest.text("/etc/hosts") == "127.0.1.1 vm2.example.com vm2\n")
    #expect(guest.text("/etc/mailname") == "a.b\n")
    #expect(guest.text("/etc/fstab") == "/dev/sda / ext3 x 0 1\nUUID=4444\tnone\tswap\tsw,nofail\t0\t0\n")
    #expect(guest.text(ReleaseFile.path) == nil)
  }

  @Test("a guest without any name gets one", arguments: [nil, "", "# none\n"])
  func nameless(hostname: String?) throws {
    let guest = MemoryGuest(hostname.map { ["/etc/hostname": $0] } ?? [:])
    let (origin, isCopy, _) = try restore(guest, as: "vm2.example.com")
    #expect(origin.name == nil && isCopy)
    #expect(guest.text("/etc/hostname")?.hasSuffix("vm2\n") == true)
    #expect(guest.text("/etc/hosts") == "127.0.1.1\tvm2.example.com vm2\n")
  }

  @Test("a host name behind a link that leads nowhere becomes a file of the guest")
  func danglingLink() throws {
    let guest = MemoryGuest(links: ["/etc/hostname": "/somewhere/else"])
    try restore(guest, as: "vm2.example.com")
    #expect(try guest.kind("/etc/hostname") == .file)
    #expect(guest.entries["/somewhere/else"] == nil)
  }

  @Test("a file that can't be read stays as it is, which is noted of a copy", arguments: [true, false])
  func unreadable(isCopy: Bool) throws {
    let guest = MemoryGuest(["/etc/hostname": "vm1\n", "/etc/hosts/part": "", "/etc/mailname/part": ""])
    let outcome = try restore(guest, as: isCopy ? "vm2.example.com" : "vm1.example.com").outcome
    #expect(guest.text("/etc/hostname") == (isCopy ? "vm2\n" : "vm1\n"))
    #expect(outcome.notes.count == (isCopy ? 2 : 0), "\(outcome.notes)")
    let nameless = MemoryGuest(["/etc/hostname/part": "", ReleaseFile.path + "/part": ""])
    let notes = try restore(nameless, as: "vm2.example.com").outcome.notes
    #expect(notes.count == 1 && notes[0].hasPrefix("/etc/hostname stays as it is"), "\(notes)")
    #expect(nameless.text("/etc/hosts") == "127.0.1.1\tvm2.example.com vm2\n")
  }

  @Test("a static network is written anew")
  func network() throws {
    let guest = try livedIn()
    let network = fixedNetwork("192.0.2.8")
    try restore(guest, as: "vm2.example.com", network: network)
    #expect(
      guest.text(Network.path)
        == NetworkdFiles.files(for: network).first.map { String(decoding: $0.bytes, as: UTF8.self) })
    #expect(guest.text("/etc/hosts")?.contains("\n192.0.2.8\tvm2.example.com vm2\n") == true)
  }

  @Test(
    "a copy with SELinux labels what was written when it boots, and no other guest does",
    arguments: [
      ("# x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n", true, true), (" SELINUX = permissive", true, true),
      ("SELINUX=enforcing\n", false, false), ("#SELINUX=enforcing\nSELINUX=disabled\n", true, false),
    ])
  func selinux(configuration: String, isCopy: Bool, isLabelled: Bool) throws {
    let guest = MemoryGuest(["/etc/hostname": "vm1\n", "/etc/selinux/config": configuration])
    try Restoration(
      name: GuestName(isCopy ? "vm2" : "vm1"), origin: try Origin(of: guest), isCopy: isCopy, rootUUID: "1111",
      swapUUID: nil
    ).apply(to: guest)
    #expect((guest.text("/.autorelabel") == "") == isLabelled)
  }

  @Test("a guest with SELinux that comes back labels its files where one came to be", arguments: [true, false])
  func label(isNew: Bool) throws {
    let guest = try livedIn()
    guest.put("/etc/selinux/config", Array("SELINUX=enforcing\n".utf8))
    var network = fixedNetwork("192.0.2.8")
    var second = GuestNetwork.Interface(.order(1), index: 1)
    second.dhcp4 = true
    if isNew { network.interfaces.append(second) }
    #expect(try !restore(guest, as: "vm1.example.com", network: network).isCopy)
    #expect((guest.text("/.autorelabel") == "") == isNew)
  }
}
