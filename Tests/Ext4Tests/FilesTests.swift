// SPDX-License-Identifier: Apache-2.0
import Ext4
import Glibc
import LinuxIO
import Report
import Storage
import TestSupport
import Testing

@Suite("Files in a filesystem that is not mounted")
struct FilesTests {
  /// Runs `body` on a filesystem that mke2fs made of a folder, and lets e2fsck judge what it leaves.
  private func withFilesystem(
    _ options: String = "-t ext4", tree: String = "mkdir etc", _ body: (borrowing Filesystem) throws -> Void,
    then: (String) throws -> Void = { _ in }
  ) throws {
    try withScratch { scratch in
      let folder = try scratch.folder("tree")
      try shell("cd '\(folder)' && \(tree)")
      let image = try makeSparseFile(scratch("image"), size: 32 << 20)
      try shell("mke2fs -q \(options) -d '\(folder)' '\(image)'")
      do {
        let file = try Descriptor(image, O_RDWR)
        let filesystem = try Filesystem(
          opening: Region(of: file), writable: true)
        try body(filesystem)
        try filesystem.commit()
      }
      let problem = try problems(of: image)
      #expect(problem == nil)
      try then(image)
    }
  }

  private static let layouts = [
    "-t ext4", "-t ext3", "-t ext2", "-t ext4 -b 1024", "-t ext4 -O inline_data", "-t ext4 -O ^metadata_csum,^64bit",
  ]

