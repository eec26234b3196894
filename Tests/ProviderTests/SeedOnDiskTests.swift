// SPDX-License-Identifier: Apache-2.0
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("A seed on a disk of its own")
struct SeedOnDiskTests {
  /// A table that no seed fits into.
  private static let msdos = "label: dos\n2: start=100MiB size=320MiB type=83\n"
  private let roles = ["configure": "seed", "disk_1": "seed"]

  /// What others than guestsmith read of a disk that is a seed.
  private func file(_ name: String, on disk: String) throws -> String { try shell("mtype -i '\(disk)' '::\(name)'") }

  private func metaData(_ key: String, on disk: String) throws -> String? {
    try JSON(parsing: Array(file("meta-data", on: disk).utf8))[key]?.string
  }

  private func faults(of disk: String) throws -> [String] {
    var faults: [String] = []
    let seen = try shell("blkid -p -o export '\(disk)'")
    if !["LABEL=CIDATA", "TYPE=vfat", "VERSION=FAT12"].allSatisfy({ seen.contains($0) }) { faults.append(seen) }
    let checked = try bash("fsck.fat -n '\(disk)'")
    if checked.status != 0 { faults.append("\(checked)") }
    return faults
  }

  /// What makes guests of an image.
  private func guest(of raw: String, _ scratch: Scratch) throws -> SmallGuest {
    try shell("qemu-img convert -f raw -O qcow2 '\(raw)' '\(scratch("a.qcow2"))'")
    return try SmallGuest(
      in: scratch, configuration: "image = \"\(scratch("a.qcow2"))\"\nverify = \"none\"\n")
  }

  private func run(
    _ guest: SmallGuest, _ request: Request, _ parameters: [String: String], input: String = "/dev/null"
  ) throws -> String {
    let lines = Lines()
    try guest.run(
      request, guest.surroundings(input: input), parameters: parameters,
      steps: Steps(.plain, write: { lines.write($0) }))
    return lines.all
  }

  @Test("takes a guest whose disk has no place for one: it is created, renamed and installed anew by it")
  func created() throws {
    try withScratch { scratch in
      let raw = try SmallGuest(in: scratch).emptyXFS(table: Self.msdos)
      let guest = try guest(of: raw, scratch)
      let disks = [try guest.disk("root", mebibytes: 600), try guest.disk("seed", mebibytes: 2)]
      var parameters = roles
      // More than a partition for a seed has room for.
      let script = "#!/bin/sh\n" + String(repeating: "true\n", count: 240_000)
      parameters["user_data"] = script
      try scratch.write(script, to: "script")
      let create = try guest.request(.create(isReinstall: false), "vm2.example.com", disks: disks)
      #expect(try guest.plan(create, parameters: parameters).contains { $0.contains("write the seed") })
      let told = try run(guest, create, parameters)
      #expect(told.contains("its cloud-init finds its seed on disk 1"), "\(told)")
      #expect(try faults(of: disks[1]) == [])
      #expect(try metaData("local-hostname", on: disks[1]) == "vm2.example.com")
      let compared = try bash("mtype -i '\(disks[1])' ::user-data | cmp - '\(scratch("script"))'")
      #expect(compared.status == 0, "\(compared)")
      let first = try metaData("instance-id", on: disks[1])
      let rename = try guest.request(
        .rename(from: InstanceName("vm2.example.com")), "web.example.org", disks: disks)
      _ = try run(guest, rename, roles)
      #expect(try faults(of: disks[1]) == [])
      #expect(try metaData("local-hostname", on: disks[1]) == "web.example.org")
      #expect(try metaData("instance-id", on: disks[1]) == first)
      #expect(try run(guest, rename, roles).contains("is called web.example.org already"))
      _ = try run(guest, guest.request(.create(isReinstall: true), "web.example.org", disks: disks), roles)
      #expect(try faults(of: disks[1]) == [])
      #expect(try metaData("instance-id", on: disks[1]) != first)
      #expect(try file("user-data", on: disks[1]).hasPrefix("#cloud-config"))
      let verified = try bash("/sbin/sfdisk --verify '\(disks[0])'")
      #expect(verified.status == 0, "\(verified)")
    }
  }

