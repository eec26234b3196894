// SPDX-License-Identifier: Apache-2.0
import Ext4
import Glibc
import Images
import LinuxIO
import Report
import Storage
import TestSupport
import Testing

@Suite("Filling an image from an archive")
struct TarPopulationTests {
  /// A tree with everything that a tar can hold of a guest, packed by GNU tar.
  private struct Archive {
    let tar: String
    let tree: Tree
  }

  private static let rich: Result<Archive, any Error> = Result {
    let scratch = Scratch(path: try sharedScratch().folder("rich"))
    let tree = try scratch.folder("tree")
    try plantOddNames(in: tree + "/odd")
    try shell(
      """
      cd '\(tree)'
      mkdir -p etc usr/bin var/empty srv/acl many dev
      grep -E '^(root|games):' /etc/passwd > etc/passwd
      echo hello > etc/hostname; ln etc/hostname etc/hostname.hard; ln etc/hostname usr/hard
      ln -s /etc/hostname absolute; ln -s ../etc/hostname usr/relative
      ln -s "$(printf 'x%.0s' $(seq 300))" long-link
      mknod dev/null c 1 3; mknod dev/loop b 7 300; mknod dev/big c 300 70000; mkfifo dev/fifo
      head -c 300000 /dev/urandom > usr/random; : > usr/empty
      truncate -s 5M usr/hole; printf middle | dd of=usr/hole bs=1 seek=2000000 conv=notrunc status=none
      truncate -s 3M usr/only-hole
      cp /bin/true usr/bin/ping; setcap cap_net_raw+ep usr/bin/ping
      chmod 4755 usr/bin/ping; setcap cap_net_raw+ep usr/bin/ping
      setfattr -n user.note -v "$(printf 'n%.0s' $(seq 900))" etc/hostname
      setfacl -m u:1234:rw,g:77:r srv/acl; setfacl -d -m u:5:rwx srv/acl; setfacl -m u:9999:r usr/random
      chown 1000:4000000 usr/random; chmod 1777 var/empty; chmod 000 usr/empty
      touch -d '1999-12-31 23:59:58.123456789' etc/hostname; touch -d '2040-02-03 04:05:06' usr/empty
      touch -d '1969-05-05' usr/hole
      for i in $(seq 1500); do : > "many/a-file-with-a-rather-long-name-to-fill-blocks-$i"; done
      echo x > 'etc/F\u{151}tan\u{fa}s\u{ed}tv\u{e1}ny .crt'
      touch -d '2001-02-03 04:05:06' etc many usr .
      tar --create --file ../tree.tar --xattrs --xattrs-include='*' --acls --sparse --format=pax --numeric-owner .
      """)
    return Archive(tar: scratch("tree.tar"), tree: try Tree(ofArchive: scratch("tree.tar")))
  }

  private func populated(_ scratch: Scratch, _ tar: String, _ options: FilesystemOptions) throws -> PopulatedImage {
    let steps = Steps(.quiet)
    return try steps.step("fill") {
      try populate(image: scratch("disk.img"), fromTar: tar, options: options, progress: $0)
    }
  }

  @Test(
    "The image's tree equals the archive's, and its checker finds nothing", .enabled(if: isRoot),
    arguments: FilesystemOptions.Kind.allCases, [1024, 4096] as [UInt32])
  func equalsArchive(kind: FilesystemOptions.Kind, blockSize: UInt32) throws {
    try withScratch { scratch in
      let archive = try Self.rich.get()
      let image = try populated(scratch, archive.tar, FilesystemOptions(kind: kind, blockSize: blockSize))
      let problem = try problems(of: scratch("disk.img"))
      #expect(problem == nil)
      #expect(image.files > 1500)
      let differences = try withMounted(scratch("disk.img")) {
        try Tree(of: $0).differences(from: archive.tree, allowed: ["lost+found"])
      }
      #expect(differences == [])
    }
  }

