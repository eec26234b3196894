// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

private func restoration(_ name: String, network: Network? = nil) -> Restoration {
  Restoration(
    name: GuestName(name), oldRootUUID: "1111", rootUUID: "3333", swapUUID: "4444", network: network)
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
    let outcome = try restoration("vm2.example.com").apply(to: guest)
    #expect(outcome.oldName?.full == "vm1.example.com")
    #expect(outcome.isRenamed && !outcome.keptSSHHostKeys)
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
    try restoration("vm2.example.com").apply(to: guest)
    let created = MemoryGuest.debian()
    var identity = exampleIdentity("vm2.example.com")
    identity.rootUUID = "3333"
    identity.swapUUID = "4444"
    try identity.apply(to: created)
    #expect(guest.entries == created.entries)
  }

  @Test("under its own name it stays the machine that it was")
  func same() throws {
    let guest = try livedIn()
    let outcome = try restoration("vm1.example.com").apply(to: guest)
    #expect(!outcome.isRenamed)
    #expect(guest.text("/etc/machine-id") == "abc\n")
    #expect(guest.text("/etc/ssh/ssh_host_rsa_key") == "key")
    #expect(guest.text("/etc/fstab")?.contains("UUID=3333\t/") == true)
    #expect(guest.text(ReleaseFile.path)?.contains("\nROOT_UUID=3333\n") == true)
  }

  @Test("the same first label in another domain is another name")
  func domain() throws {
    let guest = try livedIn()
    #expect(try restoration("vm1.example.org").apply(to: guest).isRenamed)
    #expect(guest.text("/etc/mailname") == "vm1.example.org\n")
    #expect(guest.text("/etc/machine-id") == "")
  }

  @Test("a guest of somebody else keeps its keys where nothing would make new ones")
  func foreign() throws {
    let guest = MemoryGuest([
      "/etc/hostname": "old.example.net\n", "/etc/hosts": "127.0.1.1 old.example.net old\n", "/etc/mailname": "a.b\n",
      "/etc/fstab": "/dev/sda / ext3 x 0 1\n", "/etc/ssh/ssh_host_rsa_key": "key",
    ])
    let outcome = try restoration("vm2.example.com").apply(to: guest)
    #expect(outcome.oldName?.full == "old.example.net")
    #expect(outcome.keptSSHHostKeys)
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
    let outcome = try restoration("vm2.example.com").apply(to: guest)
    #expect(outcome.oldName == nil && outcome.isRenamed)
    #expect(guest.text("/etc/hostname")?.hasSuffix("vm2\n") == true)
    #expect(guest.text("/etc/hosts") == "127.0.1.1\tvm2.example.com vm2\n")
  }

  @Test("a host name behind a link that leads nowhere becomes a file of the guest")
  func danglingLink() throws {
    let guest = MemoryGuest(links: ["/etc/hostname": "/somewhere/else"])
    try restoration("vm2.example.com").apply(to: guest)
    #expect(try guest.kind("/etc/hostname") == .file)
    #expect(guest.entries["/somewhere/else"] == nil)
  }

  @Test("a static network is written anew")
  func network() throws {
    let guest = try livedIn()
    let network = Network(.fixed(.init("192.0.2.8", prefix: 24)))
    try restoration("vm2.example.com", network: network).apply(to: guest)
    #expect(guest.text(Network.path) == network.render())
    #expect(guest.text("/etc/hosts")?.contains("\n192.0.2.8\tvm2.example.com vm2\n") == true)
  }
}
