// SPDX-License-Identifier: Apache-2.0
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("A guest whose root filesystem can't be edited")
struct SeedImportTests {
  private static let root = "start=100MiB size=320MiB type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
  private static let gap = "label: gpt\n1: start=1MiB size=39MiB\n2: \(root)\n"
  private static let hole = "label: gpt\nfirst-lba: 34\n1: start=40 size=81880\n2: \(root)\n"
  private let key = "ssh-ed25519 AAAA admin: \"x\""

  private func nic(_ index: Int, _ address: String? = nil, in network: RequestedNIC.Network? = nil) -> RequestedNIC {
    var nic = RequestedNIC(index: index)
    nic.mac = "AA:00:00:00:00:0\(index)"
    nic.ip = address
    nic.network = network
    return nic
  }

  @Test("gets a seed in a partition of its own, and grows", arguments: [(gap, 64 << 9), (hole, 40 << 20)])
  func seeded(_ layout: (table: String, offset: Int)) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try guest.emptyXFS(table: layout.table)
      let disk = try guest.disk(mebibytes: 700)
      let userData = try scratch.write("#!/bin/sh\ntrue\n", to: "user data")
      let told = try guest.restore(
        raw, to: disk, as: "vm2.example.com", nics: [nic(0), nic(1)],
        parameters: [
          "configure": "seed", "ssh_keys": key,
          "user_data": "file://" + userData.replacing(" ", with: "%20"),
        ])
      let seed = try #require(try SeedDisk(disk), "\(told)")
      #expect(seed.offset == layout.offset)
      #expect(try seed.faults(scratch) == [])
      #expect(try seed.metaData("local-hostname") == "vm2.example.com")
      let vendor = try #require(try seed.vendor("guestsmith.cfg")).dropFirst("#cloud-config\n".count)
      #expect(try JSON(parsing: Array(vendor.utf8))["ssh_authorized_keys"] == [.string(key)])
      #expect(try seed.file("user-data") == "#!/bin/sh\ntrue")
      #expect(try seed.file("network-config").contains("aa:00:00:00:00:01"))
      #expect(told.contains("configure = seed: its cloud-init finds a seed in the new partition 3"), "\(told)")
      let checked = try shell("/sbin/sfdisk --verify '\(disk)' 2>&1; /sbin/sgdisk --verify '\(disk)'")
      #expect(checked.contains("No errors detected") && checked.contains("No problems found"), "\(checked)")
      #expect(try shell("/sbin/sfdisk --dump '\(disk)'").contains("start=      204800, size=     1226752"))
      try shell(
        "dd if='\(disk)' of='\(scratch("xfs"))' bs=1M skip=100 conv=sparse status=none; xfs_repair -n '\(scratch("xfs"))' >&2"
      )
    }
  }

  @Test("in a volume of LVM is told to have its volumes grow, and their partition fills the disk") func volumes() throws
  {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try makeSparseFile(scratch("raw"), size: 500 << 20)
      try scratch.write(Self.gap, to: "table")
      try shell(
        """
        /sbin/sfdisk --quiet '\(raw)' <'\(scratch("table"))'
        printf LABELONE | dd of='\(raw)' bs=1 seek=\(100 << 20 | 512) conv=notrunc status=none
        """)
      let disk = try guest.disk(mebibytes: 700)
      let told = try guest.restore(raw, to: disk, as: "vm2.example.com", parameters: ["configure": "seed"])
      let seed = try #require(try SeedDisk(disk), "\(told)")
      #expect(try seed.vendor("guestsmith-volumes")?.contains("pvresize") == true)
      #expect(try shell("/sbin/sfdisk --dump '\(disk)'").contains("start=      204800, size=     1226752"))
      let left = try guest.disk("left", mebibytes: 700)
      let words = try guest.restore(raw, to: left, as: "vm2.example.com", parameters: [:])
      #expect(words.contains("the volumes of the LVM in partition 2 are as large as they were"), "\(words)")
      #expect(try SeedDisk(left) == nil)
    }
  }

  @Test("has the addresses that the host tells for all its interfaces") func network() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try guest.emptyXFS(table: Self.gap)
      var both = RequestedNIC.Network()
      both.subnet = .init(address: "192.0.2.0", prefix: 25)
      both.gateway = "192.0.2.1"
      both.subnet6 = .init(address: "2001:db8::", prefix: 64)
      both.gateway6 = "2001:db8::1"
      let disk = try guest.disk(mebibytes: 500)
      _ = try guest.restore(
        raw, to: disk, as: "vm2.example.com", nics: [nic(0, in: both), nic(1, "198.51.100.7"), nic(2)],
        parameters: ["configure": "seed", "address": "static", "prefix": "24", "nameservers": "192.0.2.53"],
        addresses: ["vm2.example.com": ["192.0.2.9", "2001:db8::9"]])
      let text = try #require(try SeedDisk(disk)).file("network-config").drop { $0 != "{" }
      let config = try JSON(parsing: Array(text.utf8))["config"]?.array
      #expect(
        config?.map { $0["subnets"] } == [
          [
            ["type": "static", "address": "192.0.2.9/25", "gateway": "192.0.2.1", "dns_nameservers": ["192.0.2.53"]],
            [
              "type": "static6", "address": "2001:db8::9/64", "gateway": "2001:db8::1",
              "dns_nameservers": ["192.0.2.53"],
            ],
          ], [["type": "static", "address": "198.51.100.7/24"]],
          [["type": "manual"]],
        ])
    }
  }

  @Test("keeps its seed under its name, and becomes another instance under another one") func copies() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try guest.emptyXFS(table: Self.gap)
      let disk = try guest.disk(mebibytes: 500)
      _ = try guest.restore(
        raw, to: disk, as: "vm2.example.com", parameters: ["configure": "seed", "user_data": "#!/bin/sh\ntrue\n"])
      let first = try #require(try SeedDisk(disk))
      let dump = try scratch.write("", to: "dump")
      try guest.run(
        guest.request(.export(sizeDescriptor: nil), "vm2.example.com", disks: [disk]), guest.surroundings(output: dump))
      for input in [disk, dump] {
        let same = try guest.disk("same", mebibytes: 500)
        var told = try guest.restore(input, to: same, as: "vm2.example.com", parameters: [:])
        #expect(told.contains("it keeps its seed, in partition 3"), "\(told)")
        let kept = try #require(try SeedDisk(same))
        #expect(try kept.faults(scratch) == [])
        #expect(try kept.file("meta-data") == first.file("meta-data"))
        let other = try guest.disk("other", mebibytes: 500)
        told = try guest.restore(input, to: other, as: "web.example.org", parameters: [:])
        #expect(told.contains("a new seed in partition 3, in place of that of vm2.example.com"), "\(told)")
        let copy = try #require(try SeedDisk(other))
        #expect(try copy.faults(scratch) == [])
        #expect(try copy.metaData("local-hostname") == "web.example.org")
        #expect(try copy.metaData("instance-id") != first.metaData("instance-id"))
        #expect(try copy.file("user-data") == "#!/bin/sh\ntrue")
      }
    }
  }

  @Test("is renamed in its seed, and becomes another instance only where its addresses change") func rename() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try guest.emptyXFS(table: Self.gap)
      let disk = try guest.disk(mebibytes: 500)
      let fixed = ["configure": "seed", "address": "static", "prefix": "24"]
      _ = try guest.restore(
        raw, to: disk, as: "vm2.example.com", nics: [nic(0, "192.0.2.9")], parameters: fixed)
      let seed = try #require(try SeedDisk(disk))
      let (instance, network) = (try seed.metaData("instance-id"), try seed.file("network-config"))
      func rename(_ old: String, _ new: String, _ address: String) throws {
        var request = try guest.request(.rename(from: InstanceName(old)), new, disks: [disk])
        request.nics = [nic(0, address)]
        #expect(
          try guest.plan(request, parameters: fixed).first == "rename \(old) to \(new) in the seed on \(disk), 500 MiB")
        try guest.run(request, parameters: fixed)
        #expect(try seed.faults(scratch) == [])
        #expect(try seed.metaData("local-hostname") == new)
      }
      try rename("vm2.example.com", "web.example.org", "192.0.2.9")
      #expect(try seed.metaData("instance-id") == instance)
      #expect(try seed.file("network-config") == network)
      try rename("web.example.org", "db.example.org", "192.0.2.10")
      #expect(try seed.metaData("instance-id") != instance)
      #expect(try seed.file("network-config").contains("192.0.2.10/24"))
      let before = try digest(of: disk)
      #expect(throws: Failure.self) {
        try guest.run(guest.request(.rename(from: InstanceName("vm7")), "vm8", disks: [disk]))
      }
      #expect(try digest(of: disk) == before)
    }
  }

  @Test("stays as it was where nothing asks for a seed") func left() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try guest.emptyXFS(table: Self.gap)
      for (mode, words) in [
        ("auto", "it has no cloud-init: /etc/cloud/cloud.cfg is not there"), ("none", "(configure = none)"),
      ] {
        let disk = try guest.disk(mebibytes: 500)
        let told = try guest.restore(raw, to: disk, as: "vm2.example.com", parameters: ["configure": mode])
        #expect(told.contains(words), "\(told)")
        #expect(try SeedDisk(disk) == nil)
      }
    }
  }

  struct Refusal: CustomTestStringConvertible {
    let table: String
    let parameters: [String: String]
    let words: String
    var testDescription: String { words }

    init(_ table: String, _ parameters: [String: String], _ words: String) {
      (self.table, self.parameters, self.words) = (table, parameters, words)
    }
  }

  static let refusals = [
    Refusal("label: dos\n1: start=100MiB size=320MiB type=83\n", ["configure": "seed"], "has no room for a seed"),
    Refusal(gap, ["configure": "files"], "can't be edited"),
    Refusal(
      gap, ["configure": "seed", "user_data": "#!" + String(repeating: "x", count: 1_010_000)], "the seed needs"),
  ]

  @Test("is refused where it can't be told who it is as configured, and nothing boots", arguments: refusals)
  func refused(_ refusal: Refusal) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try guest.emptyXFS(table: refusal.table)
      let disk = try guest.disk(mebibytes: 500)
      let failure = #expect(throws: Failure.self) {
        try guest.restore(raw, to: disk, as: "vm2.example.com", parameters: refusal.parameters)
      }
      #expect(failure?.message.contains(refusal.words) == true, "\(failure as Any)")
      #expect(try bash("blkid -p '\(disk)'").output == "")
    }
  }

  @Test("is not touched where the user data is not fit for a seed") func userData() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk(mebibytes: 500)
      let before = try digest(of: disk)
      let secret = try scratch.write("password: secret\n", to: "user-data")
      for (value, words) in [
        (secret, "does not begin with"), (scratch("missing"), "missing"), ("file:///dev/null", "is not a file"),
        ("http://me:secret@127.0.0.1:1/user-data", "http://127.0.0.1:1/user-data"),
        ("#cloud-config\nsecret\n", "not a YAML mapping"),
        ("#!" + String(repeating: "x", count: 1 << 20), "the seed needs"),
      ] {
        let failure = #expect(throws: Failure.self) {
          try guest.restore("/dev/null", to: disk, as: "vm2.example.com", parameters: ["user_data": value])
        }
        #expect(failure?.message.contains(words) == true, "\(failure as Any)")
        #expect(failure.map { "\($0)" }?.contains("secret\n") == false)
        var os = RequestedOS(definition: guest.definition, name: "guestsmith")
        os.parameters = ["user_data": value]
        // Of an address that doesn't answer, the message tells after how long, which is another time each time.
        #expect(VerifyPlan(os).faults.map(timeless) == [failure].compactMap { $0.map(timeless) })
      }
      #expect(try digest(of: disk) == before)
    }
  }
}

/// A failure without the times in it.
private func timeless(_ failure: Failure) -> Failure {
  var failure = failure
  failure.message = failure.message.replacing(/after \d+ ms/, with: "after some ms")
  return failure
}
