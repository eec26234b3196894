// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("The plan of rename")
struct RenamePlanTests {
  @Test("The guest gets its new name, and nothing before that")
  func renames() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk()
      try guest.run(guest.request(.create(isReinstall: false), disks: [disk]))
      let request = try guest.request(.rename(from: InstanceName("vm1.example.com")), "web.example.org", disks: [disk])
      let before = try digest(of: disk)
      #expect(
        try guest.plan(request) == [
          "rename vm1.example.com to web.example.org on \(disk), 512 MiB",
          "it stays the same machine: machine-id, ssh host keys and UUIDs are kept",
        ])
      #expect(try digest(of: disk) == before)
      try guest.run(request)
      #expect(try problems(of: disk) == nil)
      #expect(try guestFile("/etc/hostname", on: disk) == "web\n")
    }
  }

  @Test("A plan tells a network only of what guestsmith wrote, and of a guest that is left alone nothing")
  func network() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk()
      try guest.run(guest.request(.create(isReinstall: false), disks: [disk]))
      let rename = try guest.request(.rename(from: InstanceName("vm1.example.com")), "web.example.org", disks: [disk])
      let restore = try guest.request(.import, disks: [guest.disk("other")])
      let fixed = ["nic_0": "192.0.2.7/24"]
      for request in [rename, restore] {
        let lines = try guest.plan(request, parameters: fixed)
        #expect(lines.contains("network, where guestsmith wrote it: 192.0.2.7/24"), "\(lines)")
        let left = try guest.plan(request, parameters: fixed.merging(["configure": "none"]) { $1 })
        #expect(!left.contains { $0.contains("192.0.2.7") || $0.contains("make the guest agree") }, "\(left)")
        #expect(left.contains { $0.contains("configure = none") && $0.contains("stays as it") }, "\(left)")
      }
    }
  }

  @Test("What is not an ext filesystem stays as it is, which is told")
  func other() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk(mebibytes: 16)
      try shell("mkswap '\(disk)'")
      let before = try digest(of: disk)
      let request = try guest.request(.rename(from: InstanceName("old.example.com")), disks: [disk])
      #expect(try guest.plan(request).contains { $0.contains("is not renamed, and stays as it is") })
      let lines = Lines()
      try guest.run(request, steps: Steps(.plain, write: { lines.write($0) }))
      #expect(lines.all.contains("is not renamed, and stays as it is"))
      #expect(try digest(of: disk) == before)
    }
  }

  @Test("A file that can't be read keeps the old name, which is told; one of some MiB gets the new one")
  func unreadable() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk()
      try guest.run(guest.request(.create(isReinstall: false), disks: [disk]))
      let (large, larger) = (scratch("large"), scratch("larger"))
      try shell(
        "{ head -c 2000000 /dev/zero | tr '\\0' '#'; printf '\\n127.0.1.1 vm1.example.com vm1\\n'; } >'\(large)'")
      try shell("truncate -s 17M '\(larger)'")
      let commands = try scratch.write(
        "cd /etc\nrm mailname\nmkdir mailname\nrm hosts\nwrite \(large) hosts\n", to: "commands")
      try shell("debugfs -w -f '\(commands)' '\(disk)' 2>&1")
      func rename(_ old: String, _ new: String) throws -> String {
        let lines = Lines()
        try guest.run(
          guest.request(.rename(from: InstanceName(old)), new, disks: [disk]),
          steps: Steps(.plain, write: { lines.write($0) }))
        #expect(try problems(of: disk) == nil)
        return lines.all
      }
      let told = try rename("vm1.example.com", "web.example.org")
      #expect(told.contains("/etc/mailname stays as it is, and may have the old name") && !told.contains("/etc/hosts"))
      #expect(try guestFile("/etc/hosts", on: disk)?.hasSuffix("#\n127.0.1.1 web.example.org web\n") == true)
      try shell("printf 'cd /etc\\nrm hosts\\nwrite \(larger) hosts\\n' >'\(commands)'")
      try shell("debugfs -w -f '\(commands)' '\(disk)' 2>&1")
      #expect(try rename("web.example.org", "db.example.org").contains("/etc/hosts stays as it is"))
      #expect(try guestFile("/etc/hostname", on: disk) == "db\n")
    }
  }

  @Test("A request without an old name, a name that no guest can carry, and a filesystem with errors are refused")
  func refuses() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try guest.disk()
      try guest.run(guest.request(.create(isReinstall: false), disks: [disk]))
      let created = try digest(of: disk)
      let failure = #expect(throws: Failure.self) {
        try guest.run(guest.request(.rename(from: InstanceName("vm1.example.com")), "vm_1.example.com", disks: [disk]))
      }
      #expect(failure?.code == .invalid)
      #expect(try digest(of: disk) == created)
      try shell("debugfs -w -R 'clri /usr/bin/program' '\(disk)' 2>/dev/null")
      let damaged = try digest(of: disk)
      let damage = #expect(throws: Failure.self) {
        try guest.run(guest.request(.rename(from: InstanceName("vm1.example.com")), "web.example.org", disks: [disk]))
      }
      #expect(damage?.code == .guest)
      #expect(damage?.message.contains("has errors") == true)
      #expect(try digest(of: disk) == damaged)
    }
  }
}

@Suite("The plan of verify")
struct VerifyPlanTests {
  @Test("Each fault is told; what is right has none")
  func faults() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      var os = RequestedOS(definition: guest.definition, name: "guestsmith")
      #expect(VerifyPlan(os).faults == [])
      os.parameters = ["prefix": "many", "packges": "vim"]
      #expect(VerifyPlan(os).faults.count == 2)
      os.parameters = [:]
      os.variant = "nowhere"
      #expect(VerifyPlan(os).faults.first?.message.contains("nowhere") == true)
    }
  }
}
