// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Storage
import TestSupport
import Testing

/// What would keep the node busy or fill it, each by itself; the fuzzers find others.
@Suite struct LimitTests {
  @Test("a filesystem that e2fsck never comes to the end of is refused, and its disk is free again")
  func filesystemE2fsckNever() throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      let disk = scratch("guest.img")
      try scratch.write(try endlessFilesystem(in: scratch), to: "guest.img")
      let rename = try attack.script(
        "rename", ["-o", "old.example.com", "-n", "new.example.com", "-b", disk, "-s", scratch("swap")])
      #expect(rename.fault == nil)
      #expect(rename.text.contains("e2fsck was stopped, since it used the processor for 10 s"), "\(rename.text)")
      #expect(rename.text.contains("\(disk), which has 8.0 MiB"), "\(rename.text)")
      _ = try Disk(disk, for: .writing)
    }
  }

  @Test("a packing that asks for more memory than any real one is refused, with the limit") func packingAsksMore()
    throws
  {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      try scratch.write(Findings.zstd, to: "zstd")
      let zstd = try attack.restore(scratch("zstd"))
      #expect(zstd.fault == nil)
      #expect(zstd.result.text.contains("128 MiB, recompress it without --long"), "\(zstd.result.text)")

      try shell("head -c 100000 /dev/urandom | xz -T1 -0 >'\(scratch("xz"))'")
      var bytes = try readFile(scratch("xz"))
      // The dictionary in the header of the first block, of 1 GiB now (The .xz File Format, 3.1 and 5.3.1).
      try #require(bytes[12...15].elementsEqual([2, 0, 0x21, 1]))
      bytes[16] = 36
      bytes.put(UInt64(crc32(bytes[12..<20])), at: 20, 4)
      try scratch.write(bytes, to: "xz")
      let xz = try attack.restore(scratch("xz"))
      #expect(xz.fault == nil)
      #expect(xz.result.text.contains("The limit is 256 MiB"), "\(xz.result.text)")
    }
  }

  @Test("what goes on without an end behind a guest is not read on") func goesWithoutEnd() throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      var tar = Tar.small
      tar.end()
      try scratch.write(tar.bytes, to: "tar")
      try makeGuest(scratch("ext"), in: scratch)
      for kind in ["tar", "ext"] {
        try shell("truncate -s 8T '\(scratch(kind))'")
        let (result, fault) = try attack.restore(scratch(kind), size: 128 << 20)
        #expect(fault == nil)
        #expect(result.text.contains("goes on for more than 192 MiB behind the guest"), "\(result.text)")
        try shell("truncate -s 80M '\(scratch(kind))'")
        #expect(try attack.restore(scratch(kind), size: 128 << 20).result.isSuccess)
      }
    }
  }

  @Test("a tar whose entries replace each other without an end is not read on") func tarWhoseEntries() throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      try scratch.write(Tar.small.bytes, to: "head")
      var entry = Tar()
      entry.add(Array("again".utf8), data: [UInt8](repeating: 0x41, count: 16 << 20))
      try scratch.write(entry.bytes, to: "entry")
      let disk = try makeSparseFile(scratch("restored"), size: 128 << 20)
      let result = try attack.run(
        "/bin/bash",
        [
          "-c", "{ cat \"$1/head\"; while cat \"$1/entry\"; do :; done; } 2>/dev/null | exec \"${@:2}\"", "bash",
          scratch.path, "\(attack.definition.folder)/import", "-i", "new.example.com", "-b", disk, "-s",
          scratch("swap"),
        ])
      #expect(result.fault == nil)
      #expect(result.text.contains("has more than 208 MiB for disk"), "\(result.text)")
      #expect(!isMountable(disk))
    }
  }

  @Test("a folder with as many names as a file can have is filled in time") func folderWithAs() throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      try shell(
        """
        python3 - '\(scratch("tar"))' <<'END'
        import io, sys, tarfile
        with tarfile.open(sys.argv[1], 'w', format=tarfile.USTAR_FORMAT) as tar:
            def add(name, data=b'', link=None):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                if link: entry.type, entry.linkname = tarfile.LNKTYPE, link
                tar.addfile(entry, io.BytesIO(data))
            add('etc/passwd', b'root:x:0:0:root:/root:/bin/sh\\n')
            add('d/file')
            for number in range(64000): add('d/' + 'n' * 90 + '%06d' % number, link='d/file')
        END
        """)
      let (result, fault) = try attack.restore(scratch("tar"), size: 128 << 20)
      #expect(fault == nil)
      #expect(result.isSuccess, "\(result.text)")
    }
  }

  @Test("a raw disk that is made smaller is spooled no further than its new disk could hold it") func rawDiskMade()
    throws
  {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      try makeGuest(scratch("ext"), in: scratch)
      var image = ExtImage(try readFile(scratch("ext")))
      image.put(200 << 10, at: 1024 + 4, 4)
      try scratch.write(image.bytes, to: "used")
      let used = try attack.restore(scratch("used"))
      #expect(used.fault == nil)
      #expect(
        used.result.text.contains("too small: the filesystem on the raw disk uses 19"), "\(used.result.text)")
      image.put((200 << 10) - 5000, at: 1024 + 12, 4)
      try scratch.write(image.bytes, to: "free")
      try shell("head -c 120M /dev/zero | tr '\\0' S >>'\(scratch("free"))'")
      let free = try attack.restore(scratch("free"))
      #expect(free.fault == nil)
      #expect(free.result.text.contains("holds more than 100 MiB"), "\(free.result.text)")
    }
  }

  @Test("a qcow2 image is unpacked no further than its disk could hold it") func qcow2ImageUnpacked() throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      try scratch.write(Findings.qcow2, to: "shared")
      try shell(
        """
        cd '\(scratch.path)'; head -c 300M /dev/zero | tr '\\0' S >raw
        qemu-img convert -c -f raw -O qcow2 raw packed; rm raw
        """)
      for (name, words) in [
        ("shared", "a cluster of it belongs to two places"), ("packed", "too small: the qcow2 image has 300 MiB"),
      ] {
        let (result, fault) = try attack.restore(scratch(name))
        #expect(fault == nil)
        #expect(result.text.contains(words), "\(result.text)")
      }
    }
  }

  @Test("a packed dump is unpacked no further than its disk could take") func packedDumpUnpacked() throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      try makeGuest(scratch("ext"), in: scratch)
      let dump = scratch("dump")
      let exported = try attack.script("export", ["-i", "old.example.com", "-b", scratch("ext")], output: dump)
      #expect(exported.isSuccess, "\(exported.text)")
      try shell(
        "cat '\(dump)' | gzip >'\(scratch("whole"))'; head -c 400M /dev/zero | cat '\(dump)' - | gzip >'\(scratch("long"))'"
      )
      #expect(try attack.guestsmith("dump", "list", scratch("whole")).isSuccess)
      let listed = try attack.guestsmith("dump", "list", scratch("long"))
      #expect(listed.fault == nil)
      #expect(listed.text.contains("long unpacks to more than"), "\(listed.text)")
    }
  }

  @Test("a file that is a hole of terabytes is compared and extracted without reading it") func fileHoleTerabytes()
    throws
  {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      try shell(
        "mkdir '\(scratch("tree"))'; truncate -s 4T '\(scratch("tree"))/hole'; echo end >>'\(scratch("tree"))/hole'")
      try makeGuest(scratch("ext"), options: "-b 4096", in: scratch)
      for dump in ["one", "other"] {
        let exported = try attack.script(
          "export", ["-i", "old.example.com", "-b", scratch("ext")], output: scratch("\(dump).dump"))
        #expect(exported.isSuccess, "\(exported.text)")
      }
      let compared = try attack.guestsmith("dump", "diff", scratch("one.dump"), scratch("other.dump"))
      #expect(compared.isSuccess, "\(compared.text)")
      let extracted = try attack.guestsmith("dump", "extract", scratch("one.dump"), "/hole", "--to", scratch.path)
      // As far as a limit of 256 MiB for each file allows.
      #expect(extracted.fault == nil || "\(extracted.status)".contains("256 MiB"), "\(extracted.text)")
    }
  }

  /// A guest of 8 MiB, with the files that are in the folder `tree`.
  private func makeGuest(_ path: String, options: String = "-b 1024", in scratch: Scratch) throws {
    let tree = scratch("tree")
    try shell("mkdir -p '\(tree)/etc'; echo 'root:x:0:0:root:/root:/bin/sh' >'\(tree)/etc/passwd'")
    try makeSparseFile(path, size: 8 << 20)
    try shell("mke2fs -q -F -t ext4 \(options) -d '\(tree)' '\(path)'")
  }

  /// A folder that maps 16 million times one block, by its triple indirect ones; e2fsck reads it as often.
  private func endlessFilesystem(in scratch: Scratch) throws -> [UInt8] {
    let path = scratch("ext3.img")
    try shell(
      "mkdir -p '\(scratch("tree"))/d'; cd '\(scratch("tree"))/d'; touch $(seq -f 'a name of a file %g' 300 | tr ' ' _)"
    )
    try makeSparseFile(path, size: 8 << 20)
    try shell(
      "mke2fs -q -F -t ext3 -b 1024 -I 128 -N 512 -d '\(scratch("tree"))' '\(path)'; e2fsck -fyD '\(path)' || true")
    var image = ExtImage(try readFile(path))
    let folder = try #require(
      image.usedInodes.last { image.mode($0) & 0o170000 == 0o040000 && image.number(image.inode($0) + 4, 4) > 10000 })
    let data = UInt64(image.blocks(folder)[1])
    let end = image.bytes.count / image.blockSize
    let tables = [end - 10, end - 11, end - 12]
    for (table, target) in zip(tables, [UInt64(tables[1]), UInt64(tables[2]), data]) {
      for index in 0..<256 { image.put(target, at: table * image.blockSize + 4 * index, 4) }
    }
    let inode = image.inode(folder)
    // Neither an index nor extents.
    image.put(UInt64(image.number(inode + 32, 4) & ~0x81000), at: inode + 32, 4)
    for index in 0..<12 { image.put(data, at: inode + 40 + 4 * index, 4) }
    for (index, table) in tables.reversed().enumerated() { image.put(UInt64(table), at: inode + 88 + 4 * index, 4) }
    image.put(0xFFFF_FC00, at: inode + 4, 4)
    return image.bytes
  }
}
