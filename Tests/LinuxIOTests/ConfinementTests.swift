// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@Suite("A confined program") struct ConfinementTests {
  private static let probe = buildFolder + "/confinement-probe"
  private static let roles: [Confinement.Role] = [.unpacker, .checker, .worker, .extractor]

  private static func command(_ role: Confinement.Role, _ attempt: String, _ path: String = "") -> Command {
    var command = Command(probe, ["\(role)", attempt, path])
    command.environment = [:]
    command.error = .null
    return command
  }

  private static func isRefused(_ status: LinuxIO.ExitStatus) -> Bool {
    status == .exited(1) || status == .signalled(SIGSYS)
  }

  private static func hasNamespaces(_ role: Confinement.Role) -> Bool {
    SandboxLayers.of(role).table.contains { $0.name == "namespaces" && $0.isThere }
  }

  /// A socket that takes connections at `path`.
  private static func listener(_ path: String) throws -> Descriptor {
    let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard raw >= 0 else { throw Failure.system("make", "a socket") }
    let listener = Descriptor(owning: raw, name: path)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    guard result == 0, listen(raw, 5) == 0 else { throw Failure.system("listen at", path) }
    return listener
  }

  @Test("reaches nothing of the machine, and not even root could stop it without that", arguments: roles)
  func reachesNothing(role: Confinement.Role) throws {
    try withScratch { scratch in
      let disk = try makeSparseFile(scratch("disk"), size: 1 << 20)
      let other = try makeSparseFile(scratch("other"), size: 1 << 20)
      let folder = try scratch.folder("folder")
      let sleeper = try Command("/bin/sleep", ["1000"]).start()
      let listener = try Self.listener(scratch("socket"))
      defer { withExtendedLifetime(listener) {} }
      var attempts = [
        ("read", "/etc/passwd"), ("write", other), ("make", "\(folder)/made"),
        ("make", "/tmp/made-by-probe-\(getpid())"),
        ("connect", scratch("socket")), ("execute", "/bin/true"), ("fork", ""), ("signal", "\(sleeper.pid)"),
      ]
      if isRoot { attempts += [("trace", "\(sleeper.pid)"), ("mount", folder), ("root", "")] }
      // A worker shares what it has open with its broker; a tool has its own.
      if role == .worker || role == .extractor { attempts += [("append", ""), ("unlock", "")] }
      let place = try Confinement.Place(disk, try Descriptor(disk, O_RDWR), writable: true)
      for (attempt, path) in attempts {
        var command = Self.command(role, attempt, path)
        command.confinement = Confinement(role, [place])
        let status = try command.run()
        #expect(Self.isRefused(status), "\(role) \(attempt) \(path): \(status)")
        // The same without confinement: the attempt is a real one.
        let free = try Self.command(.unpacker, attempt, path).run()
        #expect(free.isSuccess, "\(attempt) \(path): \(free)")
        unlink("\(folder)/made")
        unlink("/tmp/made-by-probe-\(getpid())")
        if attempt == "mount" { umount2(folder, Int32(MNT_DETACH)) }
      }
    }
  }

  @Test(
    "that works on a disk opens that one, to write or only to read") func opensDisk() throws
  {
    try withScratch { scratch in
      let disk = try makeSparseFile(scratch("disk"), size: 1 << 20)
      try check(disk)
      if isRoot { try withLoopDevice(disk) { try check($0) } }
    }
  }

  private func check(_ disk: String) throws {
    for writable in [true, false] {
      let place = try Confinement.Place(disk, try Descriptor(disk, O_RDWR), writable: writable)
      for attempt in ["read", "write"] {
        var command = Self.command(.checker, attempt, disk)
        command.confinement = Confinement(.checker, [place])
        #expect(
          try command.run().isSuccess == (writable || attempt == "read"), "\(attempt) \(disk) \(writable)")
      }
    }
  }

  @Test("that makes files makes them in its folder, and has no way out of it")
  func folder() throws {
    try withScratch { scratch in
      let path = try scratch.folder("folder")
      try scratch.write("secret", to: "other")
      let folder = try Folder(path)
      let device = isRoot ? examine("/dev/loop0").status.st_rdev : 0
      var attempts = [("make-inside", "made", true)]
      // Landlock keeps it from what is there, and not from naming it.
      if Self.hasNamespaces(.extractor) { attempts.append(("name-above", "../other", false)) }
      if device != 0 { attempts.append(("read-device", "\(device)", false)) }
      for (attempt, name, passes) in attempts {
        var command = Self.command(.extractor, attempt, name)
        command.extras = [(4, folder.descriptor.view)]
        command.confinement = Confinement(making: 4, try .init(of: folder.descriptor.view))
        #expect(try command.run() == .exited(passes ? 0 : 1), "\(attempt)")
        try shell("rm -f '\(path)'/*")
        // The same without confinement: the attempt is a real one.
        var free = Self.command(.unpacker, attempt, name)
        free.extras = command.extras
        let status = try free.run()
        #expect(status.isSuccess, "\(attempt): \(status)")
        try shell("rm -f '\(path)'/*")
      }
    }
  }

  @Test(
    "cannot write to what is mounted among the libraries", .enabled(if: isRoot, "needs root"),
    arguments: ["", "without mount_setattr "])
  func belowLibraries(kernel: String) throws {
    let folder = try shell("find -L /usr/lib -mindepth 1 -maxdepth 1 -type d -name '*.d' | head -1")
    try #require(!folder.isEmpty)
    let wrapper = kernel.isEmpty ? "" : "'\(Self.probe)' \(kernel)"
    #expect(try bash("\(wrapper) '\(Self.probe)' below '\(Self.probe)' '\(folder)'").status == 1)
  }

  @Test("that unpacks opens nothing to write, also where it sees all of the machine")
  func unpackerWrites() throws {
    try withScratch { scratch in
      let file = try makeSparseFile(scratch("file"), size: 4096)
      try shell("chmod 666 '\(file)'; chmod 755 '\(scratch.path)'")
      var command = Self.command(.unpacker, "write", file)
      command.confinement = Confinement(.unpacker, [try .init(file, try Descriptor(file, O_RDWR), writable: true)])
      #expect(try command.run() == .signalled(SIGSYS))
    }
  }

  @Test("is not given another file than the one that was opened") func changedPlace() throws {
    try withScratch { scratch in
      let disk = try makeSparseFile(scratch("disk"), size: 1 << 20)
      let place = try Confinement.Place(disk, try Descriptor(disk, O_RDWR), writable: true)
      unlink(disk)
      try #require(symlink("/etc/passwd", disk) == 0)
      var command = Self.command(.checker, "read", disk)
      command.confinement = Confinement(.checker, [place])
      #expect(throws: Failure.self) { try command.run() }
    }
  }

  @Test(
    "holds to all of this where there are no namespaces, but for what takes them",
    arguments: [
      ("namespaces", "(reachesNothing|opensDisk|folder|unpackerWrites|changedPlace|status|ends)", 7),
      ("namespaces,landlock_create_ruleset", "changedPlace", 1),
    ])
  func withoutNamespaces(calls: String, names: String, count: Int) throws {
    try withScratch { scratch in
      let tests = try #require(linkTarget("/proc/self/exe"))
      let folder = try scratch.folder("tmp")
      try shell("chmod 755 '\(scratch.path)'; chmod 1777 '\(folder)'")
      let user = "setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps=-all "
      for other in isRoot ? ["", user] : [""] {
        let outcome = try bash(
          "TMPDIR='\(folder)' \(other) '\(Self.probe)' without \(calls) '\(tests)' "
            + "--testing-library swift-testing --filter 'ConfinementTests/\(names)\\('")
        let words = "with \(count) \(count == 1 ? "test" : "tests") in"
        #expect(outcome.status == 0 && (outcome.output + outcome.errors).contains(words), "\(outcome)")
      }
    }
  }

  @Test("has no rights, and namespaces of its own", arguments: roles) func status(role: Confinement.Role) throws {
    let input = try Pipe()
    var command = Self.command(role, "wait")
    command.input = .descriptor(input.reader.view)
    command.confinement = Confinement(role)
    let child = try command.start()
    let filtered = eventually { (fileText("/proc/\(child.pid)/status") ?? "").contains("Seccomp:\t2") }
    #expect(filtered)
    let status = try #require(fileText("/proc/\(child.pid)/status"))
    // What makes a guest's files for root gives them to others, and makes devices.
    let rights = isRoot && role == .extractor ? "000000008820001b" : "0000000000000000"
    // An ordinary user has no say in which rights it could have, and gets none of them.
    let bound = isRoot || Self.hasNamespaces(role) ? ["CapBnd:\t\(rights)"] : []
    for line in ["CapEff:\t\(rights)", "CapPrm:\t\(rights)", "NoNewPrivs:\t1"] + bound {
      #expect(status.contains("\(line)\n"), "\(role): \(status)")
    }
    if isRoot, role != .extractor {
      let user = status.split(separator: "\n").first { $0.hasPrefix("Uid:") }
      #expect(user.map { !$0.contains("\t0\t") } == true)
    }
    for name in ["mnt", "pid", "net", "ipc", "uts"] where Self.hasNamespaces(role) {
      #expect(linkTarget("/proc/\(child.pid)/ns/\(name)") != linkTarget("/proc/self/ns/\(name)"), "\(role) \(name)")
    }
    try input.keepingWriter().close()
    #expect(try child.wait().isSuccess)
  }

  @Test("ends at its limits, and as it says") func ends() throws {
    var command = Command.ofSystem("gzip", ["-dc"])
    command.output = .null
    command.error = .null
    command.confinement = Confinement(.unpacker)
    #expect(try command.run() == .exited(1))
  }
}