  @Test(
    "A file in the filesystem's last block is rewritten and removed like any other",
    arguments: [
      ("-t ext4 -b 1024", 5), ("-t ext4 -b 1024 -O ^metadata_csum", 5), ("-t ext3 -b 1024", 0),
      ("-t ext4 -b 4096 -O bigalloc,^has_journal -C 16384", 5),
    ])
  func lastBlock(options: String, word: Int) throws {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("image"), size: 32 << 20)
      try shell("mkdir '\(scratch("tree"))'; for name in a b; do echo $name >'\(scratch("tree"))'/$name; done")
      try shell("mke2fs -q \(options) -d '\(scratch("tree"))' '\(image)'")
      let size: UInt64 = options.contains("4096") ? 4096 : 1024
      for name in ["a", "b"] {
        // The first block of the last cluster.
        let last = (32 << 20) / size - (size == 4096 ? 4 : 1)
        try shell(
          """
          debugfs -w -R 'sif /\(name) block[\(word)] \(last)' '\(image)'; e2fsck -fy '\(image)' || true
          echo \(name) | dd of='\(image)' bs=\(size) seek=\(last) conv=notrunc status=none
          """)
        #expect(try problems(of: image) == nil)
        #expect(try shell("debugfs -R 'bmap /\(name) 0' '\(image)' 2>/dev/null") == "\(last)")
        let file = try Descriptor(image, O_RDWR)
        let filesystem = try Filesystem(
          opening: Region(of: file), writable: true)
        #expect(try filesystem.read("/\(name)") == Array("\(name)\n".utf8))
        if name == "a" {
          try filesystem.write("/a", [UInt8](repeating: 7, count: 5000))
          #expect(try filesystem.read("/a") == [UInt8](repeating: 7, count: 5000))
        } else {
          try filesystem.remove("/b")
        }
        try filesystem.commit()
        #expect(try problems(of: image) == nil)
      }
    }
  }

  @Test("What is written is read again, by us and by debugfs", arguments: layouts)
  func writes(layout: String) throws {
    let big = [UInt8]((0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) })
    try withFilesystem(layout) { filesystem in
      for (path, content) in [
        ("/etc/hostname", Array("vm1\n".utf8)), ("/new/folders/below/file", Array("x".utf8)), ("/big", big),
        ("/empty", []),
      ] as [(ByteString, [UInt8])] {
        try filesystem.write(path, content)
        try #expect(filesystem.read(path) == content)
      }
      try filesystem.write("/big", Array("short now\n".utf8))
      try filesystem.write("/etc/hostname", big)
      try #expect(filesystem.list("/") == ["big", "empty", "etc", "lost+found", "new"])
    } then: { image in
      try #expect(guestFile("/big", on: image) == "short now\n")
      try #expect(guestFile("/new/folders/below/file", on: image) == "x")
    }
  }

  @Test("A folder in one that has as many as it can is refused, and nothing is changed", arguments: [1, 65000])
  func fullOfFolders(links: Int) throws {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("image"), size: 32 << 20)
      try shell("mkdir -p '\(scratch("tree/etc"))'; mke2fs -q -t ext4 -d '\(scratch("tree"))' '\(image)'")
      try shell("debugfs -w -R 'sif /etc links_count \(links)' '\(image)' 2>/dev/null")
      do {
        let file = try Descriptor(image, O_RDWR)
        let filesystem = try Filesystem(
          opening: Region(of: file), writable: true)
        do throws(Failure) {
          try filesystem.write("/etc/new/file", Array("x".utf8))
          Issue.record("it was made")
        } catch {
          #expect(error.message.contains("one folder too many"), "\(error)")
        }
      }
      try shell("debugfs -w -R 'sif /etc links_count 2' '\(image)' 2>/dev/null")
      #expect(try problems(of: image) == nil)
    }
  }

  @Test("A written file keeps its owner, mode and other names", .enabled(if: isRoot), arguments: layouts)
  func keeps(layout: String) throws {
    try withFilesystem(
      layout, tree: "echo a > f && ln f g && chown 12:345678 f && chmod 4751 f"
    ) { filesystem in
      try filesystem.write("/f", Array("other".utf8))
    } then: { image in
      try withMounted(image) { place in
        try #expect(shell("stat -c '%a %u %g %h' '\(place)/f'") == "4751 12 345678 2")
        try #expect(shell("cat '\(place)/g'") == "other")
      }
    }
  }

  @Test("What is encrypted is neither read nor written, and gets no plain names")
  func encrypted() throws {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("image"), size: 32 << 20)
      try shell(
        """
        cd '\(scratch.path)' && mkdir -p tree/etc tree/secret && echo a > tree/etc/hosts
        mke2fs -q -t ext4 -b 4096 -O encrypt -d tree image
        printf 'sif /etc/hosts flags 0x80800\\nsif /secret flags 0x80800\\n' | debugfs -w -f - image
        """)
      let file = try Descriptor(image, O_RDWR)
      let filesystem = try Filesystem(opening: Region(of: file), writable: true)
      for work in [
        { _ = try filesystem.read("/etc/hosts") }, { try filesystem.write("/etc/hosts", [1]) },
        { try filesystem.write("/secret/new", [1]) }, { try filesystem.link("/secret/new", to: "x") },
      ] as [() throws -> Void] {
        let failure = #expect(throws: Failure.self) { try work() }
        #expect(failure?.message.contains("encrypted") == true)
      }
    }
  }

  @Test("Links, absolute or with dots, lead nowhere but into the guest")
  func links() throws {
    try withScratch { host in
      let secret = try host.write("of the host", to: "secret")
      try withFilesystem(
        tree: """
          mkdir -p etc a && ln -s \(secret) etc/hostname && ln -s ../../../../../../../..\(secret) a/up \
          && ln -s /a/../../etc etc2 && echo inside > etc/file && ln -s loop2 loop1 && ln -s loop1 loop2
          """
      ) { filesystem in
        try #expect(filesystem.read("/etc/hostname") == nil)
        try #expect(filesystem.read("/a/up") == nil)
        try #expect(filesystem.read("/etc2/file") == Array("inside\n".utf8))
        try #expect(filesystem.read("/loop1") == nil)
        try filesystem.write("/etc/hostname", Array("guest".utf8))
        try filesystem.write("/a/up", Array("guest".utf8))
        try filesystem.write("/loop1/below", Array("guest".utf8))
        try #expect(filesystem.kind(filesystem.find("/etc/hostname", followingLast: false)!) == .file)
      }
      try #expect(host.read("secret") == "of the host")
    }
  }

  @Test("Removing, linking and owners", .enabled(if: isRoot), arguments: layouts)
  func removes(layout: String) throws {
    try withFilesystem(layout, tree: "echo a > f && ln f g && echo b > h && ln -s f l && mkdir d") { filesystem in
      try filesystem.remove("/f")
      try filesystem.remove("/h")
      try filesystem.remove("/h")
      try filesystem.remove("/missing/h")
      try filesystem.link("/l", to: "/somewhere/else")
      try filesystem.link("/deep/l", to: ByteString(String(repeating: "x", count: 200)))
      try filesystem.write("/key", Array("k".utf8), mode: 0o600)
      try filesystem.setOwnerAndMode("/key", uid: 70000, gid: 5, mode: 0o640)
      #expect(throws: Failure.self) { try filesystem.remove("/d") }
      #expect(throws: Failure.self) { try filesystem.write("/d", []) }
    } then: { image in
      try withMounted(image) { place in
        try #expect(shell("ls '\(place)'") == "d\ndeep\ng\nkey\nl\nlost+found")
        try #expect(shell("stat -c '%a %u %g' '\(place)/key'") == "640 70000 5")
        try #expect(shell("readlink '\(place)/l'") == "/somewhere/else")
        try #expect(shell("stat -c %h '\(place)/g'") == "1")
      }
    }
  }

  @Test("A file above the limit is refused before it is read")
  func limit() throws {
    try withFilesystem(tree: "truncate -s 1T huge") { filesystem in
      let failure = #expect(throws: Failure.self) { try filesystem.read("/huge") }
      #expect(failure?.message.contains("1099511627776") == true)
    }
  }

  @Test("A full filesystem says so, and stays clean", .enabled(if: isRoot))
  func full() throws {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("image"), size: 1 << 20)
      try shell("mke2fs -q -t ext2 '\(image)'")
      let file = try Descriptor(image, O_RDWR)
      let filesystem = try Filesystem(opening: Region(of: file), writable: true)
      let failure = #expect(throws: Failure.self) {
        try filesystem.write("/big", [UInt8](repeating: 1, count: 2 << 20))
      }
      #expect(failure?.code == .space)
    }
  }

  @Test(
    "Another UUID leaves a filesystem clean and its features as they were",
    arguments: layouts + ["-t ext4 -O metadata_csum_seed", "-t ext4 -O ^metadata_csum,uninit_bg"])
  func identity(layout: String) throws {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("image"), size: 32 << 20)
      try shell(
        """
        cd '\(scratch.path)' && mkdir -p tree/many && for i in $(seq 500); do echo $i > tree/many/file-$i; done
        mke2fs -q \(layout) -d tree image
        """)
      let features = try features(of: image)
      var uuids: Set<String> = [try #require(try tag("UUID", of: image))]
      for _ in 0..<3 {
        let file = try Descriptor(image, O_RDWR)
        let filesystem = try Filesystem(opening: Region(of: file), writable: true)
        let uuid = filesystem.renewUUID()
        filesystem.setLabel("guest")
        try filesystem.write("/etc/hostname", Array("vm1".utf8))
        try filesystem.commit()
        try #expect(tag("UUID", of: image) == uuid.description)
        try #expect(tag("LABEL", of: image) == "guest")
        #expect(uuids.insert(uuid.description).inserted)
        let problem = try problems(of: image)
        #expect(problem == nil)
      }
      #expect(try self.features(of: image) == features)
    }
  }

  private func features(of image: String) throws -> String {
    try shell("dumpe2fs -h '\(image)' 2>/dev/null | grep -a '^Filesystem features'")
  }

  @Test(
    "While it is changed the disk says so, so that a cut leads to a check, or has no superblock",
    arguments: [true, false])
  func changing(isShared: Bool) throws {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("image"), size: 16 << 20)
      try shell("mke2fs -q -t ext4 '\(image)'")
      do {
        let file = try Descriptor(image, O_RDWR)
        let filesystem = try Filesystem(opening: Region(of: file), writable: true, isShared: isShared)
        try filesystem.beginChanging()
        let state = try shell("dumpe2fs -h '\(image)' 2>/dev/null | grep state || true")
        #expect(isShared ? state.contains("not clean") : state.isEmpty)
        try filesystem.write("/file", [1])
        try filesystem.commit()
      }
      let problem = try problems(of: image)
      #expect(problem == nil)
    }
  }
}
