// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Guest

/// What `scripts/network-readers` has unpacked.
private let cloudInit = ".build/network-readers/bin/cloud-init"
private let hasCloudInit = (try? bash("\(cloudInit) --version && python3 -c 'import yaml'").status) == 0

/// A guest in a scratch folder, whose cloud-init runs the script of a seed.
private struct ScriptedGuest {
  let scratch: Scratch
  var id = "1"
  var site: SeedSite?
  let name = GuestName("vm1.example.com")

  init(_ scratch: Scratch) throws {
    self.scratch = scratch
    try shell("mkdir -p '\(scratch("etc"))' '\(scratch("var/lib"))' '\(scratch("srv"))'")
    try call(name.full)
  }

  /// The script, with the folders of a guest in the scratch folder.
  var script: String { moved(SeedScript.text(id: id, name: name, site: site)) }

  func moved(_ text: String) -> String {
    var text = text.replacing("/dev/console", with: scratch("console"))
    for folder in ["var", "etc", "run", "boot", "efi"] {
      for before in [" ", "=", "'"] {
        text = text.replacing("\(before)/\(folder)/", with: "\(before)\(scratch.path)/\(folder)/")
      }
    }
    return text
  }

  /// What cloud-init has of the name.
  func call(_ name: String) throws {
    try scratch.write(
      """
      {
       "ds": {
        "meta_data": {
         "instance-id": "i",
         "local-hostname": "\(name)"
        }
       },
       "v1": {
        "local-hostname": "other"
       }
      }
      """, to: "run/cloud-init/instance-data.json")
  }

  func path(_ path: String) -> ByteString { ByteString(scratch(path)) }

  func text(_ path: String) throws -> String { try shell("cat '\(scratch(path))'") }

  func boot() throws -> (status: Int32, output: String) {
    let outcome = try bash("sh '\(try scratch.write(script, to: "script"))' 2>&1")
    return (outcome.status, outcome.output)
  }
}

