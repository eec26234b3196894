// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

extension EndToEnd {
  @Suite("A disk that had another tenant")
  struct RecycledDisks {
    private static let mark = "of-the-last-tenant-7f3a9c1e5b2d8046"

    /// Every sector of it begins with the mark, and the rest of it is noise.
    private func fill(_ path: String, size: UInt64) throws {
      try shell(
        "perl -e 'my $s = q(\(Self.mark)) . pack(q(N*), map { rand 2**32 } 1 .. 119); print substr($s . qq(\\0) x 512, "
          + "0, 512) x 2048 for 1 .. \(size >> 20)' > '\(path)'")
    }

    private func marks(on disk: String) throws -> Int {
      Int(try shell("LC_ALL=C grep -aoF '\(Self.mark)' '\(disk)' | wc -l")) ?? -1
    }

    @Test(
      "Of what was on it nothing is left to read", .enabled(if: isRoot, "needs root"), arguments: ["discard", "zero"],
      ["file", "device"])
    func nothingLeft(wipe: String, kind: String) throws {
      try withScratch { scratch in
        let definition = try InstalledDefinition(in: scratch, configuration: "wipe = \"\(wipe)\"\n")
        let (disk, swap) = (scratch("disk"), scratch("swap"))
        try fill(disk, size: roomy)
        try fill(swap, size: 64 << 20)
        #expect(try marks(on: disk) == Int(roomy / 512))
        if kind == "file" {
          try succeeded(definition.create("vm1.example.com", disk, swap))
        } else {
          try withLoopDevice(disk) { root in
            try withLoopDevice(swap) { try succeeded(definition.create("vm1.example.com", root, $0)) }
          }
        }
        #expect(try marks(on: disk) == 0)
        #expect(try marks(on: swap) == 0)
        try expectGuest("vm1.example.com", on: disk, swap: swap)
        #expect(try guestFile("/etc/guestsmith-release", on: disk)?.contains("WIPE=discard") == true)
      }
    }

    @Test(
      "In every mode the old signatures are gone, and the guest says how its disk was wiped",
      arguments: ["discard", "zero", "none"])
    func signatures(wipe: String) throws {
      try withScratch { scratch in
        let definition = try InstalledDefinition(in: scratch, configuration: "wipe = \"\(wipe)\"\n")
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        try fill(disk, size: roomy)
        try shell("mkfs.btrfs -fqK '\(disk)' && printf 'label: gpt\\nsize=10M\\n' | sfdisk -q --wipe never '\(disk)'")
        try shell("mkfs.xfs -fqK '\(swap)' || mkfs.ext4 -qF -E nodiscard '\(swap)'")
        try succeeded(definition.create("vm1.example.com", disk, swap))
        #expect(try shell("wipefs -n --noheadings --output TYPE '\(disk)'") == "ext4")
        #expect(try shell("wipefs -n --noheadings --output TYPE '\(swap)'") == "swap")
        try expectGuest("vm1.example.com", on: disk, swap: swap)
        let done = wipe == "none" ? "none" : "discard"
        #expect(try guestFile("/etc/guestsmith-release", on: disk)?.contains("WIPE=\(done)") == true)
        // Only then the kernel has inode tables to clear.
        let flags = try shell("dumpe2fs '\(disk)' 2>/dev/null | grep -c ITABLE_ZEROED || true")
        #expect((flags == "0") == (wipe == "none"))
        if isRoot {
          try withMounted(disk, options: "rw") { place in
            try shell("cp -a '\(place)/usr/share' '\(place)/copied' && sync -f '\(place)' && rm -r '\(place)/copied'")
            return
          }
        }
        #expect(try problems(of: disk) == nil)
      }
    }
  }

