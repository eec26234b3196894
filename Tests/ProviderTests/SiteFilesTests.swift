// SPDX-License-Identifier: Apache-2.0
import Interface
import Provider
import Report
import TestSupport
import Testing

/// What a site puts into each new guest.
@Suite("The files and first-boot scripts of a site")
struct SiteFilesTests {
  /// A guest that gets the folder `files` of the scratch folder, where systemd runs scripts.
  private func guest(_ scratch: Scratch, more: String = "") throws -> SmallGuest {
    try scratch.write("#!/bin/sh\n", to: "files/lib/systemd/systemd", mode: 0o755)
    return try SmallGuest(in: scratch, configuration: "files = \"\(scratch("files"))\"\n\(more)")
  }

  private func create(
    _ guest: SmallGuest, on disk: String, reinstalling: Bool = false, parameters: [String: String] = [:]
  ) throws -> String {
    let lines = Lines()
    try guest.run(
      guest.request(.create(isReinstall: reinstalling), disks: [disk]), parameters: parameters,
      steps: Steps(.plain, write: { lines.write($0) }))
    return lines.all
  }

  private func stat(_ path: String, on disk: String) throws -> String {
    try shell("debugfs -R 'stat \(path)' '\(disk)' 2>/dev/null")
  }

  @Test(
    "A guest has them in place of its own, with owners, modes, attributes and links as they are; folders are merged")
  func files() throws {
    try withScratch { scratch in
      let guest = try guest(scratch)
      try scratch.write("site\n", to: "files/usr/bin/program", mode: 0o4755)
      try scratch.write("new\n", to: "files/srv/data/a b", mode: 0o640)
      try shell(
        """
        cd '\(scratch("files"))'
        mkdir -p etc/ssh tmp
        chmod 755 tmp
        ln -s ../etc/motd srv/link
        ln usr/bin/program usr/bin/other
        touch -d @1600000000 'srv/data/a b'
        chmod 2750 srv/data
        \(isRoot ? "chown -h 33:44 srv/data 'srv/data/a b' srv/link; chmod 700 ." : "")
        """)
      let hasAttributes = (try? shell("setfattr -n user.site -v yes '\(scratch("files"))/usr/bin/program'")) != nil
      let disk = try guest.disk()
      _ = try create(guest, on: disk)
      #expect(try problems(of: disk) == nil)
      #expect(try guestFile("/usr/bin/program", on: disk) == "site\n")
      #expect(try guestFile("\"/srv/data/a b\"", on: disk) == "new\n")
      let data = try stat("\"/srv/data/a b\"", on: disk)
      let (user, group) = isRoot ? ("   33", "   44") : ("    0", "    0")
      #expect(data.contains("Mode:  0640"), "\(data)")
      #expect(data.contains("User: \(user)   Group: \(group)"), "\(data)")
      #expect(data.contains("mtime: 0x5f5e1000"), "\(data)")
      #expect(try stat("/srv/data", on: disk).contains("Mode:  02750"))
      #expect(try stat("/srv/link", on: disk).contains("Fast link dest: \"../etc/motd\""))
      let program = try stat("/usr/bin/program", on: disk)
      #expect(program.contains("Mode:  04755") && program.contains("Links: 2"), "\(program)")
      if hasAttributes { #expect(program.contains("user.site (3) = \"yes\""), "\(program)") }
      #expect(try stat("/tmp", on: disk).contains("Mode:  01777"), "a folder that the guest has stays as it is")
      #expect(try guestFile("/etc/ssh/ssh_host_ed25519_key", on: disk) != nil, "and what is in it, too")
    }
  }

  @Test("A template is filled in, loses its ending, and follows a rename")
  func templates() throws {
    try withScratch { scratch in
      let guest = try guest(scratch, more: "address = \"static\"\nprefix = 24")
      try scratch.write("vm1: I am {{ fqdn }}, {{ name }} at {{ address }}.\n", to: "files/etc/motd.tmpl")
      try scratch.write("{{ name }}\n", to: "files/etc/plain")
      let disk = try guest.disk()
      try guest.run(
        guest.request(.create(isReinstall: false), disks: [disk]),
        guest.surroundings(addresses: ["vm1.example.com": ["192.0.2.9"]]))
      #expect(try guestFile("/etc/motd", on: disk) == "vm1: I am vm1.example.com, vm1 at 192.0.2.9.\n")
      #expect(try guestFile("/etc/plain", on: disk) == "{{ name }}\n")
      #expect(try guestFile("/etc/motd.tmpl", on: disk) == nil)
      let old = try InstanceName("vm1.example.com")
      try guest.run(
        guest.request(.rename(from: old), "vm2.example.com", disks: [disk]),
        guest.surroundings(addresses: ["vm2.example.com": ["192.0.2.9"]]))
      #expect(try guestFile("/etc/motd", on: disk) == "vm1: I am vm2.example.com, vm2 at 192.0.2.9.\n")
      #expect(try problems(of: disk) == nil)
    }
  }

  @Test(
    "Scripts are in the guest in their order, for root alone, with what runs them; a new installation has them anew")
  func firstBoot() throws {
    try withScratch { scratch in
      let scripts = try [
        scratch.write("#!/bin/sh\necho one\n", to: "z"), scratch.write("#!/bin/sh\nsecret\n", to: "a", mode: 0o600),
      ]
      let guest = try guest(scratch, more: "first_boot = [\"\(scripts[0])\", \"\(scripts[1])\"]")
      let disk = try guest.disk()
      let plan = try guest.plan(guest.request(.create(isReinstall: false), disks: [disk]))
      #expect(plan.contains("first boot: \(scripts[0]), \(scripts[1])"), "\(plan)")
      #expect(plan.contains { $0.hasPrefix("files: 3 files, 10 B of ") }, "\(plan)")
      for reinstalling in [false, true] {
        let told = try create(guest, on: disk, reinstalling: reinstalling)
        #expect(!told.contains("secret"))
        #expect(try problems(of: disk) == nil)
        let folder = "/var/lib/guestsmith/first-boot"
        #expect(try guestFile("\(folder)/01-z", on: disk) == "#!/bin/sh\necho one\n")
        #expect(try guestFile("\(folder)/02-a", on: disk) == "#!/bin/sh\nsecret\n")
        for path in [folder, "\(folder)/01-z", "\(folder)/02-a", "\(folder)/run"] {
          let stat = try stat(path, on: disk)
          #expect(stat.contains("Mode:  0700") && stat.contains("User:     0   Group:     0"), "\(stat)")
        }
        #expect(
          try stat("/etc/systemd/system/multi-user.target.wants/guestsmith-first-boot.service", on: disk)
            .contains("symlink"))
        #expect(try guestFile("\(folder)/done", on: disk) == nil)
      }
    }
  }

