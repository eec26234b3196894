// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("Whether an imported guest stays the machine that it was")
struct IdentityGoalTests {
  private static let machineID = "0123456789abcdef0123456789abcdef\n"
  private static let history = "/root/.bash_history"

  /// A guest that has been running, and its dump.
  private func dumped(_ guest: SmallGuest) throws -> (disk: String, dump: String) {
    let disk = try guest.disk("original")
    try guest.run(guest.request(.create(isReinstall: false), disks: [disk]))
    try guest.scratch.write(Self.machineID, to: "machine-id")
    try guest.scratch.write("key\n", to: "key")
    try guest.scratch.write(
      """
      write \(guest.scratch("key")) /lib/systemd/systemd
      write \(guest.scratch("key")) /usr/bin/ssh-keygen
      rm /etc/machine-id
      write \(guest.scratch("machine-id")) /etc/machine-id
      write \(guest.scratch("key")) /etc/ssh/ssh_host_rsa_key
      mkdir /var/lib/dhcp
      write \(guest.scratch("key")) /var/lib/dhcp/dhclient.leases
      mkdir /root
      write \(guest.scratch("key")) \(Self.history)
      """, to: "commands")
    try shell("debugfs -w -f '\(guest.scratch("commands"))' '\(disk)' 2>&1")
    #expect(try problems(of: disk) == nil)
    let dump = try guest.scratch.write("", to: "dump")
    try guest.run(guest.request(.export(sizeDescriptor: nil), disks: [disk]), guest.surroundings(output: dump))
    return (disk, dump)
  }

  @Test(
    "The name decides unless identity does, and a name of its own it has either way",
    arguments: [
      (nil, "vm1.example.com", false), (nil, "vm2.example.com", true), ("restore", "vm1.example.com", false),
      ("restore", "vm2.example.com", false), ("clone", "vm1.example.com", true), ("clone", "vm2.example.com", true),
    ])
  func imported(_ identity: String?, _ name: String, isCopy: Bool) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let (original, dump) = try dumped(guest)
      let disk = try guest.disk("new", mebibytes: 700)
      var parameters = ["clean": "history"]
      parameters["identity"] = identity
      let lines = Lines()
      try guest.run(
        guest.request(.import, name, disks: [disk]), guest.surroundings(input: dump), parameters: parameters,
        steps: Steps(.plain, write: { lines.write($0) }))
      #expect(try problems(of: disk) == nil)
      #expect(try guestFile("/etc/hostname", on: disk) == "\(name.prefix(3))\n")
      #expect(try guestFile("/etc/hosts", on: disk)?.contains(name) == true)
      #expect(try guestFile("/etc/guestsmith-release", on: disk)?.contains("\nINSTANCE=\(name)\n") == true)
      #expect(try guestFile("/etc/machine-id", on: disk) == (isCopy ? "" : Self.machineID))
      #expect(try guestFile("/etc/ssh/ssh_host_rsa_key", on: disk) == (isCopy ? nil : "key\n"))
      #expect(try guestFile("/var/lib/dhcp/dhclient.leases", on: disk) == (isCopy ? nil : "key\n"))
      #expect(try guestFile(Self.history, on: disk) == (isCopy ? nil : "key\n"))
      let uuid = try #require(try tag("UUID", of: disk))
      #expect(try (uuid != tag("UUID", of: original)) == isCopy)
      #expect(try guestFile("/etc/fstab", on: disk)?.contains(uuid) == true)
      #expect(lines.all.contains("cleaned: history (1 file)") == isCopy, "\(lines.all)")
      #expect(lines.all.contains("/var/lib/dhcp/dhclient.leases") == isCopy, "\(lines.all)")
    }
  }

  @Test("A restored machine keeps the name that its administrator gave it, which is told")
  func ownName() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let (original, _) = try dumped(guest)
      try scratch.write("web\n", to: "hostname")
      try shell("debugfs -w -R 'rm /etc/hostname' '\(original)' 2>&1")
      try shell("debugfs -w -R 'write \(scratch("hostname")) /etc/hostname' '\(original)' 2>&1")
      let dump = try scratch.write("", to: "dump")
      try guest.run(guest.request(.export(sizeDescriptor: nil), disks: [original]), guest.surroundings(output: dump))
      let disk = try guest.disk("new")
      let told = try guest.restore(dump, to: disk, as: "vm2.example.com", parameters: ["identity": "restore"])
      #expect(try problems(of: disk) == nil)
      #expect(try guestFile("/etc/hostname", on: disk) == "web\n")
      #expect(try guestFile("/etc/machine-id", on: disk) == Self.machineID)
      #expect(told.contains("the guest calls itself web, not vm1.example.com, and keeps that name"), "\(told)")
    }
  }

  @Test("The plan says which it is, and of a copy what becomes of the rows of the table")
  func plans() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let request = try guest.request(.import, disks: [guest.disk()])
      func plan(_ parameters: [String: String]) throws -> String {
        try guest.plan(request, parameters: parameters).joined(separator: "\n")
      }
      let unset = try plan([:])
      #expect(unset.contains("under its own name it stays") && unset.contains("of a copy: "), "\(unset)")
      let clone = try plan(["identity": "clone", "clean": "logs,history"])
      #expect(clone.contains("(identity = clone)") && clone.contains("clean it of: logs and history"), "\(clone)")
      #expect(clone.contains("machine-id, ssh host keys") && clone.contains("DHCP leases"), "\(clone)")
      let restore = try plan(["identity": "restore"])
      #expect(restore.contains("(identity = restore)") && !restore.contains("of a copy"), "\(restore)")
      let create = try guest.plan(
        guest.request(.create(isReinstall: false), disks: [guest.disk()]), parameters: ["identity": "restore"])
      #expect(create.contains { $0.contains("identity = restore does not count here") }, "\(create)")
    }
  }

  @Test(
    "A seed makes another instance of a clone, and stays that of a machine that is restored",
    arguments: [
      ("clone", "vm2.example.com", true), ("restore", "web.example.org", false), ("restore", "vm2.example.com", false),
    ])
  func seeded(_ identity: String, _ name: String, isNew: Bool) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let table =
        "label: gpt\n1: start=1MiB size=39MiB\n2: start=100MiB size=320MiB type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n"
      let raw = try guest.emptyXFS(table: table)
      let first = try guest.disk("first", mebibytes: 500)
      _ = try guest.restore(raw, to: first, as: "vm2.example.com", parameters: ["configure": "seed"])
      let before = try #require(try SeedDisk(first)?.metaData("instance-id"))
      let disk = try guest.disk("second", mebibytes: 500)
      let told = try guest.restore(first, to: disk, as: name, parameters: ["identity": identity])
      let seed = try #require(try SeedDisk(disk), "\(told)")
      #expect(try seed.faults(scratch) == [])
      #expect(try seed.metaData("local-hostname") == name)
      #expect(try (seed.metaData("instance-id") != before) == isNew)
      #expect(told.contains("the copy takes away what it shares with its original") == isNew, "\(told)")
      let checked = try shell("/sbin/sfdisk --verify '\(disk)' 2>&1")
      #expect(checked.contains("No errors detected"), "\(checked)")
    }
  }

  @Test("Without a seed that names it, a machine that is restored stays as it was, which is told")
  func seedless() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try guest.emptyXFS()
      let disk = try guest.disk(mebibytes: 500)
      let told = try guest.restore(
        raw, to: disk, as: "vm2.example.com", parameters: ["configure": "seed", "identity": "restore"])
      #expect(try SeedDisk(disk) == nil)
      #expect(told.contains("(identity = restore)"), "\(told)")
    }
  }
}
