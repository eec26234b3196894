// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension EndToEnd {
  /// Reinstallations of small guests that boot nowhere, by what reinstall_keep names.
  @Suite("What a reinstallation keeps")
  struct Reinstallations {
    private struct Bench {
      let scratch: Scratch
      let definition: EnvironmentDefinition
      let disk: String

      func reinstall(keeping patterns: String?) throws -> Outcome {
        var instance = EnvironmentDefinition.instance("vm1.example.com", disks: [disk])
        instance["INSTANCE_REINSTALL"] = "1"
        instance["OSP_REINSTALL_KEEP"] = patterns
        return try definition.call("create", instance)
      }
    }

    private func withGuest(
      _ options: String = "-t ext4", mount: String = "rw", fill: String = "", _ body: (Bench) throws -> Void
    ) throws {
      try withScratch { scratch in
        let disk = try makeSparseFile(scratch("disk.img"), size: roomy)
        try shell("mke2fs -q -F \(options) '\(disk)'")
        if !fill.isEmpty {
          try withMounted(disk, options: mount) { root in
            try plantOddNames(in: root + "/srv/odd")
            try succeeded(bash("set -e; cd '\(root)'; \(fill)"))
          }
        }
        try body(Bench(scratch: scratch, definition: try EnvironmentDefinition(in: scratch), disk: disk))
      }
    }

    private static let tree = """
      mkdir -p srv/www/deep/er srv/acl etc/ssh
      for i in $(seq 2000); do echo $i > "srv/www/a-file-with-a-rather-long-name-to-fill-blocks-$i"; done
      ln -s index.html srv/www/home; ln -s /etc/passwd srv/www/absolute; ln -s / srv/www/loop
      ln srv/www/a-file-with-a-rather-long-name-to-fill-blocks-1 srv/www/deep/er/hard
      mknod srv/www/null c 1 3; mknod srv/www/big b 259 70000; mkfifo srv/www/fifo
      python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("srv/www/socket")'
      head -c 3000000 /dev/urandom > srv/www/random; : > srv/www/empty; truncate -s 1T etc/ssh/ssh_host_hole
      truncate -s 5M srv/www/middle; printf middle | dd of=srv/www/middle bs=1 seek=2000000 conv=notrunc status=none
      fallocate -l 3M srv/www/allocated
      cp /bin/true srv/www/ping; chmod 4755 srv/www/ping; setcap cap_net_raw+ep srv/www/ping
      setfattr -n user.note -v "$(printf 'n%.0s' $(seq 900))" srv/www/random
      setfacl -m u:1234:rw,g:77:r srv/acl; setfacl -d -m u:5:rwx srv/acl; setfacl -m u:9999:r srv/www/random
      chown 4242:4000000 srv/www/random; chmod 1777 srv/www; chmod 000 srv/www/empty; chown -h 7:8 srv/www/home
      touch -d '1999-12-31 23:59:58.123456789' srv/www/random; touch -d '2040-02-03 04:05:06' srv/www/empty
      echo key > etc/ssh/ssh_host_ed25519_key; chmod 600 etc/ssh/ssh_host_ed25519_key; echo gone > etc/gone
      find srv -type d -exec touch -d '2024-05-06 07:08:09.5' {} +
      chattr +A srv/www/deep; chattr +i srv/www/random; chattr +a srv/www/empty
      """

    @Test(
      "It keeps files of every kind as they were, whatever their names, and the rest goes",
      .enabled(if: isRoot, "needs root"),
      arguments: ["-t ext4", "-t ext4 -b 1024 -O inline_data", "-t ext3", "-t ext2 -I 128"])
    func everything(options: String) throws {
      // Only extents are allocated without being written, and reach 1 TiB; inodes of 128 bytes have whole seconds of 32 bits.
      var fill = Self.tree
      if !options.contains("ext4") {
        fill = fill.replacing("fallocate -l", with: "truncate -s").replacing("1T", with: "3G")
      }
      if options.contains("128") {
        fill = fill.replacing("2040", with: "2030").replacing(".123456789", with: "").replacing("09.5", with: "09")
      }
      try withGuest(options, fill: fill) { bench in
        let before = try withMounted(bench.disk) { (try Tree(of: "\($0)/srv"), try flags(below: $0)) }
        try succeeded(bench.reinstall(keeping: "/srv/* /etc/ssh/ssh_host_* /no/such"))
        #expect(try problems(of: bench.disk) == nil)
        let after = try withMounted(bench.disk) { root in
          let size = fill.contains("1T") ? 1 << 40 : 3 << 30
          #expect(
            try shell("cd '\(root)/etc/ssh'; cat ssh_host_ed25519_key; stat -c '%n %a %s %b' ssh_host*")
              == "key\nssh_host_ed25519_key 600 4 8\nssh_host_hole 644 \(size) 0")
          #expect(try shell("stat -c %b '\(root)/srv/www/middle'") == "8")
          #expect(try bash("test -e '\(root)/etc/gone'").status == 1)
          return (try Tree(of: "\(root)/srv"), try flags(below: root))
        }
        #expect(after.0.differences(from: before.0, allowed: ["."]) == [])
        #expect(after.1 == before.1)
        #expect(try guestFile("/etc/hostname", on: bench.disk) == "vm1\n")
      }
    }

    private func flags(below root: String) throws -> String {
      try shell("cd '\(root)'; lsattr -d srv/www/deep srv/www/random srv/www/empty | tr -d 'eN-'")
    }

    @Test(
      "A pattern is bytes too, names files in whatever order, and each is kept once", .enabled(if: isRoot, "needs root")
    )
    func patterns() throws {
      try withGuest(
        fill: "mkdir -p srv/www/.hidden; echo x > srv/www/.hidden/x; echo y > srv/www/y; ln -s www srv/other"
      ) {
        bench in
        let patterns: [UInt8] =
          Array("/srv/odd/caf".utf8) + [0xE9] + Array(" /srv/odd/folde?".utf8) + [0xE8]
          + Array(" /srv/www/y /srv/ww? /srv/other".utf8)
        try succeeded(bench.reinstall(keeping: String(argument: patterns)))
        #expect(try problems(of: bench.disk) == nil)
        try withMounted(bench.disk) { root in
          let found = try shell(
            "cd '\(root)/srv'; LC_ALL=C find . -mindepth 1 | LC_ALL=C sort | LC_ALL=C sed -n l; readlink other")
          #expect(
            found == #"""
              ./odd$
              ./odd/caf\351$
              ./odd/folder\350$
              ./odd/folder\350/folder\350$
              ./other$
              ./www$
              ./www/.hidden$
              ./www/.hidden/x$
              ./www/y$
              www
              """#)
        }
      }
    }

    /// What cannot be kept: how mke2fs makes the guest, what is put into it, what is kept, the failure and its words.
    private static let refused: [(String, String, String, Failure.Code, String)] = [
      (
        "-t ext4 -O ea_inode", "setfattr -n user.x -v $(printf 'n%.0s' $(seq 9000)) srv/odd/K", "/srv", .invalid,
        "'/srv/odd/K'"
      ),
      ("-t ext4", "fallocate -l 1300M srv/large", "/srv", .device, "has room for"),
      ("-t ext4", "mkdir etc; echo x > etc/apt", "/etc/apt", .invalid, "in the new guest it is one"),
      (
        "-t ext4", "mkdir -p etc/passwd; echo x > etc/passwd/x", "/etc/passwd/x", .invalid,
        "'/etc/passwd' is not a folder"
      ),
      ("-t ext4", "mkdir data; echo x > data/x; ln -s ../data srv/www", "/srv/ww?", .invalid, "is a link to '../data'"),
      ("-t ext4", "ln -s odd srv/link", "/srv/link/K /srv/odd /srv/link", .invalid, "reached by the link '/srv/link'"),
    ]

    @Test(
      "What cannot be kept as it is, is refused before the disk is touched", .enabled(if: isRoot, "needs root"),
      arguments: 0..<refused.count)
    func refusals(index: Int) throws {
      let (options, fill, keep, code, words) = Self.refused[index]
      try withGuest(options, fill: fill) { bench in
        try expectRefusal(bench, keeping: keep, code, words)
      }
    }

    /// A folder with a policy of fscrypt, version 2, and a key that the kernel knows.
    private static let encrypting = #"""
      mkdir srv/secret; python3 - <<'EOF'
      import fcntl, os, struct
      key = bytearray(struct.pack('<II32xII32x', 2, 0, 64, 0) + bytes(range(64)))
      fcntl.ioctl(os.open('.', os.O_RDONLY), 0xC0506617, key)
      policy = struct.pack('<BBBBB3x16s', 2, 1, 4, 0x0b, 0, bytes(key[8:24]))
      fcntl.ioctl(os.open('srv/secret', os.O_RDONLY), 0x800c6613, bytearray(policy))
      open('srv/secret/name', 'w').write('content')
      EOF
      """#

    @Test("An encrypted folder is refused", .enabled(if: isRoot, "needs root"))
    func encrypted() throws {
      try withGuest("-t ext4 -O encrypt,stable_inodes", fill: Self.encrypting) { bench in
        #expect(try problems(of: bench.disk) == nil)
        try expectRefusal(bench, keeping: "/srv", .invalid, "'/srv/secret' in the guest is encrypted")
      }
    }

    @Test(
      "A folder of a project, or whose names have no case, is refused",
      arguments: [
        ("project", "projid 5", "belongs to the project 5"), ("casefold", "flags 0x40080000", "upper and lower case"),
      ])
    func flagged(feature: String, field: String, words: String) throws {
      try withScratch { scratch in
        let tree = try scratch.folder("tree/srv/flagged")
        // This machine's kernel need not know such a filesystem.
        try withGuest("-t ext4 -O \(feature) -d '\(tree)/../..'") { bench in
          try shell("debugfs -w -R 'set_inode_field /srv/flagged \(field)' '\(bench.disk)' 2>/dev/null")
          #expect(try problems(of: bench.disk) == nil)
          try expectRefusal(bench, keeping: "/srv", .invalid, words)
        }
      }
    }

    @Test(
      "A damaged filesystem is refused, whatever is to be kept", .enabled(if: isRoot, "needs root"),
      arguments: ["", "superblock"])
    func damaged(place: String) throws {
      try withGuest(fill: "echo x > srv/x") { bench in
        if place.isEmpty {
          try shell("debugfs -w -R 'clri /srv' '\(bench.disk)' 2>/dev/null")
        } else {
          try shell("printf xxxx | dd of='\(bench.disk)' bs=1 seek=1200 conv=notrunc status=none")
        }
        let before = try digest(of: bench.disk)
        for keep in ["/srv", nil] {
          let outcome = try bench.reinstall(keeping: keep)
          #expect(
            outcome.status == Failure.Code.guest.rawValue && outcome.errors.contains("reinstall_keep"), "\(outcome)")
          #expect(try digest(of: bench.disk) == before)
        }
        try succeeded(bench.reinstall(keeping: ""))
        #expect(try problems(of: bench.disk) == nil)
      }
    }

    @Test(
      "Of another filesystem nothing can be kept: it is refused where that was asked for, and noted where it was not")
    func others() throws {
      try withGuest { bench in
        try shell("mkswap -q '\(bench.disk)'")
        try expectRefusal(bench, keeping: "/srv", .guest, "holds swap")
        let outcome = try bench.reinstall(keeping: nil)
        try succeeded(outcome)
        #expect(outcome.errors.contains("no files are kept of what was on \(bench.disk): it holds swap"), "\(outcome)")
        try shell("truncate -s 0 '\(bench.disk)'; truncate -s \(roomy) '\(bench.disk)'")
        try succeeded(bench.reinstall(keeping: "/srv"))
      }
    }

    private func expectRefusal(
      _ bench: Bench, keeping keep: String, _ code: Failure.Code, _ words: String,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let before = try digest(of: bench.disk)
      let outcome = try bench.reinstall(keeping: keep)
      #expect(
        outcome.status == code.rawValue && outcome.errors.contains(words), "\(outcome)", sourceLocation: sourceLocation)
      #expect(try digest(of: bench.disk) == before, sourceLocation: sourceLocation)
    }
  }
}
