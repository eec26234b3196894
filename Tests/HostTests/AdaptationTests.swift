// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Interface
import Report
import TestSupport
import Testing

/// Adapted definitions, called by the rules of the hosts that they are for.
@Suite struct AdaptationTests {
  private static let pairs = [5, 10, 15, 20].flatMap { from in [5, 10, 15, 20].map { (from, $0) } }

  @Test(
    "a definition of any version makes, moves and renames a guest for hosts of any other",
    .enabled(if: isRoot, "needs root"), arguments: pairs)
  func definitionAnyVersion(
    _ from: Int, _ to: Int
  ) throws {
    try withScratch { folder in
      let adapted = try AdaptedDefinition("\(examples)/tiny-\(from)", to: to, in: folder)
      #expect(adapted.definition.isValid, "\(adapted.definition.judgement)")
      #expect(adapted.definition.versions == (to == 5 ? [5] : [20, 15, 10].filter { $0 <= to }))
      let first = try adapted.instance("vm1.example.com", ["disk", "swap"])
      try adapted.run(.create(isReinstall: false), first)
      #expect(try problems(of: folder("disk")) == nil)
      #expect(try guestFile("/etc/hostname", on: folder("disk")) == "vm1.example.com\n")
      let before = try digest(of: folder("disk"))
      try adapted.export(first, to: "dump")
      #expect(try digest(of: folder("disk")) == before)
      let second = try adapted.instance("vm2.example.com", ["disk2", "swap2"])
      try adapted.import(second, from: "dump")
      #expect(try problems(of: folder("disk2")) == nil)
      #expect(try guestFile("/etc/hostname", on: folder("disk2")) == "vm2.example.com\n")
      let third = try adapted.instance("vm3.example.com", ["disk2", "swap2"])
      try adapted.run(.rename(from: second.name), third)
      #expect(try problems(of: folder("disk2")) == nil)
      #expect(try guestFile("/etc/hostname", on: folder("disk2")) == "vm3.example.com\n")
      if from == 5 || to == 5 { #expect(try tag("TYPE", of: folder("swap")) == "swap") }
      if to == 5 { #expect(try tag("TYPE", of: folder("swap2")) == "swap") }
      if to == 20 { try adapted.run(.verify, first) }
      #expect(try eventually { try loopDevices(of: folder) == "" })
    }
  }

  @Test(
    "a short dump and garbage are refused as the source refuses them", .enabled(if: isRoot, "needs root"),
    arguments: [(5, 20), (20, 5), (10, 20)])
  func shortDumpGarbage(_ from: Int, _ to: Int) throws {
    try withScratch { folder in
      let adapted = try AdaptedDefinition("\(examples)/tiny-\(from)", to: to, in: folder)
      let instance = try adapted.instance("vm1", ["disk", "swap"])
      try adapted.run(.create(isReinstall: false), instance)
      try adapted.export(instance, to: "dump")
      try shell("cd '\(folder.path)'; head -c 2000 dump > short; head -c 5000 /dev/urandom > garbage; : > empty")
      for dump in ["short", "garbage", "empty"] {
        let failure = #expect(throws: Failure.self, "\(dump)") { try adapted.import(instance, from: dump) }
        #expect(failure?.code == .script)
        #expect(try tag("TYPE", of: folder("disk")) == nil, "\(dump)")
      }
      #expect(try eventually { try loopDevices(of: folder) == "" })
    }
  }

  // MARK: Version 5 for hosts of later versions

  @Test(
    "a source of version 5 gets block devices, its folder, the mask of 1.2.6 and nothing by quotes",
    .enabled(if: isRoot, "needs root"))
  func sourceVersion5() throws {
    try withScratch { folder in
      let script = #"""
        [ -b "$4" ] && [ -b "$6" ] && echo devices
        echo "$# $1 $2 $3 $5 $(pwd) $(umask) $LC_ALL ${HOME-none}"
        blockdev --getsize64 "$4" "$6"
        """#
      try folder.define("source", in: "plain", scripts: ["create": script])
      try shell("cd '\(folder.path)'; mv plain \"a 'quoted' \\$(place)\"")
      let source = folder("a 'quoted' $(place)/source")
      let adapted = try AdaptedDefinition(source, to: 20, in: folder)
      try adapted.run(.create(isReinstall: false), try adapted.instance("vm1", ["disk", "swap"]))
      #expect(
        try shell("cat '\(folder("log/os"))'/add-*")
          == "devices\n6 -i vm1 -b -s \(source) 0022 C none\n\(24 << 20)\n\(4 << 20)")
      #expect(try eventually { try loopDevices(of: folder) == "" })
    }
  }

  @Test(
    "an instance with one disk gets swap that is gone when the script ends, even by a kill",
    .enabled(if: isRoot, "needs root"))
  func instanceOneDisk() throws {
    try withScratch { folder in
      let notes = "mkswap \"$6\" && losetup -nO BACK-FILE \"$6\" >> '\(folder("files"))'"
      let source = try folder.define("source", scripts: ["create": notes, "import": "\(notes); kill -9 $$"])
      let adapted = try AdaptedDefinition(source, to: 10, in: folder)
      let instance = try adapted.instance("vm1", ["disk"])
      try adapted.run(.create(isReinstall: false), instance)
      let failure = #expect(throws: Failure.self) { try adapted.import(instance, from: "disk") }
      #expect(failure?.message.contains("signal 9") == true, "\(failure?.message ?? "")")
      let files = try folder.read("files").split(separator: "\n")
      #expect(files.count == 2)
      let attached = try shell("losetup --list --noheadings --output BACK-FILE")
      for file in files {
        let path = file.prefix { $0 != " " }
        #expect(path.hasPrefix("/") && !attached.contains(path), "\(file)")
        #expect(access(String(path), F_OK) != 0)
      }
      #expect(try eventually { try loopDevices(of: folder) == "" })
    }
  }

  @Test("nothing on the other disks is lost", .enabled(if: isRoot, "needs root"))
  func nothingOtherDisks() throws {
    try withScratch { folder in
      let adapted = try AdaptedDefinition("\(examples)/tiny-5", to: 20, in: folder)
      let instance = try adapted.instance("vm1", ["disk", "swap", "data"])
      try shell("head -c 3000000 /dev/urandom | dd of='\(folder("data"))' conv=notrunc status=none")
      let data = try digest(of: folder("data"))
      try adapted.run(.create(isReinstall: false), instance)
      #expect(try digest(of: folder("data")) == data)
      for disk in 0..<3 { try adapted.export(instance, disk: disk, to: "dump\(disk)") }
      let other = try adapted.instance("vm2", ["disk2", "swap2", "data2"])
      for disk in 0..<3 { try adapted.import(other, disk: disk, from: "dump\(disk)") }
      #expect(try digest(of: folder("data2")) == data)
      #expect(try tag("UUID", of: folder("swap")) != nil)
      #expect(try tag("UUID", of: folder("swap2")) == tag("UUID", of: folder("swap")))
      try shell("cd '\(folder.path)'; head -c 40 dump1 > cut; cat dump1 dump1 > twice; : > nothing")
      for dump in ["cut", "twice", "nothing"] {
        #expect(throws: Failure.self) { try adapted.import(other, disk: 1, from: dump) }
      }
      try shell("cd '\(folder.path)'; head -c 2000000 dump2 > short; truncate -s 1M small")
      #expect(throws: Failure.self) { try adapted.import(other, disk: 2, from: "short") }
      // What is not a dump of swap is not dropped.
      let wrong = #expect(throws: Failure.self) { try adapted.import(other, disk: 1, from: "dump2") }
      #expect(wrong?.message.contains("not that of swap") == true)
      let small = try adapted.instance("vm2", ["disk2", "swap2", "small"])
      #expect(throws: Failure.self) { try adapted.import(small, disk: 2, from: "dump2") }
      #expect(try shell("stat -c %s '\(folder("small"))'") == "\(1 << 20)")
      #expect(try eventually { try loopDevices(of: folder) == "" })
    }
  }

  @Test(
    "a second disk that is not a swap is neither exported as swap nor overwritten by a reinstallation",
    .enabled(if: isRoot, "needs root"))
  func secondDiskNot() throws {
    try withScratch { folder in
      let adapted = try AdaptedDefinition("\(examples)/tiny-5", to: 20, in: folder)
      let instance = try adapted.instance("vm1", ["disk", "swap"])
      try adapted.run(.create(isReinstall: false), instance)
      try adapted.run(.create(isReinstall: true), instance)
      try shell(
        "mke2fs -q -F '\(folder("swap"))'; cd '\(folder.path)'; head -c 64 /dev/urandom > bytes; truncate -s 8M bytes")
      for second in ["swap", "bytes"] {
        let data = try digest(of: folder(second))
        let changed = try adapted.instance("vm1", ["disk", second])
        let export = #expect(throws: Failure.self) { try adapted.export(changed, disk: 1, to: "dump1") }
        #expect(export?.message.contains("disk 1 holds something else than swap") == true)
        let again = #expect(throws: Failure.self) { try adapted.run(.create(isReinstall: true), changed) }
        #expect(again?.message.contains("disk 1 holds something else than swap") == true)
        #expect(try digest(of: folder(second)) == data)
      }
    }
  }

  // MARK: Version 4

  @Test("a definition of version 4 gets the rename script of the manual") func definitionVersion4() throws {
    try withScratch { folder in
      let source = try folder.define("source", version: "4\n", scripts: ["create": "echo \"$*\""])
      try shell("rm '\(source)/rename' '\(source)/verify'")
      let adapted = try AdaptedDefinition(source, to: 5, in: folder)
      #expect(adapted.definition.isValid)
      #expect(try folder.read("os/adapted/rename") == "#!/bin/sh\n\nexit 0\n")
      let instance = try adapted.instance("vm1", ["disk", "swap"])
      try adapted.run(.create(isReinstall: false), instance)
      try adapted.run(.rename(from: instance.name), instance)
      #expect(
        try shell("cat '\(folder("log/os"))'/add-*") == "-i vm1 -b \(folder("disk")) -s \(folder("swap"))")
      let later = try AdaptedDefinition(source, to: 20, in: folder, name: "later")
      #expect(later.definition.isValid)
      #expect(try folder.read("os/later/rename") == "#!/bin/sh\n\nexit 0\n")
    }
  }

  // MARK: Later versions for hosts of version 5

  @Test(
    "variant and parameters are fixed, checked by the source, and for root only", .enabled(if: isRoot, "needs root"))
  func variantParametersFixed() throws {
    try withScratch { folder in
      let hash = "$6$salt$it.is/secret"
      let adapted = try AdaptedDefinition(
        "\(examples)/tiny-20", to: 5, in: folder,
        .init(variant: "ext3", parameters: [("motd", "it's $(hostname)"), ("PASSWORD_hash", hash)]))
      try adapted.run(.create(isReinstall: false), try adapted.instance("vm1", ["disk", "swap"]))
      #expect(try tag("TYPE", of: folder("disk")) == "ext3")
      #expect(try guestFile("/etc/motd", on: folder("disk")) == "it's $(hostname)\n")
      #expect(try guestFile("/etc/shadow", on: folder("disk")) == "root:\(hash):::::::\n")
      #expect(
        try shell("cd '\(folder("os/adapted"))'; grep -rlF secret .; stat -c %a parameters.sh")
          == "./parameters.sh\n600")
      let bad = try AdaptedDefinition(
        "\(examples)/tiny-20", to: 5, in: folder, name: "bad", .init(parameters: [("password_hash", "plain")]))
      let failure = #expect(throws: Failure.self) {
        try bad.run(.create(isReinstall: false), try bad.instance("vm1", ["disk3", "swap"]))
      }
      #expect(failure?.message.contains("the parameter password_hash is not a hash") == true)
      #expect(failure?.message.contains("plain") == false)
    }
  }

  @Test("a source of version 20 is told all that the interface has, and nothing of its host's environment")
  func sourceVersion20() throws {
    try withScratch { folder in
      let source = try folder.define(
        "source", version: "20\n", scripts: ["create": "env | sed 's/^/env:/'; umask; pwd; [ $# = 0 ]"],
        files: ["parameters.list": ""])
      let adapted = try AdaptedDefinition(source, to: 5, in: folder)
      setenv("GUESTSMITH_TEST_STRANGER", "1", 1)
      try adapted.run(.create(isReinstall: false), try adapted.instance("vm1", ["disk", "swap"]))
      let log = try shell("cat '\(folder("log/os"))'/add-*")
      let names = Set(
        log.split(separator: "\n").filter { $0.hasPrefix("env:") }.map { String($0.dropFirst(4).prefix { $0 != "=" }) })
      let wanted: Set = [
        "DEBUG_LEVEL", "DISK_0_ACCESS", "DISK_0_BACKEND_TYPE", "DISK_0_PATH", "DISK_0_SIZE", "DISK_0_UUID",
        "DISK_1_ACCESS", "DISK_1_BACKEND_TYPE", "DISK_1_PATH", "DISK_1_SIZE", "DISK_1_UUID", "DISK_COUNT", "HYPERVISOR",
        "INSTANCE_CTIME", "INSTANCE_MTIME", "INSTANCE_NAME", "INSTANCE_OS", "INSTANCE_PRIMARY_NODE",
        "INSTANCE_SECONDARY_NODES", "INSTANCE_UUID", "NIC_COUNT", "OS_API_VERSION", "OS_NAME", "OS_VARIANT", "PATH",
      ]
      #expect(names.subtracting(["PWD", "OLDPWD"]) == wanted)
      for line in [
        "env:DISK_0_PATH=\(folder("disk"))", "env:DISK_0_SIZE=24", "env:DISK_1_BACKEND_TYPE=file:loop",
        "env:DISK_COUNT=2", "env:OS_API_VERSION=20", "env:OS_NAME=source", "env:PATH=/sbin:/bin:/usr/sbin:/usr/bin",
        "0077", source,
      ] {
        #expect(log.split(separator: "\n").contains(Substring(line)), "\(line)")
      }
    }
  }

  @Test("scripts for hosts of version 5 show their usage", arguments: ["create", "import", "export", "rename"])
  func scriptsHostsVersion(_ script: String) throws {
    try withScratch { folder in
      _ = try AdaptedDefinition("\(examples)/tiny-20", to: 5, in: folder)
      let path = folder("os/adapted/\(script)")
      for flag in ["-h", "--help"] {
        let outcome = try bash("'\(path)' \(flag)")
        #expect(outcome.status == 0)
        #expect(outcome.output.hasPrefix("usage: \(script) -"))
      }
      for arguments in ["", "-i vm1", "-i vm1 -b", "-x a -y b -z c -w d", "-i vm1 -b /x -i vm1"] {
        let outcome = try bash("'\(path)' \(arguments) </dev/null")
        #expect(outcome.status == 2)
        #expect(outcome.errors.hasPrefix("usage: \(script) -") || outcome.errors.contains("\nusage: \(script) -"))
        #expect(outcome.output == "")
      }
    }
  }

  // MARK: Debian's

  @Test(
    "ganeti-os-noop moves a disk byte for byte",
    .enabled(if: isRoot && access("/usr/share/ganeti/os/noop/create", X_OK) == 0, "needs root and ganeti-os-noop"),
    arguments: [5, 10, 15, 20])
  func ganetiOsNoop(_ to: Int) throws {
    try withScratch { folder in
      let adapted = try AdaptedDefinition("/usr/share/ganeti/os/noop", to: to, in: folder)
      #expect(adapted.definition.isValid)
      let instance = try adapted.instance("vm1", ["disk", "swap"])
      try adapted.run(.create(isReinstall: false), instance)
      try shell("head -c 3000000 /dev/urandom | dd of='\(folder("disk"))' conv=notrunc status=none")
      try adapted.export(instance, to: "dump")
      let other = try adapted.instance("vm2", ["disk2", "swap2"])
      try adapted.import(other, from: "dump")
      try adapted.run(.rename(from: instance.name), other)
      #expect(try digest(of: folder("disk2")) == digest(of: folder("disk")))
    }
  }
}
