// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension EndToEnd {
  @Suite("Rename")
  struct Rename {
    @Test("Repeated, it is a success that changes nothing", .enabled(if: isRoot, "needs root"))
    func repeated() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        try succeeded(definition.rename("vm1.example.com", to: "vm9.example.com", guest.disk, guest.swap))
        try expectGuest("vm9.example.com", on: guest.disk, swap: guest.swap)
        let before = try withMounted(guest.disk) { try Tree(of: $0) }
        try succeeded(definition.rename("vm1.example.com", to: "vm9.example.com", guest.disk, guest.swap))
        try expectGuest("vm9.example.com", on: guest.disk, swap: guest.swap)
        let after = try withMounted(guest.disk) { try Tree(of: $0) }
        #expect(after.differences(from: before) == [])
      }
    }

    @Test("On a block device, by a host with the mask of Ganeti's daemons, 077", .enabled(if: isRoot, "needs root"))
    func strictMask() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        try withLoopDevice(guest.disk) { disk in
          try succeeded(
            definition.script(
              "rename", "-o vm1.example.com -n vm9.example.com -b \(disk) -s \(guest.swap)", by: "umask 077;"))
        }
        try expectGuest("vm9.example.com", on: guest.disk, swap: guest.swap)
      }
    }

    @Test("Of a guest with another name, it is refused with both names and no change")
    func wrongName() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        let before = try digest(of: guest.disk)
        let outcome = try definition.rename("vm7.example.com", to: "vm8.example.com", guest.disk, guest.swap)
        #expect(outcome.status == Failure.Code.guest.rawValue, "\(outcome)")
        #expect(outcome.output.contains("vm1"))
        #expect(outcome.output.contains("vm7"))
        #expect(try digest(of: guest.disk) == before)
      }
    }

    @Test(
      "Of a guest whose files are links to the host's, it changes no file of the host",
      arguments: ["/etc/hostname", "/etc/hosts", "/etc/mailname", "/etc/fstab"])
    func hostile(file: String) throws {
      try withScratch { scratch in
        let victim = try scratch.write("vm1\n", to: "host/victim")
        let linkInGuest = "../../../../../../../../../.." + victim
        let definition = try InstalledDefinition(in: scratch)
        for target in [victim, linkInGuest] {
          let guest = try guest(in: scratch)
          try shell(
            "printf 'rm \(file)\\nsymlink \(file) \(target)\\n' | debugfs -w -f - '\(guest.disk)' 2>&1 && "
              + "e2fsck -fn '\(guest.disk)'")
          let before = try shell("stat -c '%i %s %Z %Y' '\(victim)'; ls -A '\(scratch("host"))'")
          let outcome = try definition.rename("vm1.example.com", to: "vm2.example.com", guest.disk, guest.swap)
          #expect(try shell("stat -c '%i %s %Z %Y' '\(victim)'; ls -A '\(scratch("host"))'") == before, "\(outcome)")
          #expect(try scratch.read("host/victim") == "vm1\n")
          #expect(try problems(of: guest.disk) == nil)
        }
      }
    }

    @Test(
      "Of a guest whose folder of configuration is a link to the host's, it changes no file of the host",
      .enabled(if: isRoot, "needs root"))
    func hostileFolder() throws {
      try withScratch { scratch in
        for name in ["hostname", "hosts", "mailname", "fstab"] { try scratch.write("vm1\n", to: "host/\(name)") }
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        try withMounted(guest.disk, options: "rw") { root in
          _ = try shell("mv '\(root)/etc' '\(root)/etc.away' && ln -s '\(scratch("host"))' '\(root)/etc'")
        }
        let before = try Tree(of: scratch("host"))
        let outcome = try definition.rename("vm1.example.com", to: "vm2.example.com", guest.disk, guest.swap)
        #expect(outcome.status != 0, "\(outcome)")
        #expect(try Tree(of: scratch("host")).differences(from: before) == [])
        #expect(try problems(of: guest.disk) == nil)
      }
    }

    @Test("Of a filesystem with errors, it is refused with the words of e2fsck")
    func damaged() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        // The root folder's inode is freed: no journal mends that.
        try shell("debugfs -w -R 'clri <2>' '\(guest.disk)' 2>&1")
        let outcome = try definition.rename("vm1.example.com", to: "vm2.example.com", guest.disk, guest.swap)
        #expect(outcome.status == Failure.Code.guest.rawValue, "\(outcome)")
        #expect(outcome.output.lowercased().contains("root inode"), "\(outcome)")
      }
    }

    @Test(
      "Of a guest that was cut off while it ran, the journal is recovered first", .enabled(if: isRoot, "needs root"))
    func dirtyJournal() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        try withMounted(guest.disk, options: "rw") { root in
          try shell("echo late > '\(root)/root/late' && sync -f '\(root)/root/late'")
          // What a snapshot of a running guest is: the file is in the journal, and not yet at its place.
          try copyImage(guest.disk, to: scratch("snapshot.img"))
        }
        #expect(try shell("dumpe2fs -h '\(scratch("snapshot.img"))' 2>/dev/null").contains("needs_recovery"))
        try succeeded(definition.rename("vm1.example.com", to: "vm2.example.com", scratch("snapshot.img"), guest.swap))
        try expectGuest("vm2.example.com", on: scratch("snapshot.img"), swap: guest.swap)
        #expect(try guestFile("/root/late", on: scratch("snapshot.img")) == "late\n")
      }
    }
  }
}
