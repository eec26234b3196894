// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

extension EndToEnd {
  @Suite("The life of a guest by the environment of Ganeti 3.0")
  struct EnvironmentCalls {
    private static let name = "vm1.example.com"

    /// Disks of an instance: a root, and two of these sizes in MiB.
    private func makeDisks(_ prefix: String, in scratch: Scratch, root: UInt64 = roomy, _ sizes: [UInt64]) throws
      -> [String]
    {
      try ([root] + sizes.map { $0 << 20 }).enumerated().map { index, size in
        try makeSparseFile(scratch("\(prefix)\(index)"), size: size)
      }
    }

    private func transfer(_ way: String, _ index: Int, _ path: String) -> [String: String] {
      ["\(way)_INDEX": "\(index)", "\(way)_DEVICE": path, "\(way)_DISK_PATH": path, "EXP_SIZE_FD": "11"]
    }

    @Test(
      "Root, swap and data: created, exported and imported disk by disk at the same time, renamed",
      .enabled(if: isRoot, "needs root"))
    func roundTrip() throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch)
        let first = try makeDisks("first", in: scratch, [64, 96])
        let parameters = ["OSP_DISK_1": "swap", "OSP_DISK_2": "data:/srv/data", "OSP_ADDRESS": "static"]
        let instance = EnvironmentDefinition.instance(Self.name, disks: first).merging(parameters) { $1 }
        try succeeded(definition.call("create", instance))
        try expectGuest(Self.name, on: first[0], swap: first[1])
        #expect(try problems(of: first[2]) == nil)
        let data = try #require(try tag("UUID", of: first[2]))
        let table = try #require(try guestFile("/etc/fstab", on: first[0]))
        #expect(table.contains("UUID=\(data)\t/srv/data\text4\t"))
        #expect(try shell("debugfs -R 'stat /srv/data' '\(first[0])' 2>/dev/null").contains("Type: directory"))
        let network = try #require(try guestFile("/etc/systemd/network/10-guestsmith.network", on: first[0]))
        #expect(network.contains("Address=198.51.100.21/25\nGateway=198.51.100.1\n"))
        try withMounted(first[2], options: "rw") { _ = try shell("head -c 1234567 /dev/urandom > '\($0)/file'") }

        try sideBySide(0..<3) { index in
          let words = instance.merging(transfer("EXPORT", index, first[index])) { $1 }
          return (definition, "export", words, "> '\(scratch("dump\(index)"))' 11> '\(scratch("size\(index)"))'")
        }
        for index in 0..<3 {
          let said = try #require(Double(scratch.read("size\(index)").dropLast()))
          let size = try #require(Double(shell("stat -c %s '\(scratch("dump\(index)"))'")))
          #expect(abs(said - size) < max(0.1 * size, 4096), "disk \(index): \(said) said, \(size) written")
        }

        let second = try makeDisks("second", in: scratch, root: roomy + (1 << 30), [128, 96])
        let copy = EnvironmentDefinition.instance("vm2.example.com", disks: second)
        try sideBySide(0..<3) { index in
          let words = copy.merging(transfer("IMPORT", index, second[index])) { $1 }
          return (definition, "import", words, "< '\(scratch("dump\(index)"))' 11> /dev/null")
        }
        try expectGuest("vm2.example.com", on: second[0], swap: second[1])
        #expect(try digest(of: second[2]) == digest(of: first[2]))
        #expect(try tag("UUID", of: second[1]) == tag("UUID", of: first[1]), "the swap is the one that fstab names")
        #expect(try shell("swaplabel '\(second[1])'").contains("UUID"))
        #expect(try guestFile("/etc/fstab", on: second[0])?.contains("UUID=\(data)\t/srv/data\t") == true)