  struct Refusal: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let make: String
    var configuration = ""
    let words: String
  }

  static let refusals = [
    Refusal(testDescription: "a pipe", make: "mkfifo files/pipe", words: "pipe is not a file, a folder or a link"),
    Refusal(
      testDescription: "an unknown word", make: "echo 'x {{ hostname }}' >files/a.tmpl",
      words: "a.tmpl, line 1: {{ hostname }} is not known"),
    Refusal(
      testDescription: "a template that no rename finds",
      make: "mkdir 'files/a b'; echo '{{ name }}' >'files/a b/c.tmpl'",
      words: "a b/c.tmpl has the name of the guest in it, and a blank in its path"),
    Refusal(
      testDescription: "a template beside a file of its name", make: "touch files/a files/a.tmpl",
      words: "has /a twice"),
    Refusal(
      testDescription: "too much", make: "truncate -s 65M files/large", words: "holds more than 64 MiB"),
    Refusal(
      testDescription: "a folder that is not there", make: "rm -r files", words: "files: cannot read"),
    Refusal(
      testDescription: "a script that is not there", make: "true", configuration: "first_boot = [\"/nonexistent\"]",
      words: "first_boot: cannot open /nonexistent"),
    Refusal(
      testDescription: "a script that is not one", make: "true", configuration: "first_boot = [\"/etc/passwd\"]",
      words: "/etc/passwd is not a program"),
  ]

  @Test("What no guest can get is refused by verify and by create, and the disk stays as it is", arguments: refusals)
  func refuses(_ refusal: Refusal) throws {
    try withScratch { scratch in
      let guest = try guest(scratch, more: refusal.configuration)
      try shell("cd '\(scratch.path)'; \(refusal.make)")
      let faults = VerifyPlan(RequestedOS(definition: guest.definition, name: "guestsmith")).faults
      #expect(faults.count == 1 && faults[0].message.contains(refusal.words), "\(faults)")
      let disk = try guest.disk()
      let before = try digest(of: disk)
      let failure = #expect(throws: Failure.self) { try create(guest, on: disk) }
      #expect(failure?.message.contains(refusal.words) == true, "\(String(describing: failure))")
      #expect(try digest(of: disk) == before)
    }
  }

  @Test("What the templates become counts for the most that a guest gets")
  func grown() throws {
    try withScratch { scratch in
      let guest = try guest(scratch)
      try scratch.write(String(repeating: "{{fqdn}} ", count: 900), to: "files/b.tmpl")
      try shell("cd '\(scratch("files"))'; truncate -s 67100000 a; touch c")
      let disk = try guest.disk()
      let before = try digest(of: disk)
      let failure = #expect(throws: Failure.self) { try create(guest, on: disk) }
      #expect(failure?.message.contains("holds more than 64 MiB") == true, "\(String(describing: failure))")
      #expect(try digest(of: disk) == before)
    }
  }

  @Test(
    "Root takes nothing that another user could change, unless only root reaches it",
    .enabled(if: isRoot, "needs root"))
  func exposed() throws {
    try withScratch { scratch in
      let guest = try guest(scratch)
      let os = RequestedOS(definition: guest.definition, name: "guestsmith")
      try shell("cd '\(scratch("files"))'; mkdir www; chmod 777 www")
      #expect(VerifyPlan(os).faults.first?.message.contains("www has mode 0777: others could change it") == true)
      try shell("cd '\(scratch("files"))'; chmod 755 www; chown 33 www")
      #expect(VerifyPlan(os).faults.first?.message.contains("www belongs to user 33") == true)
      try shell("chmod 700 '\(scratch("files"))'")
      #expect(VerifyPlan(os).faults == [])
      try shell("chown 33 '\(scratch("files"))'")
      #expect(VerifyPlan(os).faults.first?.message.contains("files belongs to user 33") == true)
      let script = try scratch.write("#!/bin/sh\n", to: "script", mode: 0o777)
      let other = try SmallGuest(in: scratch, configuration: "first_boot = [\"\(script)\"]")
      let faults = VerifyPlan(RequestedOS(definition: other.definition, name: "guestsmith")).faults
      #expect(faults.first?.message.contains("script has mode 0777: others could change it") == true, "\(faults)")
    }
  }

  @Test("A guest of an image gets them in its own files, and is refused them where it stays as its image has it")
  func image() throws {
    try withScratch { scratch in
      let layout = PartitionedGuest.debian
      let raw = try layout.make("a.raw", in: scratch)
      try shell("sha512sum '\(raw)' >'\(scratch("SUMS"))'; sed -i 's, .*/,  ,' '\(scratch("SUMS"))'")
      let script = try scratch.write("#!/bin/sh\n", to: "site")
      let image = "image = \"\(raw)\"\nsums = \"\(scratch("SUMS"))\"\nfirst_boot = [\"\(script)\"]\n"
      let guest = try guest(scratch, more: image)
      try scratch.write("vm1: I am {{ name }}\n", to: "files/srv/motd.tmpl")
      let disk = try guest.disk(mebibytes: 700)
      _ = try create(guest, on: disk)
      #expect(try layout.faults(of: disk) == [])
      #expect(try guestFile("/srv/motd", on: layout.rootOn(disk)) == "vm1: I am vm1\n")
      #expect(try guestFile("/var/lib/guestsmith/first-boot/01-site", on: layout.rootOn(disk)) == "#!/bin/sh\n")
      let old = try InstanceName("vm1.example.com")
      try guest.run(guest.request(.rename(from: old), "vm2.example.com", disks: [disk]))
      #expect(try guestFile("/srv/motd", on: layout.rootOn(disk)) == "vm1: I am vm2\n", "it follows a rename")
      #expect(try layout.faults(of: disk) == [])
      let left = try self.guest(scratch, more: image + "configure = \"none\"\n")
      let faults = VerifyPlan(RequestedOS(definition: left.definition, name: "guestsmith")).faults
      #expect(faults.map(\.message).joined().contains("files is set, and does not reach a guest"), "\(faults)")
    }
  }

  @Test("A link of the guest in the way of a folder leads to nothing outside, and is told")
  func links() throws {
    try withScratch { scratch in
      let layout = PartitionedGuest.debian
      let raw = try layout.make("a.raw", in: scratch)
      let host = try scratch.folder("host")
      try shell("debugfs -w -R 'symlink /opt \(host)' '\(layout.rootOn(raw))' 2>&1")
      try shell("debugfs -w -R 'symlink /media /srv' '\(layout.rootOn(raw))' 2>&1")
      try shell("sha512sum '\(raw)' >'\(scratch("SUMS"))'; sed -i 's, .*/,  ,' '\(scratch("SUMS"))'")
      let guest = try guest(scratch, more: "image = \"\(raw)\"\nsums = \"\(scratch("SUMS"))\"\n")
      try scratch.write("a", to: "files/opt/a")
      try scratch.write("b", to: "files/media/b")
      let disk = try guest.disk(mebibytes: 700)
      let told = try create(guest, on: disk)
      #expect(try layout.faults(of: disk) == [])
      #expect(try shell("ls '\(host)'") == "")
      #expect(try guestFile("/opt/a", on: layout.rootOn(disk)) == "a")
      #expect(try guestFile("/srv/b", on: layout.rootOn(disk)) == "b")
      #expect(told.contains("/opt was not a folder in the guest: the folder of files took its place"), "\(told)")
      #expect(told.contains("/media is a link in the guest"), "\(told)")
    }
  }
}
