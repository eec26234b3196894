// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension EndToEnd {
  @Suite("The life of a guest by the command lines of 1.2.6")
  struct RoundTrip {
    @Test("On image files: created, exported, imported, renamed, and booted with its last name")
    func imageFiles() throws {
      try withScratch { scratch in
        let definition = try InstalledDefinition(in: scratch)
        let first = try makeSparseFile(scratch("first.img"), size: roomy)
        let firstSwap = try makeSparseFile(scratch("first.swap"), size: 64 << 20)
        try succeeded(definition.create("vm1.example.com", first, firstSwap))
        try expectGuest("vm1.example.com", on: first, swap: firstSwap)
        #expect(try allocated(first) < 1 << 30, "a sparse file stays sparse")

        let before = try digest(of: first)
        try succeeded(definition.export("vm1.example.com", first, to: scratch("dump.gz")))
        #expect(try digest(of: first) == before, "export changes no bit")

        let second = try makeSparseFile(scratch("second.img"), size: roomy + (1 << 30))
        let secondSwap = try makeSparseFile(scratch("second.swap"), size: 96 << 20)
        try succeeded(definition.import("vm2.example.com", second, secondSwap, from: scratch("dump.gz")))
        try expectGuest("vm2.example.com", on: second, swap: secondSwap)
        #expect(try tag("UUID", of: second) != tag("UUID", of: first), "every instance has its own UUID")
        #expect(try allocated(second) < 1 << 30, "a sparse file stays sparse")
        if isRoot {
          let original = try withMounted(first) { try Tree(of: $0) }
          let restored = try withMounted(second) { try Tree(of: $0) }
          #expect(restored.differences(from: original, allowed: identity) == [])
        }

        try succeeded(definition.rename("vm2.example.com", to: "vm3.example.com", second, secondSwap))
        try expectGuest("vm3.example.com", on: second, swap: secondSwap)
        if isRoot {
          let old = try withMounted(second) {
            try bash("grep -rlIE '(^|[ \\t@=])vm[12](\\.|[ \\t]|$)' '\($0)/etc'").output
          }
          #expect(old == "", "no file keeps an old name")
        }

        let outcome = try boot(second, secondSwap, expecting: "vm3 login:")
        #expect(outcome.status == 0, "\(outcome)")
      }
    }

    @Test(
      "What dump(8) writes of a guest is imported, and boots under its new name", .enabled(if: isRoot, "needs root"))
    func dump8() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        let disk = try makeSparseFile(scratch("second"), size: 2 << 30)
        let swap = try makeSparseFile(scratch("second-swap"), size: 64 << 20)
        let dump =
          "d=$(losetup --find --show --read-only '\(guest.disk)') && dump -0 -q -f - $d 2>/dev/null; losetup -d $d"
        try succeeded(
          bash("{ \(dump); } | gzip -1 | '\(definition.folder)/import' -i vm9.example.com -b '\(disk)' -s '\(swap)'"))
        try expectGuest("vm9.example.com", on: disk, swap: swap)
        let outcome = try boot(disk, swap, expecting: "vm9 login:")
        #expect(outcome.status == 0, "\(outcome)")
      }
    }

    @Test(
      "On block devices, those with sectors of 4096 bytes among them", .enabled(if: isRoot, "needs root"),
      arguments: [512, 4096])
    func blockDevices(sectorSize: Int) throws {
      try withScratch { scratch in
        let definition = try InstalledDefinition(in: scratch)
        try makeSparseFile(scratch("disk"), size: roomy)
        try makeSparseFile(scratch("swap"), size: 64 << 20)
        try withLoopDevice(scratch("disk"), sectorSize: sectorSize) { disk in
          try withLoopDevice(scratch("swap"), sectorSize: sectorSize) { swap in
            try succeeded(definition.create("vm1.example.com", disk, swap))
            try expectGuest("vm1.example.com", on: disk, swap: swap)
            try succeeded(definition.export("vm1.example.com", disk, to: scratch("dump.gz")))
            try succeeded(definition.import("vm2.example.com", disk, swap, from: scratch("dump.gz")))
            try expectGuest("vm2.example.com", on: disk, swap: swap)
            try succeeded(definition.rename("vm2.example.com", to: "vm3.example.com", disk, swap))
            try expectGuest("vm3.example.com", on: disk, swap: swap)
          }
        }
      }
    }

    @Test(
      "A created guest is the golden image but for the files that are configured", .enabled(if: isRoot, "needs root"))
    func sameAsTheImage() throws {
      let path = try imageOfTemplate() + "/disk.img"
      let golden = try withMounted(path) { try Tree(of: $0) }
      let created = try withMounted(try template().disk) { try Tree(of: $0) }
      #expect(golden.entries.count > 5000)
      #expect(created.differences(from: golden, allowed: configured) == [])
      #expect(try tag("UUID", of: template().disk) != tag("UUID", of: path), "every instance has its own UUID")
    }

    @Test("The signature in the guest tells what was installed")
    func signature() throws {
      let signature = try #require(try guestFile("/etc/guestsmith-release", on: try template().disk))
      #expect(signature.contains("bookworm"), "\(signature)")
    }

    @Test(
      "An unprivileged user creates a guest in files of his own, from images that root built",
      .enabled(if: isRoot, "needs root"))
    func unprivileged() throws {
      _ = try template()
      try withScratch { scratch in
        var definition = try InstalledDefinition(in: scratch)
        try makeSparseFile(scratch("disk"), size: roomy)
        try makeSparseFile(scratch("swap"), size: 64 << 20)
        // A log of his own, and a program at a place that he can reach wherever the build lies.
        try shell("cp '\(program)' '\(scratch("guestsmith"))' && chmod 755 '\(scratch.path)'")
        try shell("runuser -u nobody -- '\(scratch("guestsmith"))' --help")
        try shell(
          "cd '\(definition.folder)' && for script in create import export rename; do "
            + "ln -sf ../../guestsmith $script; done")
        try shell(
          "touch '\(definition.log)' && chown nobody '\(scratch("disk"))' '\(scratch("swap"))' '\(definition.log)'")
        definition.environment = ["TMPDIR": "/tmp"]
        let outcome = try definition.script(
          "create", "-i vm1.example.com -b \(scratch("disk")) -s \(scratch("swap"))", by: "runuser -u nobody --")
        #expect(outcome.status == 0, "\(outcome)")
        try expectGuest("vm1.example.com", on: scratch("disk"), swap: scratch("swap"))
      }
    }
  }
}