  @Test(
    "Copying the used extents and growing gives a clean filesystem with the same tree", .enabled(if: isRoot),
    arguments: FilesystemOptions.Kind.allCases, [1024, 4096] as [UInt32])
  func growsTo(kind: FilesystemOptions.Kind, blockSize: UInt32) throws {
    let sizes: [UInt64] = kind == .ext4 ? (blockSize == 1024 ? [200 << 30] : [1 << 40, 15 << 40]) : []
    try withScratch { scratch in
      let archive = try Self.rich.get()
      let options = FilesystemOptions(kind: kind, blockSize: blockSize, label: "root")
      let image = try populated(scratch, archive.tar, options.ofImage)
      for (size, zeroed) in [((3 << 30) + 12345 * 512, true), (3 << 30, false)] + sizes.map({ ($0, true) }) {
        try deploy(image, scratch, options, size: size, zeroed: zeroed, expecting: archive.tree)
        try shell("rm '\(scratch("target.img"))'")
      }
    }
  }

  /// Copies the image to a disk as create does, and lets e2fsck, blkid and the kernel judge it.
  private func deploy(
    _ image: PopulatedImage, _ scratch: Scratch, _ options: FilesystemOptions, size: UInt64, zeroed: Bool,
    expecting archive: Tree
  ) throws {
    let target = try makeSparseFile(scratch("target.img"), size: size)
    let source = try Descriptor(scratch("disk.img"), O_RDONLY)
    let disk = try Descriptor(target, O_RDWR)
    if !zeroed {
      let noise = [UInt8](repeating: 0xA5, count: 1 << 20)
      for piece in 0..<(300 as UInt64) { try noise.withUnsafeBytes { try disk.writeAll($0, at: piece << 20) } }
    }
    var superblock = [UInt8](repeating: 0, count: 1024)
    for extent in image.usedExtents {
      var bytes = [UInt8](repeating: 0, count: Int(extent.length))
      try bytes.withUnsafeMutableBytes { _ = try source.readFull(into: $0, at: extent.offset) }
      if extent.offset <= 1024, extent.end >= 2048 {
        let range = Int(1024 - extent.offset)..<Int(2048 - extent.offset)
        superblock = Array(bytes[range])
        bytes.replaceSubrange(range, with: repeatElement(0, count: 1024))
      }
      try bytes.withUnsafeBytes { try disk.writeAll($0, at: extent.offset) }
    }
    var head = Withheld()
    head.hold(superblock, at: UInt64(Superblock.range.lowerBound))
    let filesystem = try Filesystem(opening: Region(of: disk), withheld: head, writable: true)
    let uuid = filesystem.renewUUID()
    filesystem.setLabel(options.label)
    filesystem.renewHashSeed()
    try filesystem.grow(to: size, options: options, zeroed: zeroed)
    try filesystem.write("/etc/hostname", Array("changed\n".utf8))
    try filesystem.write("/etc/new/deep/file", Array(repeating: 7, count: 70000))
    #expect(!isMountable(target), "the superblock comes last")
    try filesystem.commit()
    #expect(filesystem.size > size - (200 << 20))
    let problem = try problems(of: target)
    #expect(problem == nil, "\(options) \(size) zeroed: \(zeroed)")
    #expect(try tag("UUID", of: target) == uuid.description)
    #expect(try tag("TYPE", of: target) == options.kind.rawValue)
    let changed: Set<String> = [
      ".", "lost+found", "etc", "etc/hostname", "etc/hostname.hard", "usr/hard", "etc/new", "etc/new/",
    ]
    let differences = try withMounted(target, options: "rw") {
      try shell("echo written > \($0)/by-the-kernel; rm \($0)/by-the-kernel")
      return try Tree(of: $0).differences(from: archive, allowed: changed)
    }
    #expect(differences == [])
    let after = try problems(of: target)
    #expect(after == nil)
  }

  @Test(
    "A filesystem has the features that the guest's release reads, and keeps them on its disk", .enabled(if: isRoot),
    arguments: [
      ("bookworm", "metadata_csum metadata_csum_seed"), ("bullseye", "metadata_csum"), ("jammy", "metadata_csum"),
      ("xenial", "uninit_bg"), ("of-a-derivative", "metadata_csum"),
    ])
  func features(suite: String, checksums: String) throws {
    try withScratch { scratch in
      let archive = try Self.rich.get()
      let options = FilesystemOptions().readable(bySuite: suite)
      let image = try populated(scratch, archive.tar, options.ofImage)
      for path in [scratch("disk.img"), scratch("target.img")] {
        if path == scratch("target.img") {
          try deploy(image, scratch, options, size: 3 << 30, zeroed: true, expecting: archive.tree)
        }
        let features = try shell("dumpe2fs -h '\(path)' 2>/dev/null | sed -n 's/^Filesystem features: *//p'")
        let found = features.split(separator: " ").filter { $0.contains("csum") || $0 == "uninit_bg" }
        #expect(found.sorted().joined(separator: " ") == checksums, "\(path)")
        #expect(features.contains("64bit") && features.contains("extent"))
      }
    }
  }