@Suite("What cloud-init runs for a seed")
struct SeedScriptTests {
  @Test("brings what the site adds as it is there, once for each seed, and leaves what has changed since")
  func site() throws {
    try withScratch { scratch in
      var guest = try ScriptedGuest(scratch)
      let noise = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 151) }
      try scratch.write("old\n", to: "srv/there/kept")
      try shell("chmod 711 '\(scratch("srv/there"))'; ln -s /etc '\(scratch("srv/file"))'")
      var entries: [SeedSite.Entry] = [
        .init(guest.path("srv/there"), .folder, mode: 0o755),
        .init(guest.path("srv/it's é"), .folder, mode: 0o2750),
        .init(guest.path("srv/it's é/a b"), .file(noise), mode: 0o4755, seconds: 1_600_000_000),
        .init(guest.path("srv/empty"), .file([]), mode: 0o600),
        .init(guest.path("srv/file"), .file(Array("x".utf8)), mode: 0o644),
        .init(guest.path("srv/link"), .link(to: "../a 'b'"), mode: 0o777),
        .init(guest.path("srv/option"), .link(to: "-f"), mode: 0o777),
        .init(guest.path("srv/other"), .name(of: guest.path("srv/file")), mode: 0o644),
      ]
      for index in entries.indices { (entries[index].uid, entries[index].gid) = (myID("u"), myID("g")) }
      if isRoot { entries[2].uid = 33 }
      guest.site = SeedSite(entries, runsScripts: false, templates: TemplateRecord([]))
      var ran = try guest.boot()
      try #require(ran.status == 0, "\(ran)")
      #expect(try shell("base64 -w 0 '\(scratch("srv/it's é/a b").replacing("'", with: #"'\''"#))'") == noise.base64)
      func stat(_ path: String) throws -> String {
        try shell("stat -c '%a %u %Y' '\(scratch(path).replacing("'", with: #"'\''"#))'")
      }
      #expect(try stat("srv/it's é/a b") == "4755 \(isRoot ? 33 : myID("u")) 1600000000")
      #expect(try stat("srv/it's é").hasPrefix("2750 "))
      #expect(try stat("srv/there").hasPrefix("711 "), "a folder that is there stays as it is")
      #expect(try guest.text("srv/there/kept") == "old")
      #expect(try shell("stat -c '%F, %s' '\(scratch("srv/empty"))'") == "regular empty file, 0")
      #expect(try shell("stat -c '%F, %h' '\(scratch("srv/file"))'") == "regular file, 2")
      #expect(try shell("readlink '\(scratch("srv/link"))'") == "../a 'b'")
      #expect(try shell("readlink '\(scratch("srv/option"))'") == "-f")
      #expect(try shell("find '\(scratch.path)' -name '*guestsmith-new'") == "")
      try scratch.write("changed\n", to: "srv/file")
      ran = try guest.boot()
      #expect(try ran.status == 0 && guest.text("srv/file") == "changed")
      guest.id = "2"
      ran = try guest.boot()
      #expect(try ran.status == 0 && guest.text("srv/file") == "x")
    }
  }

  @Test("tells on the console what it can't bring, fails, and tries again at the next boot")
  func failing() throws {
    try withScratch { scratch in
      var guest = try ScriptedGuest(scratch)
      try shell("mkdir '\(scratch("srv/a"))'")
      guest.site = SeedSite(
        [.init(guest.path("srv/a"), .file([1]), mode: 0o644, uid: myID("u"), gid: myID("g"))], runsScripts: false,
        templates: TemplateRecord([]))
      var ran = try guest.boot()
      let words = "srv/a is a folder in the guest, and files has a file of that name"
      #expect(ran.status == 1 && ran.output.contains(words), "\(ran)")
      #expect(try guest.text("console").contains(words))
      try shell("rmdir '\(scratch("srv/a"))'")
      ran = try guest.boot()
      #expect(ran.status == 0)
      #expect(try shell("stat -c %s '\(scratch("srv/a"))'") == "1")
    }
  }

  @Test("has the scripts of the first boot run by systemd or by OpenRC, and waits for them")
  func firstBoot() throws {
    for (folder, file) in [
      ("run/systemd/system", "etc/systemd/system/guestsmith-first-boot.service"),
      ("etc/init.d/local", "etc/local.d/guestsmith-first-boot.start"),
    ] {
      try withScratch { scratch in
        try shell("mkdir -p '\(scratch(folder))' '\(scratch("etc/systemd/system"))'")
        try shell("mkdir -p '\(scratch("etc/local.d"))' '\(scratch("etc/runlevels/default"))' '\(scratch("bin"))'")
        try scratch.write("#!/bin/sh\necho \"systemctl $*\"\n", to: "bin/systemctl", mode: 0o755)
        try scratch.write("#!/bin/sh\n", to: "bin/chown", mode: 0o755)
        var guest = try ScriptedGuest(scratch)
        try scratch.write("", to: "var/lib/guestsmith/first-boot/done")
        let script = SeedSite.Entry(
          ByteString("\(scratch("var/lib/guestsmith/first-boot"))/01-a"),
          .file(Array("#!/bin/sh\necho it runs\n".utf8)),
          mode: 0o700)
        guest.site = SeedSite([script], runsScripts: true, templates: TemplateRecord([]))
        try scratch.write("PATH='\(scratch("bin"))':$PATH\n\(guest.script)", to: "boot")
        let ran = try bash("sh '\(scratch("boot"))' 2>&1")
        #expect(ran.status == 0, "\(ran)")
        #expect(try shell("stat -c %a '\(scratch("var/lib/guestsmith/first-boot"))'") == "700")
        #expect(try !shell("ls '\(scratch("var/lib/guestsmith/first-boot"))'").contains("done"))
        #expect(try bash("test -f '\(scratch(file))'").status == 0)
        try scratch.write("PATH='\(scratch("bin"))':$PATH\n\(guest.moved(SeedScript.scripts))", to: "final")
        let said = try shell("sh '\(scratch("final"))' 2>&1 || true")
        if folder.hasPrefix("run") { #expect(said == "systemctl start guestsmith-first-boot.service") }
        try scratch.write("", to: "var/lib/guestsmith/first-boot/done")
        #expect(try shell("sh '\(scratch("final"))' 2>&1") == "", "they have run")
      }
    }
  }

  @Test("has templates follow the name, in full and in short, as long as they are what was filled in")
  func templates() throws {
    try withScratch { scratch in
      var guest = try ScriptedGuest(scratch)
      let old = "vm1.example.com, vm1 vm1.\nvm10 my-vm1 vm1.example.com.au (vm1.example.com.)\nx@vm1\n"
      func entry(_ name: String) -> SeedSite.Entry {
        .init(guest.path(name), .file(Array(old.utf8)), mode: 0o640, uid: myID("u"), gid: myID("g"))
      }
      let entries = ["srv/a", "srv/b"].map(entry)
      // The record is root's.
      try scratch.write("#!/bin/sh\n", to: "bin/chown", mode: 0o755)
      guest.site = SeedSite(
        entries, runsScripts: false,
        templates: TemplateRecord(entries.map { .init($0.path, holding: Array(old.utf8)) }))
      func boot() throws {
        try scratch.write("PATH='\(scratch("bin"))':$PATH\n\(guest.script)", to: "boot")
        let ran = try bash("sh '\(scratch("boot"))' 2>&1")
        try #require(ran.status == 0 && ran.output == "", "\(ran)")
      }
      try boot()
      #expect(try guest.text("srv/a") + "\n" == old)
      try scratch.write("mine: vm1\n", to: "srv/b")
      for name in ["web.example.org", "db.web.vm1.example.org"] {
        try guest.call(name)
        try boot()
        let new = Array(old.utf8).renamed(from: guest.name, to: GuestName(name))
        #expect(try guest.text("srv/a") + "\n" == String(decoding: new, as: UTF8.self))
        #expect(try guest.text("srv/b") == "mine: vm1")
        #expect(try shell("stat -c %a '\(scratch("srv/a"))'") == "640")
        let record = TemplateRecord(parsing: Array((try guest.text("var/lib/guestsmith/templates") + "\n").utf8))
        #expect(record.entries.first?.digest == TemplateRecord.Entry("/", holding: new).digest)
        #expect(try shell("find '\(scratch.path)' -name '*guestsmith-new'") == "")
      }
      // A change that was cut off between the record and the files.
      try scratch.write("web.example.org\n", to: "var/lib/guestsmith/name")
      let web = Array(old.utf8).renamed(from: guest.name, to: GuestName("web.example.org"))
      try scratch.write(web, to: "srv/a")
      try boot()
      #expect(try guest.text("srv/a").contains("db.web.vm1.example.org"))
    }
  }

  @Test("takes from a copy what the table of identities has, once", arguments: IdentityTable.rows.map(\.name))
  func identity(_ name: String) throws {
    let row = try #require(IdentityTable.rows.first { $0.name == name })
    try withScratch { scratch in
      let guest = try ScriptedGuest(scratch)
      let places = row.places.map { place in
        place.description.replacing("/**/*", with: "/a/b/x").replacing("/**/", with: "/a/b/").replacing("*", with: "x")
      }
      for place in places { try scratch.write("# automatically generated\n", to: String(place.dropFirst())) }
      let ran = try guest.boot()
      #expect(ran.status == 0 && ran.output == "", "\(ran)")
      let isTaken = row.isReachedBySeed && ![.machineID, .sshHostKeys, .cloudInit].contains(row.care)
      for place in places {
        #expect(try (bash("test -e '\(scratch.path)\(place)'").status != 0) == isTaken, "\(place)")
      }
      for place in places { try scratch.write("own\n", to: String(place.dropFirst())) }
      _ = try guest.boot()
      for place in places { #expect(try guest.text(String(place.dropFirst())) == "own") }
    }
  }

  @Test("gives the guest another machine-id, unless this boot has made one")
  func machineID() throws {
    try withScratch { scratch in
      let guest = try ScriptedGuest(scratch)
      try scratch.write("old\n", to: "etc/machine-id")
      try shell(
        "mkdir -p '\(scratch("var/lib/dbus"))'; ln -s ../../../etc/machine-id '\(scratch("var/lib/dbus/machine-id"))'")
      let program = "#!/bin/sh\necho new >'\(scratch("etc/machine-id"))'\n"
      try scratch.write(program, to: "bin/systemd-machine-id-setup", mode: 0o755)
      try scratch.write("PATH='\(scratch("bin")):'$PATH\n\(guest.script)", to: "boot")
      func boot() throws -> String { try shell("sh '\(scratch("boot"))'; cat '\(scratch("var/lib/dbus/machine-id"))'") }
      #expect(try boot() == "old")
      try shell("rm -r '\(scratch("var/lib/guestsmith"))'; touch --date @1 '\(scratch("etc/machine-id"))'")
      #expect(try boot() == "new")
      try scratch.write("another\n", to: "etc/machine-id")
      try shell("touch --date @1 '\(scratch("etc/machine-id"))'")
      #expect(try boot() == "another", "once for each seed")
    }
  }

  @Test(
    "is handed on by cloud-init beside user data with lists of its own, with a configuration that it knows",
    .enabled(if: hasCloudInit, "needs scripts/network-readers and python3-yaml"))
  func read() throws {
    try withScratch { scratch in
      var guest = try ScriptedGuest(scratch)
      guest.site = SeedSite(
        [.init(guest.path("srv/é"), .file([0, 0xFF, 10]), mode: 0o600, uid: myID("u"), gid: myID("g"))],
        runsScripts: false,
        templates: TemplateRecord([]))
      var seed = Seed(
        instanceID: UUID(bytes: (1...16).map { UInt8($0) }), name: guest.name, network: nil,
        accounts: Accounts(rootPasswordHash: "$6$a$b", sshKeys: SeedTests.keys), timezone: "Europe/Zurich")
      seed.site = guest.site
      let vendor = try #require(seed.files.first { $0.file == .vendorData }).bytes
      try scratch.write(guest.moved(String(decoding: vendor, as: UTF8.self)), to: "vendor-data")
      try scratch.write(Self.reader, to: "read.py")
      let python = "sed 's/exec .*/exec python3 \"$@\"/' \(cloudInit) >'\(scratch("python"))'"
      let ran = try bash("\(python) && sh '\(scratch("python"))' '\(scratch("read.py"))' '\(scratch.path)' 2>&1")
      try #require(ran.status == 0, "\(ran)")
      #expect(try shell("od -An -tx1 '\(scratch("srv/é"))'") == " 00 ff 0a")
      let schema = try bash(
        "\(cloudInit) schema --config-file '\(scratch("cloud/instances/i/vendor-cloud-config.txt"))' 2>&1")
      #expect(schema.status == 0 && schema.output.contains("Valid"), "\(schema)")
      #expect(try guest.text("cloud/instances/i/vendor-cloud-config.txt").contains("Europe/Zurich"))
    }
  }

  /// Has cloud-init hand on the vendor data in a folder, as it does when a guest boots.
  private static let reader = """
    import sys
    from cloudinit import handlers, helpers, user_data
    from cloudinit.handlers.boot_hook import BootHookPartHandler
    from cloudinit.handlers.cloud_config import CloudConfigPartHandler
    from cloudinit.handlers.shell_script import ShellScriptPartHandler

    class DataSource:
        def get_instance_id(self):
            return "i"

    top = sys.argv[1]
    source = DataSource()
    paths = helpers.Paths({"cloud_dir": top + "/cloud", "run_dir": top + "/run/cloud-init"}, source)
    message = user_data.UserDataProcessor(paths).process(open(top + "/vendor-data", "rb").read())
    options = {"paths": paths, "datasource": source, "script_path": "vendor_scripts", "cloud_config_path": "vendor_cloud_config"}
    known = helpers.ContentHandlers()
    every = [CloudConfigPartHandler(**options), ShellScriptPartHandler(**options), BootHookPartHandler(**options)]
    for handler in every:
        known.register(handler)
        handlers.call_begin(handler, None, "once-per-instance")
    handlers.walk(
        message, handlers.walker_callback,
        data={"handlers": known, "handlerdir": top, "data": None, "frequency": "once-per-instance", "handlercount": 0,
              "excluded": []})
    for handler in every:
        handlers.call_end(handler, None, "once-per-instance")

    """
}

/// The number of the user that runs the tests, or of its group: `u` or `g`.
private func myID(_ kind: String) -> UInt32 { (try? shell("id -\(kind)")).flatMap { UInt32($0) } ?? 0 }

extension [UInt8] {
  /// As coreutils have it.
  fileprivate var base64: String {
    get throws {
      try withScratch { scratch in try shell("base64 -w 0 '\(try scratch.write(self, to: "file"))'") }
    }
  }
}
