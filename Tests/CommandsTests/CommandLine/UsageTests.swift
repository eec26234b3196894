// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("What the scripts of the definition say before they touch anything")
struct Usage {
  static let scripts = ["create", "import", "export", "rename"]

  @Test("Help as the first argument is the usage on standard output", arguments: scripts, ["-h", "--help"])
  func help(script: String, option: String) throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
      for arguments in [option, "\(option) -i vm1.example.com"] {
        let outcome = try definition.script(script, arguments)
        #expect(outcome.status == 0)
        #expect(outcome.output.lowercased().contains("usage"))
        #expect(outcome.output.contains(script))
        #expect(outcome.errors == "")
      }
    }
  }

  @Test(
    "A wrong command line is the usage on standard error, and status 2",
    arguments: [
      ("create", ""), ("create", "-i vm1.example.com"), ("create", "-i vm1.example.com -b A"),
      ("create", "-i vm1.example.com -b A -s B rest"), ("create", "-i vm1.example.com -b A -s"),
      ("create", "-i vm1.example.com -i vm2.example.com -b A -s B"), ("create", "-x vm1.example.com -b A -s B"),
      ("create", "-i vm1.example.com -b A -s B -s C"), ("create", "vm1.example.com A B"),
      ("create", "-i vm1.example.com -h -b A -s B"),
      ("import", ""), ("import", "-i vm1.example.com -b A"), ("import", "-o a -n b -b A -s B"),
      ("export", ""), ("export", "-i vm1.example.com"), ("export", "-i vm1.example.com -b A -s B"),
      ("export", "-i vm1.example.com -b A -b A"),
      ("rename", ""), ("rename", "-o a -n b -b A"), ("rename", "-i a -n b -b A -s B"),
      ("rename", "-o a -o b -b A -s B"),
    ])
  func wrong(script: String, arguments: String) throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
      let outcome = try definition.script(script, arguments)
      #expect(outcome.status == Failure.Code.usage.rawValue, "\(outcome)")
      #expect(outcome.errors.lowercased().contains("usage"))
      #expect(outcome.output == "")
    }
  }

  /// An image with a guest of that host name, and one of swap.
  private func tinyGuest(_ hostname: String, in scratch: Scratch) throws -> (disk: String, swap: String) {
    try scratch.write("\(hostname)\n", to: "tree/etc/hostname")
    let disk = scratch("disk")
    try shell("truncate -s 32M '\(disk)'; PATH=$PATH:/sbin mke2fs -q -F -t ext4 -d '\(scratch("tree"))' '\(disk)'")
    return (disk, try makeSparseFile(scratch("swap"), size: 1 << 20))
  }

  @Test(
    "A name that the host has is exported, imported and renamed from; create and a new name want what a guest can carry",
    arguments: [
      ("web_1.example.com", "web_1"), ("vm1-.example.com", "vm1-"), ("_", "_"), ("VM_1", "vm_1"), ("a%b+c", "a%b+c"),
      (String(repeating: "a", count: 64), String(repeating: "a", count: 64)),
    ])
  func hostsNames(name: String, hostname: String) throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
      let (disk, swap) = try tinyGuest(hostname, in: scratch)
      let before = try digest(of: disk)
      for arguments in ["create -i \(name)", "rename -o vm1.example.com -n \(name)"] {
        let outcome = try definition.script(arguments, "-b \(disk) -s \(swap)")
        #expect(outcome.status == Failure.Code.invalid.rawValue, "\(outcome)")
        #expect(outcome.errors.contains("no guest can be called \(name): its host name would be '\(hostname)'"))
        #expect(try digest(of: disk) == before && allocated(swap) == 0)
      }
      let exported = try bash("\(definition.folder)/export -i \(name) -b \(disk) > '\(scratch("dump"))'")
      #expect(exported.status == 0, "\(exported)")
      let copy = try makeSparseFile(scratch("copy"), size: 32 << 20)
      let imported = try bash("\(definition.folder)/import -i \(name) -b \(copy) -s \(swap) < '\(scratch("dump"))'")
      #expect(imported.status == 0, "\(imported)")
      #expect(imported.errors.contains("cannot call itself \(name) when it runs"))
      #expect(try guestFile("/etc/hostname", on: copy) == "\(hostname)\n")
      for guest in [disk, copy] {
        let renamed = try definition.script("rename", "-o \(name) -n vm2.example.com -b \(guest) -s \(swap)")
        #expect(renamed.status == 0, "\(renamed)")
        #expect(try guestFile("/etc/hostname", on: guest) == "vm2\n")
        #expect(try problems(of: guest) == nil)
      }
    }
  }

  @Test("A folder whose name has a plus says that it is called for a variant, which nothing defines")
  func plus() throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
      try shell("cp -a '\(definition.folder)' '\(definition.folder)+old'; mkdir '\(definition.folder)+old/variants'")
      let disk = try makeSparseFile(scratch("disk"), size: 1 << 30)
      for script in ["create", "import"] {
        let outcome = try bash(
          "'\(definition.folder)+old/\(script)' -i vm1 -b \(disk) -s \(scratch("swap")) </dev/null")
        #expect(outcome.status == Failure.Code.invalid.rawValue)
        #expect(
          outcome.errors.contains(
            "+old cannot be called: the part of its name after '+' is a variant, and unknown"),
          "\(outcome)")
      }
      #expect(try allocated(disk) == 0)
    }
  }

  @Test("A variant that no file defines is not installed, and the plus in its name is spoken of")
  func variant() throws {
    try withScratch { scratch in
      let install = "'\(program)' os install --api 5 --into '\(scratch("os"))'"
      let refused = try bash("\(install) --variant no-such-variant")
      #expect(refused.status == Failure.Code.invalid.rawValue)
      #expect(refused.errors.contains("unknown variant 'no-such-variant'"))
      #expect(try bash("ls '\(scratch("os"))'").output == "")
      let installed = try bash("\(install) --variant default")
      #expect(installed.status == 0)
      #expect(installed.errors.contains("Ganeti 1.2.9 and later find no definition with a '+' in its name"))
    }
  }

  @Test(
    "Where /bin/sh does not understand the redirection of Ganeti 1.2.6 the installation warns", .enabled(if: isRoot))
  func shellOfTheMachine() throws {
    try withScratch { scratch in
      let install = "'\(program)' os install --into '\(scratch("os"))'"
      for (shell, isWarned) in [("dash", true), ("bash", false)] {
        let line = "mount --bind /bin/\(shell) $(readlink -f /bin/sh) && \(install)"
        let outcome = try bash("unshare --mount bash -c \"\(line) --api 5\"")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.errors.contains("warning: /bin/sh does not understand &>") == isWarned, "\(outcome)")
        #expect(try !bash("unshare --mount bash -c \"\(line) --name other --api 20\"").errors.contains("/bin/sh"))
      }
    }
  }

  @Test(
    "A name that no host has is refused before a byte is written",
    arguments: [
      "../x", "a b", "'vm1\nvm2'", "-rf", "--help", "''", "vm1..example.com", ".", "vm1.example.com.", "'vm1;true'",
      "vm1/../x", "-vm1.example.com", Array(repeating: "abcdefg", count: 33).joined(separator: "."),
    ])
  func names(name: String) throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
      let disk = try makeSparseFile(scratch("disk"), size: 1 << 30)
      let swap = try makeSparseFile(scratch("swap"), size: 1 << 20)
      let quoted = name.hasPrefix("'") ? name : "'\(name)'"
      for (script, arguments) in [
        ("create", "-i \(quoted) -b \(disk) -s \(swap)"), ("import", "-i \(quoted) -b \(disk) -s \(swap)"),
        ("export", "-i \(quoted) -b \(disk)"), ("rename", "-o vm1.example.com -n \(quoted) -b \(disk) -s \(swap)"),
        ("rename", "-o \(quoted) -n vm1.example.com -b \(disk) -s \(swap)"),
      ] {
        let outcome = try definition.script(script, arguments)
        #expect(outcome.status == Failure.Code.invalid.rawValue, "\(script): \(outcome)")
        #expect(outcome.output == "")
        #expect(try allocated(disk) == 0)
        #expect(try allocated(swap) == 0)
      }
    }
  }

  @Test("An unknown key of the configuration is told with its file, its line and the nearest key")
  func unknownKey() throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(
        in: scratch, cache: scratch("cache"), configuration: "suite = \"bookworm\"\nmirorr = \"\"\n")
      let disk = try makeSparseFile(scratch("disk"), size: 1 << 30)
      let swap = try makeSparseFile(scratch("swap"), size: 1 << 20)
      let outcome = try definition.create("vm1.example.com", disk, swap)
      #expect(outcome.status == Failure.Code.invalid.rawValue, "\(outcome)")
      #expect(outcome.output.contains("guestsmith.toml"))
      #expect(outcome.output.contains("3"), "the line")
      #expect(outcome.output.contains("mirorr"))
      #expect(outcome.output.contains("mirror"))
      #expect(try allocated(disk) == 0)
    }
  }
}