  @Test(
    "Names stay bytes, whatever wrote the archive", .enabled(if: isRoot),
    arguments: [
      "tar -c --format=gnu .", "tar -c --format=pax .", "bsdtar -c --format=pax -f - .",
      "bsdtar -c --format=gnutar -f - .",
      "bsdtar -c --format=ustar -f - .", "LC_ALL=C.UTF-8 bsdtar -c --format=pax -f - .",
      "python3 -c 'import sys, tarfile; tarfile.open(fileobj=sys.stdout.buffer, mode=\"w|\", format=tarfile.PAX_FORMAT).add(\".\")'",
    ])
  func names(command: String) throws {
    try withScratch { scratch in
      let tree = try scratch.folder("tree")
      try plantOddNames(in: tree)
      if command.contains("ustar") {
        // It has no room for them.
        try shell(
          "cd '\(tree)'; find . -size 0 -o -size +0 | LC_ALL=C grep -aE '.{200}' | xargs -d '\\n' rm; rm long-link*")
      }
      try shell("cd '\(tree)'; \(command) > ../tree.tar")
      _ = try populated(scratch, scratch("tree.tar"), FilesystemOptions())
      let problem = try problems(of: scratch("disk.img"))
      #expect(problem == nil)
      let image = try withMounted(scratch("disk.img")) { try Tree(of: $0) }
      // Times and extended attributes are the format's matter.
      func named(_ tree: Tree) -> [ByteString: [ByteString]] {
        tree.entries.filter { $0.key != "lost+found" }.mapValues {
          ["\($0.type)", "\($0.mode)", $0.target, "\($0.digest)"] + $0.names
        }
      }
      #expect(try named(image) == named(Tree(of: tree)))
    }
  }

  @Test("A name that is too long for a file is refused, as is a link that leads nowhere")
  func longNames() throws {
    try withScratch { scratch in
      for (name, code) in [("long", "tarfile.TarInfo('x' * 300)"), ("empty", "tarfile.TarInfo('link')")] {
        try shell(
          """
          python3 -c "
          import tarfile, io
          t = tarfile.open('\(scratch(name))', 'w', format=tarfile.PAX_FORMAT)
          i = \(code)
          i.type = tarfile.SYMTYPE if '\(name)' == 'empty' else tarfile.REGTYPE
          t.addfile(i, io.BytesIO(b''))
          t.close()"
          """)
        #expect(throws: Failure.self) {
          _ = try Steps(.quiet).step("fill") {
            try populate(
              image: scratch("\(name).img"), fromTar: scratch(name), options: FilesystemOptions(), progress: $0)
          }
        }
      }
    }
  }

  @Test(
    "A file of many pieces and holes fits into the filesystem that is made for it",
    arguments: FilesystemOptions.Kind.allCases, [1024, 4096] as [UInt32])
  func holes(kind: FilesystemOptions.Kind, blockSize: UInt32) throws {
    try withScratch { scratch in
      // Each piece lies over the end of a block, and far from the next one.
      try shell(
        """
        cd '\(scratch.path)'
        mkdir tree
        python3 -c "
        with open('tree/pieces', 'wb') as file:
            for number in range(1, 3000):
                file.seek(number * (5 << 20) - 3)
                file.write(b'piece ')
        "
        tar -C tree --create --sparse --file tree.tar .
        """)
      let image = try populated(scratch, scratch("tree.tar"), FilesystemOptions(kind: kind, blockSize: blockSize))
      #expect(try problems(of: scratch("disk.img")) == nil)
      #expect(image.size < 400 << 20, "\(image.size)")
    }
  }

  @Test("An archive that leads out of the guest is refused")
  func refusesDotDot() throws {
    try withScratch { scratch in
      try scratch.write("x", to: "tree/x")
      try shell("cd '\(scratch.path)' && tar -cPf bad.tar --transform 's,^tree/x,../../x,' tree/x")
      #expect(throws: Failure.self) { try populated(scratch, scratch("bad.tar"), FilesystemOptions()) }
    }
  }
}