  @Suite("Disks of every kind")
  struct DiskKinds {
    @Test("A device with sectors of 4096 bytes", .enabled(if: isRoot, "needs root"))
    func largeSectors() throws {
      try withScratch { scratch in
        let definition = try InstalledDefinition(in: scratch)
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        try withLoopDevice(disk, sectorSize: 4096) { root in
          try withLoopDevice(swap, sectorSize: 4096) { area in
            try succeeded(definition.create("vm1.example.com", root, area))
            #expect(try shell("blockdev --getss \(root)") == "4096")
            try expectGuest("vm1.example.com", on: root, swap: area)
            try withMounted(root) { try #expect(shell("cat '\($0)/etc/hostname'") == "vm1") }
            try succeeded(definition.rename("vm1.example.com", to: "vm2.example.com", root, area))
            try succeeded(definition.export("vm2.example.com", root, to: scratch("dump")))
            try succeeded(definition.import("vm3.example.com", root, area, from: scratch("dump")))
            try expectGuest("vm3.example.com", on: root, swap: area)
          }
        }
        let small = try InstalledDefinition(in: scratch, configuration: "block_size = 1024\n")
        try withLoopDevice(disk, sectorSize: 4096) { root in
          let outcome = try small.create("vm1.example.com", root, swap)
          #expect(outcome.status == Failure.Code.device.rawValue)
          #expect(outcome.output.contains("sectors of 4096 bytes"))
        }
      }
    }

    @Test("A sparse disk of 16 TiB", .enabled(if: isRoot, "needs root"))
    func huge() throws {
      try withScratch { scratch in
        // A file may be so large there.
        let folder = try scratch.folder("memory")
        try shell("mount -t tmpfs -o size=4g none '\(folder)'")
        defer { _ = try? shell("umount --lazy '\(folder)'") }
        let definition = try InstalledDefinition(in: scratch)
        let disk = try makeSparseFile(folder + "/disk", size: 16 << 40)
        let swap = try makeSparseFile(folder + "/swap", size: 1 << 30)
        try succeeded(definition.create("vm1.example.com", disk, swap))
        try expectGuest("vm1.example.com", on: disk, swap: swap)
        #expect(try allocated(disk) < 2 << 30)
      }
    }

    @Test("A file whose space is allocated keeps it, and a sparse one stays sparse")
    func allocation() throws {
      try withScratch { scratch in
        let definition = try InstalledDefinition(in: scratch)
        let (full, sparse) = (scratch("full"), scratch("sparse"))
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        try shell("fallocate -l \(roomy) '\(full)'")
        try makeSparseFile(sparse, size: roomy)
        for disk in [full, sparse] { try succeeded(definition.create("vm1.example.com", disk, swap)) }
        #expect(try allocated(full) >= roomy)
        #expect(try allocated(sparse) < roomy / 2)
        #expect(try allocated(swap) < 1 << 20)
      }
    }

    @Test(
      "Beside its image on a filesystem that can share blocks it takes next to no room",
      .enabled(if: isRoot, "needs root"))
    func reflink() throws {
      try withScratch { scratch in
        try makeSparseFile(scratch("btrfs"), size: 4 << 30)
        try shell("mkfs.btrfs -q '\(scratch("btrfs"))'")
        try withMounted(scratch("btrfs"), options: "rw") { folder in
          let definition = try InstalledDefinition(in: scratch, cache: ownCache(in: folder + "/cache"))
          let disk = try makeSparseFile(folder + "/disk", size: roomy)
          let swap = try makeSparseFile(folder + "/swap", size: 64 << 20)
          let before = try room(in: folder)
          try succeeded(definition.create("vm1.example.com", disk, swap))
          #expect(try before - room(in: folder) < 50 << 20)
          try expectGuest("vm1.example.com", on: disk, swap: swap)
          try shell("cp -a '\(disk)' '\(scratch("copy"))'")
        }
        #expect(try problems(of: scratch("copy")) == nil)
      }
    }

    private func room(in folder: String) throws -> Int {
      Int(try shell("sync -f '\(folder)' && df --output=avail -B1 '\(folder)' | tail -n 1 | tr -d ' '")) ?? 0
    }

    @Test("ext3 and ext2 of one image, with blocks of 1 KiB", arguments: ["ext2", "ext3"])
    func otherFilesystems(kind: String) throws {
      try withScratch { scratch in
        let definition = try InstalledDefinition(
          in: scratch,
          configuration: """
            filesystem = "\(kind)"
            block_size = 1024
            inode_ratio = 8192
            reserved_percent = 1
            label = "guest-root"
            """)
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        try succeeded(definition.create("vm1.example.com", disk, swap))
        #expect(try problems(of: disk) == nil)
        #expect(try tag("TYPE", of: disk) == kind)
        #expect(try tag("LABEL", of: disk) == "guest-root")
        #expect(try guestFile("/etc/fstab", on: disk)?.contains("/\t\(kind)") == true)
      }
    }
  }

