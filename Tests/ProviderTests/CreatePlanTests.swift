// SPDX-License-Identifier: Apache-2.0
import Images
import Interface
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("The plan of create")
struct CreatePlanTests {
  @Test("A guest gets its name, the injected swap UUID and time, and a sound filesystem on the whole disk")
  func installs() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let swapUUID = UUID.random()
      let (disk, swap) = (try guest.disk(), try guest.disk("swap", mebibytes: 16))
      var request = try guest.request(.create(isReinstall: false), disks: [disk, swap])
      request.instanceDisks[1].role = .swap
      try guest.run(request, guest.surroundings(uuids: [swapUUID]))
      #expect(try problems(of: disk) == nil)
      #expect(try guestFile("/etc/hostname", on: disk) == "vm1\n")
      #expect(try tag("UUID", of: swap) == swapUUID.description)
      #expect(try guestFile("/etc/fstab", on: disk)?.contains(swapUUID.description) == true)
      #expect(try guestFile("/etc/guestsmith-release", on: disk)?.contains(SmallGuest.now.text) == true)
    }
  }

  @Test("The plan is told in lines, and nothing is touched")
  func lines() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disks = [try guest.disk(), try guest.disk("swap", mebibytes: 16), try guest.disk("other", mebibytes: 16)]
      let before = try disks.map { try digest(of: $0) }
      var request = try guest.request(.create(isReinstall: false), disks: disks)
      request.instanceDisks[1].role = .swap
      request.nics = [RequestedNIC(index: 0), RequestedNIC(index: 1)]
      let lines = try guest.plan(request)
      for part in [
        "create vm1.example.com", disks[0], "bookworm", disks[1], "swap", "network: interface 0: DHCP",
        "disk 2, \(disks[2]), stays as it is: disk_2 is not set", "network: interface 1: DHCP",
      ] {
        #expect(lines.contains { $0.contains(part) }, "\(part) in \(lines)")
      }
      #expect(try disks.map { try digest(of: $0) } == before)
      #expect(try shell("ls '\(scratch("cache"))'") == "", "no image is built")
    }
  }

  struct Refusal: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var parameters: [String: String] = [:]
    var change: @Sendable (inout Request) throws -> Void = { _ in }
    let code: Failure.Code
    let words: String
  }

  static let refusals: [Refusal] = [
    Refusal(
      testDescription: "a configured disk that is missing", parameters: ["disk_3": "data:/srv"], code: .invalid,
      words: "disk_3 is configured, but the instance has 2 disks"),
    Refusal(
      testDescription: "a name that no guest can carry", change: { $0.instance = try InstanceName("vm_1.example.com") },
      code: .invalid, words: "no guest can be called vm_1.example.com"),
    Refusal(
      testDescription: "no disk", change: { $0.instanceDisks = [] }, code: .device, words: "the instance has no disk"),
    Refusal(
      testDescription: "a disk that is not there", change: { $0.instanceDisks[0].path = "/nonexistent/disk" },
      code: .device,
      words: "disk /nonexistent/disk does not exist"),
    Refusal(
      testDescription: "a folder as a disk", change: { $0.instanceDisks[0].path = "/" }, code: .device,
      words: "disk / is a directory"),
    Refusal(
      testDescription: "a disk that only a URI names",
      change: {
        $0.instanceDisks[0].path = nil
        $0.instanceDisks[0].uri = "rbd:pool/image"
      }, code: .device, words: "has no path on this machine"),
    Refusal(
      testDescription: "a read-only disk", change: { $0.instanceDisks[0].access = .readOnly }, code: .device,
      words: "is read-only for the instance"),
    Refusal(
      testDescription: "one disk twice",
      change: {
        $0.instanceDisks[1].path = $0.instanceDisks[0].path
        $0.instanceDisks[1].role = .swap
      }, code: .device, words: "are the same disk"),
    Refusal(
      testDescription: "a swap disk that is too small", parameters: ["swap": "true"],
      change: { $0.instanceDisks[1].path = try makeSparseFile($0.instanceDisks[1].path! + ".small", size: 8192) },
      code: .device,
      words: "too small"),
    Refusal(
      testDescription: "a data disk that is too small", parameters: ["disk_1": "data:/srv"],
      change: { $0.instanceDisks[1].path = try makeSparseFile($0.instanceDisks[1].path! + ".small", size: 1 << 20) },
      code: .device,
      words: "too small"),
    Refusal(
      testDescription: "a static address without a prefix", parameters: ["address": "static"],
      change: { $0.nics = [nic("192.0.2.7")] }, code: .invalid, words: "no prefix length is known"),
    Refusal(
      testDescription: "a prefix longer than the address", parameters: ["address": "static", "prefix": "64"],
      change: { $0.nics = [nic("192.0.2.7")] }, code: .invalid, words: "the prefix 64 is longer"),
    Refusal(
      testDescription: "an address that is not one", parameters: ["address": "static", "prefix": "24"],
      change: { $0.nics = [nic("192.0.2.700")] }, code: .invalid, words: "192.0.2.700"),
    Refusal(
      testDescription: "a name without an address", parameters: ["address": "static", "prefix": "24"], code: .invalid,
      words: "vm1.example.com lacks an address"),
  ]

  private static func nic(_ ip: String) -> RequestedNIC {
    var nic = RequestedNIC(index: 0)
    nic.ip = ip
    return nic
  }

  @Test("What can't be is refused, by the plan and by the run, and no disk is touched", arguments: refusals)
  func refuses(_ refusal: Refusal) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disks = [try guest.disk(), try guest.disk("other", mebibytes: 16)]
      let before = try disks.map { try digest(of: $0) }
      var request = try guest.request(.create(isReinstall: false), disks: disks)
      try refusal.change(&request)
      for body in [
        { try guest.run(request, parameters: refusal.parameters) },
        { _ = try guest.plan(request, parameters: refusal.parameters) },
      ] {
        let failure = #expect(throws: Failure.self) { try body() }
        #expect(failure?.code == refusal.code)
        #expect(failure?.message.contains(refusal.words) == true, "\(String(describing: failure))")
      }
      #expect(try disks.map { try digest(of: $0) } == before)
    }
  }

  @Test("A name that resolves gives the static address")
  func resolves() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, configuration: "address = \"static\"\nprefix = 24\n")
      let disk = try guest.disk()
      let known = guest.surroundings(addresses: ["vm1.example.com": ["192.0.2.9", "2001:db8::9"]])
      let request = try guest.request(.create(isReinstall: false), disks: [disk])
      #expect(try guest.plan(request, known).contains { $0.contains("192.0.2.9/24") })
      try guest.run(request, known)
      #expect(
        try guestFile("/etc/systemd/network/10-guestsmith.network", on: disk)?.contains("192.0.2.9/24") == true)
    }
  }

  @Test("A disk smaller than the image is refused with the size that would be enough, and is not a guest")
  func small() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk(mebibytes: 4)
      let failure = #expect(throws: Failure.self) {
        try guest.run(guest.request(.create(isReinstall: false), disks: [disk]))
      }
      #expect(failure?.code == .device)
      #expect(failure?.message.contains("too small") == true)
      #expect(!isMountable(disk))
    }
  }

  @Test("A bootstrap that fails leaves no earlier guest on the disk")
  func failedBootstrap() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk()
      try shell("mkfs.ext4 -qF '\(disk)'")
      var surroundings = guest.surroundings()
      surroundings.maker.bootstrap = { _, _, _, _ throws(Failure) in throw Failure(.tool, "the mirror is away") }
      let failure = #expect(throws: Failure.self) {
        try guest.run(guest.request(.create(isReinstall: false), disks: [disk]), surroundings)
      }
      #expect(failure?.message.contains("the mirror is away") == true)
      #expect(!isMountable(disk))
    }
  }
}