        let renamed = EnvironmentDefinition.instance("vm3.example.com", disks: second)
          .merging(["OLD_INSTANCE_NAME": "vm2.example.com"]) { $1 }
        try succeeded(definition.call("rename", renamed))
        try expectGuest("vm3.example.com", on: second[0], swap: second[1])
        #expect(
          try shell("find '\(scratch("os"))' -newer '\(scratch("dump0"))' -type f") == "", "nothing is left behind")
      }
    }

    /// Makes calls side by side, and fails when one does.
    private func sideBySide(
      _ indices: Range<Int>,
      _ call: (Int) -> (EnvironmentDefinition, script: String, [String: String], redirections: String)
    ) throws {
      let calls = indices.map { index in
        let (definition, script, variables, redirections) = call(index)
        return "(\(definition.line(script, variables)) \(redirections)) & pids=\"$pids $!\"\n"
      }
      try succeeded(bash(calls.joined() + "for pid in $pids; do wait $pid || exit 1; done"))
    }

    @Test("A disk with any contents survives a round trip, whatever it is")
    func anyContents() throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch)
        for (name, script) in [
          ("nothing", "true"),
          ("noise", "dd if=/dev/urandom of=$DISK bs=1000 count=777 seek=5 conv=notrunc status=none"),
          ("partitions", "echo ',10M' | sfdisk -q $DISK"), ("ext2", "mke2fs -q -F -t ext2 -d /etc/apt $DISK"),
        ] {
          let disk = try makeSparseFile(scratch("disk-\(name)"), size: 64 << 20)
          try shell("DISK='\(disk)'; \(script)")
          let source = EnvironmentDefinition.instance(Self.name, disks: ["/nonexistent", disk])
            .merging(transfer("EXPORT", 1, disk)) { $1 }
          try succeeded(definition.call("export", source, "> '\(scratch("dump"))' 11>/dev/null"))
          let target = scratch("target")
          try shell("rm -f '\(target)'; openssl rand \(80 << 20) > '\(target)'")
          let copy = EnvironmentDefinition.instance(Self.name, disks: ["/nonexistent", target])
            .merging(transfer("IMPORT", 1, target)) { $1 }
          try succeeded(definition.call("import", copy, "< '\(scratch("dump"))' 11>/dev/null"))
          let same = try bash("cmp --bytes=\(64 << 20) '\(disk)' '\(target)'")
          #expect(same.status == 0, "\(name): \(same)")
          #expect(try shell("tail -c \(16 << 20) '\(target)' | tr -d '\\0' | wc -c") == "0")
        }
      }
    }

    @Test("Without compression the expected size is that of the dump to the byte")
    func exactSize() throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch, configuration: "compression = \"none\"\n")
        let disk = try template().disk
        let instance = EnvironmentDefinition.instance(Self.name, disks: [disk]).merging(transfer("EXPORT", 0, disk)) {
          $1
        }
        let outcome = try definition.call("export", instance, "11>'\(scratch("size"))' | wc -c")
        #expect(try scratch.read("size").filter { $0 != "\n" } == outcome.output.filter { $0 != "\n" }, "\(outcome)")
      }
    }

    @Test(
      "A reinstallation keeps the ssh host keys and the filesystem of a data disk", .enabled(if: isRoot, "needs root"))
    func reinstall() throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch)
        let disks = try makeDisks("disk", in: scratch, [64, 64])
        let parameters = ["OSP_DISK_1": "swap", "OSP_DISK_2": "data:/srv", "INSTANCE_REINSTALL": "1"]
        let instance = EnvironmentDefinition.instance(Self.name, disks: disks).merging(parameters) { $1 }
        let fresh = try definition.call("create", instance)
        try succeeded(fresh)
        #expect(fresh.errors.contains("no files are kept of what was on \(disks[0]): it holds nothing"))
        try withMounted(disks[0], options: "rw") { root in
          _ = try shell(
            """
            cd '\(root)'; printf key > etc/ssh/ssh_host_ed25519_key; chmod 600 etc/ssh/ssh_host_ed25519_key
            printf pub > etc/ssh/ssh_host_ed25519_key.pub; printf gone > etc/motd.mine
            mkdir -p opt/app/sub; printf data > opt/app/sub/file; chown -R 1234:99999 opt/app; ln -s / opt/app/loop
            """)
        }
        try withMounted(disks[2], options: "rw") { _ = try shell("printf precious > '\($0)/file'") }
        let keep = ["OSP_REINSTALL_KEEP": "/etc/ssh/ssh_host_* /opt/app,/no/such"]
        let again = try definition.call("create", instance.merging(keep) { $1 })
        try succeeded(again)
        #expect(again.errors.contains("keeps its ext4 filesystem"))
        try expectGuest(Self.name, on: disks[0], swap: disks[1])
        try withMounted(disks[0]) { root in
          let found = try shell(
            """
            cd '\(root)'; stat -c '%n %a %u:%g' etc/ssh/ssh_host_* opt/app opt/app/sub/file; cat opt/app/sub/file
            test ! -e etc/motd.mine; readlink opt/app/loop
            """)
          #expect(
            found == """
              etc/ssh/ssh_host_ed25519_key 600 0:0
              etc/ssh/ssh_host_ed25519_key.pub 644 0:0
              opt/app 755 1234:99999
              opt/app/sub/file 644 1234:99999
              data/
              """)
        }
        #expect(try guestFile("/file", on: disks[2]) == "precious")
        #expect(
          try guestFile("/etc/fstab", on: disks[0])?.contains("UUID=\(tag("UUID", of: disks[2]) ?? "?")\t/srv") == true)
      }
    }

    @Test("A disk without a role stays as it is, which is said", .enabled(if: isRoot, "needs root"))
    func untouched() throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch)
        let disks = try makeDisks("disk", in: scratch, [16, 16])
        try shell("echo precious > '\(disks[1])'; truncate -s 16M '\(disks[1])'")
        let before = try [traces(of: disks[1]), traces(of: disks[2])]
        let instance = EnvironmentDefinition.instance(Self.name, disks: disks)
          .merging(["OSP_DISK_2": "none", "DISK_1_ACCESS": "ro"]) { $1 }
        let outcome = try definition.call("create", instance)
        try succeeded(outcome)
        #expect(outcome.errors.contains("disk 1, \(disks[1]), stays as it is: disk_1 is not set"))
        #expect(!outcome.errors.contains("disk 2"))
        #expect(try [traces(of: disks[1]), traces(of: disks[2])] == before)
        #expect(try guestFile("/etc/fstab", on: disks[0])?.contains("swap") == false)
      }
    }

    @Test("What is configured of the second disk counts more than what a host of version 5 says of it")
    func version5() throws {
      try withScratch { scratch in
        for (configuration, type) in [("swap = false\n", nil), ("disk_1 = \"data:/srv\"\n", "ext4")] {
          let definition = try InstalledDefinition(in: scratch, configuration: configuration)
          let disks = try makeDisks("disk", in: scratch, [64])
          try succeeded(definition.create(Self.name, disks[0], disks[1]))
          #expect(try tag("TYPE", of: disks[1]) == type)
          #expect(try guestFile("/etc/fstab", on: disks[0])?.contains("swap") == false)
        }
      }
    }

    @Test("A disk that may not be written, or has only a URI, or is missing is refused before a byte is written")
    func refused() throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch)
        let disks = try makeDisks("disk", in: scratch, [64])
        let instance = EnvironmentDefinition.instance(Self.name, disks: disks)
        for (script, changes, code, words) in [
          ("create", ["DISK_0_ACCESS": "ro"], .device, "disk 0, \(disks[0]), is read-only for the instance"),
          ("create", ["DISK_1_ACCESS": "ro", "OSP_DISK_1": "swap"], .device, "disk 1, \(disks[1]), is read-only"),
          ("create", ["DISK_0_PATH": "", "DISK_0_URI": "kvm:rbd:a/b"], .device, "only the URI 'kvm:rbd:a/b'"),
          ("create", ["OSP_DISK_2": "data:/srv"], .invalid, "disk_2 is configured, but the instance has 2 disks"),
          ("create", ["DISK_1_PATH": disks[0], "OSP_DISK_1": "swap"], .device, "are the same disk"),
          (
            "rename", ["DISK_0_ACCESS": "ro", "OLD_INSTANCE_NAME": "old"], .device, "disk 0, \(disks[0]), is read-only"
          ),
          (
            "import", transfer("IMPORT", 1, disks[1]).merging(["DISK_1_ACCESS": "ro"]) { $1 }, .device,
            "disk 1, \(disks[1]), is read-only"
          ),
          ("export", ["EXPORT_INDEX": "0", "EXPORT_DISK_URI": "gluster:x"], .device, "only the URI 'gluster:x'"),
        ] as [(String, [String: String], Failure.Code, String)] {
          let outcome = try definition.call(script, instance.merging(changes) { $1 })
          #expect(outcome.status == code.rawValue && outcome.errors.contains(words), "\(script) \(changes): \(outcome)")
          #expect(try allocated(disks[0]) == 0 && allocated(disks[1]) == 0)
          #expect(outcome.errors.split(separator: "\n").count <= 20)
        }
      }
    }

    @Test("The value of a secret is in the guest, and in no log and no dump's description")
    func secrets() throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch)
        let disks = try makeDisks("disk", in: scratch, [])
        let hash = "$6$sesame$hunter2hunter2"
        let instance = EnvironmentDefinition.instance(Self.name, disks: disks)
          .merging(["OSP_ROOT_PASSWORD_HASH": hash, "DEBUG_LEVEL": "1"]) { $1 }
        let outcome = try definition.call("create", instance)
        try succeeded(outcome)
        #expect(try guestFile("/etc/shadow", on: disks[0])?.contains("root:\(hash):") == true)
        #expect(!outcome.errors.contains("hunter2") && !outcome.output.contains("hunter2"))
        for line in [
          "create vm1.example.com (5d2a9bd0-4f1c-4f5e-8b3a-000000000000), of guestsmith+default in \(definition.folder), "
            + "for fake", "parameters: root_password_hash", "disk 0: \(disks[0]), rw, 1.0 GiB, file by loop",
          "interface 0: aa:00:00:11:22:33, 198.51.100.21, bridged, br0, network lan, 198.51.100.0/25",
        ] {
          #expect(outcome.errors.split(separator: "\n").contains(Substring(line)), "\(line) in \(outcome.errors)")
        }
        let export = try definition.call(
          "export", instance.merging(transfer("EXPORT", 0, disks[0])) { $1 },
          "11>/dev/null | zstd -dc 2>/dev/null | tar -xO manifest.json")
        #expect(export.output.contains(Self.name) && !export.output.contains("hunter2"))
        #expect(!export.errors.contains("hunter2"))
      }
    }
  }
}