  @Suite("Many at once")
  struct Concurrency {
    private func start(_ definition: InstalledDefinition, _ arguments: [String], output: Command.Output) throws -> Child
    {
      var command = Command(definition.folder + "/" + arguments[0], Array(arguments.dropFirst()))
      command.workingDirectory = definition.folder
      command.output = output
      command.error = output
      return try command.start()
    }

    @Test("Thirty-two creates from a cold cache build the image once")
    func thirtyTwo() throws {
      try withScratch { scratch in
        let definition = try InstalledDefinition(in: scratch, cache: try scratch.folder("cold"))
        var logs: [String] = []
        // A child may be waited for in any order, but not kept in an array: the shell keeps them.
        let lines = try (1...32).map { number in
          let disk = try makeSparseFile(scratch("disk\(number)"), size: 1 << 30)
          let swap = try makeSparseFile(scratch("swap\(number)"), size: 16 << 20)
          logs.append(scratch("log\(number)"))
          return
            "\(definition.folder)/create -i vm\(number).example.com -b \(disk) -s \(swap) >\(logs[number - 1]) 2>&1 &"
            + " pids=\"$pids $!\""
        }
        let outcome = try bash(lines.joined(separator: "\n") + "\nfor p in $pids; do wait $p || exit 1; done")
        let texts = try logs.map { String(decoding: try readFile($0), as: UTF8.self) }
        #expect(outcome.status == 0, "\(texts.last ?? "")")
        let builders = texts.filter { $0.contains("making the ext4 image") }
        #expect(builders.count == 1)
        #expect(texts.filter { $0.contains("waiting for process") }.count > 0)
        #expect(try shell("ls '\(scratch("cold/images"))' | wc -l") == "1")
        #expect(try shell("ls -A '\(scratch("cold/tmp"))'") == "")
        for number in [1, 17, 32] {
          try expectGuest("vm\(number).example.com", on: scratch("disk\(number)"), swap: scratch("swap\(number)"))
        }
        let identities = try (1...32).map { try tag("UUID", of: scratch("disk\($0)")) }
        #expect(Set(identities).count == 32)
      }
    }

    @Test("A disk that is being exported can't be created on, and the holder is named")
    func exporting() throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try InstalledDefinition(in: scratch)
        let before = try digest(of: guest.disk)
        // Nobody reads: the export stands still.
        try shell("mkfifo '\(scratch("pipe"))'")
        let held = try Descriptor(scratch("pipe"), O_RDWR)
        let export = try start(
          definition, ["export", "-i", "vm1.example.com", "-b", guest.disk], output: .descriptor(held.view))
        // To try a lock would keep the export from taking its own.
        let inode = try shell("stat -c %i '\(guest.disk)'")
        #expect(try eventually { try bash("grep -q ' FLOCK .*:\(inode) ' /proc/locks").status == 0 })
        let outcome = try definition.create("vm1.example.com", guest.disk, guest.swap)
        #expect(outcome.status == Failure.Code.busy.rawValue)
        #expect(outcome.output.contains("process \(export.pid) (export)"), "\(outcome)")
        export.signal(SIGTERM)
        #expect(try export.wait() == .exited(128 + SIGTERM))
        #expect(try digest(of: guest.disk) == before)
      }
    }
  }

  @Suite("A cache that was damaged")
  struct DamagedCache {
    @Test("An image in which a byte was changed is not deployed, and built anew")
    func tampered() throws {
      try withScratch { scratch in
        let cache = try ownCache(in: scratch("cache"))
        let definition = try InstalledDefinition(in: scratch, cache: cache)
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        let image = try shell("ls '\(cache)'/images/*/disk.img")
        // In the middle of a file: nothing but a digest can tell.
        let place = try shell("debugfs -R 'blocks /usr/bin/perl' '\(image)' 2>/dev/null | awk '{ print $20 }'")
        try shell("printf X | dd of='\(image)' bs=1 seek=$((\(place) * 4096 + 17)) conv=notrunc status=none")
        let outcome = try definition.create("vm1.example.com", disk, swap)
        try succeeded(outcome)
        #expect(outcome.output.contains("differs from its digest"), "\(outcome)")
        #expect(outcome.output.contains("making the ext4 image"))
        try expectGuest("vm1.example.com", on: disk, swap: swap)
      }
    }
  }
}
