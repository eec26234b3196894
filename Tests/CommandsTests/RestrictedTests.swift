// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// Machines and containers that refuse a part of what programs are confined by: all works there, as confined as it can be.
@Suite("Where the kernel refuses a part of the sandbox", .enabled(if: isConfining, "the sandbox is off"))
struct RestrictedTests {
  /// A place to run guestsmith in.
  struct Place: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Stands before a command.
    let prefix: String
    /// The layers of `config check` that are not there.
    let missing: [String]
    /// It takes root to get there.
    var needsRoot = true
  }

  private static let probe = "'\(buildFolder)/confinement-probe' without "

  /// A shell that does something first.
  private static func first(_ words: String, in shell: String) -> String {
    "\(shell) sh -c '\(words); exec \"$@\"' sh"
  }

  static let places: [Place] = [
    Place(
      testDescription: "a namespace of users with nobody but root", prefix: "unshare -r", missing: ["user"],
      needsRoot: false),
    Place(
      testDescription: "no more namespaces",
      prefix: first("for file in /proc/sys/user/max_*_namespaces; do echo 0 >$file; done", in: "unshare -r"),
      missing: ["namespaces", "user"], needsRoot: false),
    Place(
      testDescription: "no namespaces, by a filter", prefix: "\(probe) namespaces", missing: ["namespaces"],
      needsRoot: false),
    Place(
      testDescription: "no mounts, by a filter", prefix: "\(probe) mount", missing: ["namespaces"], needsRoot: false),
    Place(
      testDescription: "no other root, by a filter", prefix: "\(probe) pivot_root", missing: ["namespaces"],
      needsRoot: false),
    Place(
      testDescription: "an older kernel", prefix: "\(probe) mount_setattr,pidfd_open", missing: [], needsRoot: false),
    Place(
      testDescription: "no Landlock", prefix: "\(probe) landlock_create_ruleset", missing: ["landlock"],
      needsRoot: false),
    Place(
      testDescription: "Landlock only in name", prefix: "\(probe) landlock_restrict_self", missing: ["landlock"],
      needsRoot: false),
    Place(testDescription: "no filters", prefix: "\(probe) seccomp", missing: ["seccomp"], needsRoot: false),
    Place(
      testDescription: "nothing at all", prefix: "\(probe) namespaces,mount,seccomp,landlock_create_ruleset",
      missing: ["namespaces", "seccomp", "landlock"], needsRoot: false),
    Place(testDescription: "no new privileges", prefix: "setpriv --no-new-privs", missing: [], needsRoot: false),
    Place(
      testDescription: "no CAP_SYS_ADMIN", prefix: "setpriv --bounding-set=-sys_admin", missing: ["user"]),
    Place(
      testDescription: "no CAP_SYS_ADMIN and no namespaces of users",
      prefix: "\(probe) namespaces setpriv --bounding-set=-sys_admin", missing: ["namespaces"]),
    Place(testDescription: "no CAP_MKNOD", prefix: "setpriv --bounding-set=-mknod", missing: []),
    Place(
      testDescription: "no CAP_SETUID", prefix: "setpriv --bounding-set=-setuid,-setgid,-setpcap", missing: ["user"]),
    Place(
      testDescription: "a folder for a root",
      prefix: first(
        "mount -t tmpfs none /mnt; mkdir /mnt/root; cd /mnt/root; for name in /*; do "
          + "[ -d $name ] && ! [ -L $name ] || { cp -P $name .; continue; }; "
          + "mkdir .$name; mount --rbind $name .$name; done; set -- chroot . \"$@\"", in: "unshare -m"),
      missing: ["namespaces"]),
  ]

  @Test("a guest is exported, imported and extracted, and what is missing is told", arguments: places)
  func works(place: Place) throws {
    guard isRoot || !place.needsRoot else { return }
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try makeSparseFile(scratch("disk"), size: 64 << 20)
      let swap = try makeSparseFile(scratch("swap"), size: 1 << 20)
      if isRoot {
        try withLoopDevice(disk) { try check(place, guest, disk: $0, swap: swap) }
      } else {
        try check(place, guest, disk: disk, swap: swap)
      }
      #expect(try problems(of: disk) == nil)
    }
  }

  private func check(_ place: Place, _ guest: SmallGuest, disk: String, swap: String) throws {
    let scripts = "\(place.prefix) '\(guest.definition.folder)"
    let layers = try bash("\(place.prefix) '\(program)' config check --json")
    let table = try JSON(parsing: Array(layers.bytes)).array ?? []
    let missing = table.filter { $0["here"] == false }.compactMap { $0["layer"]?.string }
    #expect(missing.filter { isRoot || $0 != "user" } == place.missing.filter { isRoot || $0 != "user" }, "\(layers)")
    let isShort = place.missing.contains { $0 == "namespaces" || $0 == "seccomp" }
    let dump = guest.scratch("dump")
    for command in [
      "\(scripts)/export' -i vm1 -b '\(guest.disk)' >'\(dump)'",
      "gzip <'\(dump)' | \(scripts)/import' -i vm2 -b '\(disk)' -s '\(swap)'",
    ] {
      let outcome = try bash(command)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.errors.contains("programs that read a guest's bytes") == isShort, "\(outcome)")
    }
    let folder = try guest.scratch.folder("out")
    let extracted = try bash("\(place.prefix) '\(program)' dump extract -q '\(dump)' /etc/hostname --to '\(folder)'")
    #expect(extracted.status == 0, "\(extracted)")
    #expect(try String(decoding: readFile("\(folder)/hostname"), as: UTF8.self) == "vm1\n")
    let configuration = "\(guest.definition.folder)/guestsmith.toml"
    try shell("echo 'sandbox = \"required\"' >>'\(configuration)'")
    let required = try bash("\(scripts)/export' -i vm1 -b '\(guest.disk)' | wc -c; exit ${PIPESTATUS[0]}")
    #expect((required.status != 0) == isShort, "\(required)")
    if isShort { #expect(required.output == "0\n" && required.errors.contains("sandbox = required"), "\(required)") }
  }

  @Test(
    "a program that is replaced while it runs goes on as what it was", arguments: ["", "\(probe) namespaces"],
    ["mv new import", "rm import"])
  func replaced(prefix: String, replacing: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try makeSparseFile(scratch("disk"), size: 64 << 20)
      let swap = try makeSparseFile(scratch("swap"), size: 1 << 20)
      let outcome = try bash(
        """
        cd '\(guest.definition.folder)'; ./export -i vm1 -b '\(guest.disk)' >dump 2>/dev/null
        rm import; cp '\(program)' import; printf '#!/bin/sh\nexit 99\n' >new; chmod 755 new; mkfifo pipe
        \(prefix) '\(guest.definition.folder)/import' -i vm1 -b '\(disk)' -s '\(swap)' <pipe & script=$!
        exec 7>pipe
        until [[ $(readlink /proc/$script/exe) == */import ]]; do sleep 0.02; done
        \(replacing); cat dump >&7; exec 7>&-; wait $script
        """)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(try problems(of: disk) == nil)
    }
  }

  @Test("the machine's configuration says for commands too whether to go on", arguments: ["auto", "required", "of"])
  func machineConfiguration(mode: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let dump = scratch("dump")
      try shell("'\(guest.definition.folder)/export' -i vm1 -b '\(guest.disk)' >'\(dump)' 2>/dev/null")
      try shell("cp -a /etc/. '\(try scratch.folder("etc"))' 2>/dev/null; mkdir -p '\(scratch("etc/guestsmith"))'")
      try scratch.write("sandbox = \"\(mode)\"\n", to: "etc/guestsmith/guestsmith.toml")
      try shell("chmod -R a+rX '\(scratch("etc/guestsmith"))'")
      let place = "\(Self.first("mount --bind \(scratch("etc")) /etc", in: "unshare -rm")) \(Self.probe) namespaces"
      let folder = try scratch.folder("out")
      for command in ["info '\(dump)'", "verify '\(dump)'", "extract '\(dump)' /etc/hostname --to '\(folder)'"] {
        let outcome = try bash("\(place) '\(program)' dump \(command)")
        switch mode {
        case "auto":
          #expect(outcome.status == 0 && outcome.errors.contains("programs that read a guest's bytes"), "\(outcome)")
        case "required":
          #expect(outcome.status == Failure.Code.tool.rawValue, "\(outcome)")
          #expect(outcome.errors.contains("sandbox = required"), "\(outcome)")
        default:
          #expect(outcome.status == Failure.Code.invalid.rawValue, "\(outcome)")
        }
      }
    }
  }
}