  @Test("is what a disk without a place for a seed is refused for want of") func refused() throws {
    try withScratch { scratch in
      let raw = try SmallGuest(in: scratch).emptyXFS(table: Self.msdos)
      let guest = try guest(of: raw, scratch)
      let disk = try guest.disk("root", mebibytes: 600)
      let failure = try #require(throws: Failure.self) {
        _ = try run(
          guest, guest.request(.create(isReinstall: false), "vm2.example.com", disks: [disk]), ["configure": "seed"])
      }
      #expect(failure.message.contains("has no room for a seed"), "\(failure.message)")
      #expect(failure.remedy?.contains("set disk_N to \"seed\"") == true, "\(failure.remedy ?? "")")
      #expect(try shell("blkid -p '\(disk)' || true") == "")
      let missing = try #require(throws: Failure.self) {
        _ = try run(guest, guest.request(.create(isReinstall: false), "vm2.example.com", disks: [disk]), roles)
      }
      #expect(missing.message.contains("disk_1 is configured, but the instance has 1 disk"), "\(missing.message)")
      let tiny = try makeSparseFile(scratch("tiny"), size: 128 << 10)
      let small = try #require(throws: Failure.self) {
        _ = try run(guest, guest.request(.create(isReinstall: false), "vm2.example.com", disks: [disk, tiny]), roles)
      }
      #expect(small.code == .device && small.message.contains("a seed needs 256 KiB"), "\(small.message)")
    }
  }

  @Test("serves a guest on a whole disk of XFS without a table") func withoutTable() throws {
    try withScratch { scratch in
      let raw = try makeSparseFile(scratch("xfs"), size: 320 << 20)
      try shell("mkfs.xfs -q '\(raw)'")
      let guest = try guest(of: raw, scratch)
      let disks = [try guest.disk("root", mebibytes: 400), try guest.disk("seed", mebibytes: 1)]
      _ = try run(
        guest, guest.request(.create(isReinstall: false), "vm2.example.com", disks: disks), ["disk_1": "seed"])
      #expect(try faults(of: disks[1]) == [])
      #expect(try metaData("local-hostname", on: disks[1]) == "vm2.example.com")
      #expect(try shell("blkid -p -s TYPE -o value '\(disks[0])'") == "xfs")
    }
  }

  @Test("agrees with the guest's name when it is imported by itself, as its root disk is") func imported() throws {
    try withScratch { scratch in
      let raw = try SmallGuest(in: scratch).emptyXFS(table: Self.msdos)
      let guest = try guest(of: raw, scratch)
      let disks = [try guest.disk("root", mebibytes: 600), try guest.disk("seed", mebibytes: 2)]
      var parameters = roles
      parameters["user_data"] = "#!/bin/sh\ntrue\n"
      _ = try run(guest, guest.request(.create(isReinstall: false), "vm2.example.com", disks: disks), parameters)
      let first = try metaData("instance-id", on: disks[1])
      for (name, isSame) in [("vm2.example.com", true), ("web.example.org", false)] {
        let copies = [try guest.disk("root-copy", mebibytes: 700), try guest.disk("seed-copy", mebibytes: 3)]
        let blank = try shell("sha256sum <'\(copies[1])'")
        for index in [0, 1] {
          var export = try guest.request(.export(sizeDescriptor: nil), "vm2.example.com", disks: disks)
          export.transferred = export.instanceDisks[index]
          let dump = try scratch.write("", to: "dump")
          try guest.run(export, guest.surroundings(output: dump))
          var request = try guest.request(.import, name, disks: copies)
          request.transferred = request.instanceDisks[index]
          let told = try run(guest, request, roles, input: dump)
          if index == 0 {
            #expect(told.contains("its cloud-init finds its seed on disk 1"), "\(told)")
            // It is restored at the same time.
            #expect(try shell("sha256sum <'\(copies[1])'") == blank)
          }
        }
        #expect(try faults(of: copies[1]) == [])
        #expect(try metaData("local-hostname", on: copies[1]) == name)
        #expect(try (metaData("instance-id", on: copies[1]) == first) == isSame)
        #expect(try file("user-data", on: copies[1]) == "#!/bin/sh\ntrue")
      }
      // A guest of which only the root disk was exported gets it when it is renamed, as a host does after an import.
      let bare = try guest.disk("bare", mebibytes: 2)
      _ = try run(
        guest,
        guest.request(.rename(from: InstanceName("vm2.example.com")), "web.example.org", disks: [disks[0], bare]), roles
      )
      #expect(try faults(of: bare) == [])
      #expect(try metaData("local-hostname", on: bare) == "web.example.org")
    }
  }

  @Test("is refused to a guest that is bootstrapped, and stays as it is where the guest's own files are edited")
  func unneeded() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disks = [try guest.disk("root"), try guest.disk("seed", mebibytes: 2)]
      let failure = try #require(throws: Failure.self) {
        _ = try run(guest, guest.request(.create(isReinstall: false), disks: disks), roles)
      }
      #expect(failure.message.contains("only a guest of the image of a disk reads one"), "\(failure.message)")
      let ofImage = try self.guest(of: try PartitionedGuest.debian.make(in: scratch), scratch)
      let before = try shell("sha256sum <'\(disks[1])'")
      let told = try run(
        ofImage, ofImage.request(.create(isReinstall: false), "vm2.example.com", disks: disks), ["disk_1": "seed"])
      #expect(told.contains("disk 1 stays as it is: the guest's own files are edited"), "\(told)")
      #expect(try shell("sha256sum <'\(disks[1])'") == before)
    }
  }
}
