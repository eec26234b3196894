// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("The plans of export and import")
struct TransferPlanTests {
  /// A guest that was created, and its dump.
  private func dumped(_ guest: SmallGuest) throws -> (disk: String, dump: String) {
    let disk = try guest.disk()
    try guest.run(guest.request(.create(isReinstall: false), disks: [disk]))
    let dump = try guest.scratch.write("", to: "dump")
    try guest.run(guest.request(.export(sizeDescriptor: nil), disks: [disk]), guest.surroundings(output: dump))
    return (disk, dump)
  }

  @Test("A dump has the injected time, and is restored as the machine that it was, or as a copy")
  func roundTrip() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let (original, dump) = try dumped(guest)
      #expect(try shell("zstd -qdc '\(dump)' | tar -xO manifest.json").contains("\(SmallGuest.now.seconds)"))
      for (name, isCopy) in [("vm1.example.com", false), ("vm2.example.com", true)] {
        let disk = try guest.disk(name, mebibytes: 700)
        try guest.run(guest.request(.import, name, disks: [disk]), guest.surroundings(input: dump))
        #expect(try problems(of: disk) == nil)
        #expect(try guestFile("/etc/hostname", on: disk) == "\(name.prefix(3))\n")
        #expect(try (tag("UUID", of: disk) != tag("UUID", of: original)) == isCopy)
      }
    }
  }

  @Test("A tar becomes a guest")
  func tar() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk()
      try guest.run(
        guest.request(.import, "vm3.example.com", disks: [disk]), guest.surroundings(input: try guest.tar()))
      #expect(try problems(of: disk) == nil)
      #expect(try guestFile("/etc/hostname", on: disk) == "vm3\n")
    }
  }

  @Test("A disk that is not the root is restored as it was")
  func otherDisk() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let (original, dump) = try dumped(guest)
      let disk = try guest.disk("other")
      var request = try guest.request(.import, "vm2.example.com", disks: [disk])
      request.instanceDisks[0].role = nil
      #expect(try guest.plan(request).contains { $0.contains("as it was") })
      try guest.run(request, guest.surroundings(input: dump))
      #expect(try guestFile("/etc/hostname", on: disk) == "vm1\n")
      #expect(try tag("UUID", of: disk) == tag("UUID", of: original))
    }
  }

  private func restore(_ input: String, mebibytes: UInt64, _ guest: SmallGuest) throws -> String {
    let disk = try guest.disk("other", mebibytes: mebibytes)
    var request = try guest.request(.import, disks: [disk])
    request.instanceDisks[0].role = nil
    try guest.run(request, guest.surroundings(input: input))
    return disk
  }

  @Test(
    "The partition table of a disk that is not the root ends where a smaller or larger disk does",
    arguments: [32, 96] as [UInt64])
  func otherTable(mebibytes: UInt64) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try makeSparseFile(scratch("raw"), size: 64 << 20)
      try shell(
        """
        printf 'label: gpt\nstart=2048 size=40960\n' | /sbin/sfdisk -q '\(raw)'
        head -c 20971520 /dev/urandom | dd of='\(raw)' bs=1M seek=1 conv=notrunc status=none
        """)
      let dump = try scratch.write("", to: "dump")
      try guest.run(guest.request(.export(sizeDescriptor: nil), disks: [raw]), guest.surroundings(output: dump))
      for input in [dump, raw] {
        let disk = try restore(input, mebibytes: mebibytes, guest)
        #expect(try shell("/sbin/sgdisk --verify '\(disk)'").contains("No problems found"))
        try shell("cmp --ignore-initial=1048576 --bytes=20971520 '\(raw)' '\(disk)'")
      }
    }
  }

  @Test("A disk that is not the root is refused where a partition leaves the table's copy no room")
  func noRoom() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try makeSparseFile(scratch("raw"), size: 64 << 20)
      try shell("printf 'label: gpt\nstart=2048 size=63488\n' | /sbin/sfdisk -q '\(raw)'")
      let failure = #expect(throws: Failure.self) { try restore(raw, mebibytes: 32, guest) }
      #expect(failure?.code == .device)
    }
  }

  @Test("A swap area grows with its disk, and a mark that one has left changes nothing") func swap() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try makeSparseFile(scratch("raw"), size: 32 << 20)
      try shell("mkswap -q '\(raw)'")
      let disk = try restore(raw, mebibytes: 64, guest)
      #expect(try shell("od -A n -t u4 -j 1028 -N 4 '\(disk)' | tr -d ' '") == "\((64 << 20) / 4096 - 1)")
      try shell("printf 'LUKS\\272\\276\\000\\001' | dd of='\(raw)' conv=notrunc status=none")
      try shell("cmp --bytes=33554432 '\(raw)' '\(restore(raw, mebibytes: 64, guest))'")
    }
  }

  @Test("The plans are told, and nothing is touched or read")
  func lines() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk()
      let before = try digest(of: disk)
      let input = try scratch.write("what is not to be read", to: "input")
      let lines = try guest.plan(
        guest.request(.import, disks: [disk]), guest.surroundings(input: input))
      #expect(lines.contains { $0.contains(disk) })
      #expect(lines.contains { $0.contains("vm1.example.com") })
      #expect(
        try guest.plan(guest.request(.export(sizeDescriptor: nil), disks: [disk])).contains {
          $0.contains("dump of \(disk)")
        })
      #expect(try digest(of: disk) == before)
    }
  }

  @Test(
    "What is not a guest is refused, and the disk holds nothing that could be taken for one",
    arguments: [
      ("", Failure.Code.dump, "is empty"), ("hello", .dump, "68 65 6c 6c 6f"),
      ("\u{1F}gzip?", .dump, "starts with"),
    ])
  func garbage(_ content: String, _ code: Failure.Code, _ words: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk()
      try shell("mkfs.ext4 -qF '\(disk)'")
      let input = try scratch.write(content, to: "input")
      let failure = #expect(throws: Failure.self) {
        try guest.run(guest.request(.import, disks: [disk]), guest.surroundings(input: input))
      }
      #expect(failure?.code == code)
      #expect(failure?.message.contains(words) == true, "\(String(describing: failure))")
      #expect(!isMountable(disk))
    }
  }

  @Test("A dump that is cut off leaves no guest")
  func cutOff() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let dump = try dumped(guest).dump
      try shell("truncate --size=-100 '\(dump)'")
      let disk = try guest.disk("target")
      let failure = #expect(throws: Failure.self) {
        try guest.run(guest.request(.import, disks: [disk]), guest.surroundings(input: dump))
      }
      #expect(failure?.code == .dump)
      #expect(!isMountable(disk))
    }
  }

  @Test("A request without a disk, or with one that has no path here, is refused")
  func noDisk() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      for purpose in [Request.Purpose.export(sizeDescriptor: nil), .import] {
        var request = try guest.request(purpose, disks: [])
        #expect(throws: Failure(.device, "the request names no disk")) { try guest.run(request) }
        request.instanceDisks = [RequestedDisk(index: 0, path: nil)]
        let failure = #expect(throws: Failure.self) { _ = try guest.plan(request) }
        #expect(failure?.message.contains("has no path on this machine") == true)
      }
    }
  }

  @Test("An output that can't be opened is refused before the disk is read")
  func noOutput() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let failure = #expect(throws: Failure.self) {
        try guest.run(
          guest.request(.export(sizeDescriptor: nil), disks: [guest.disk()]),
          guest.surroundings(output: "/nonexistent/output"))
      }
      #expect(failure?.message.contains("/nonexistent/output") == true)
    }
  }
}
