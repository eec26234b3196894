// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@Suite("A confined program") struct ConfinementTests {
  private static let probe = splitPath(program).folder + "/confinement-probe"
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

  @Test("has no rights, and namespaces of its own", arguments: roles) func status(role: Confinement.Role) throws {
    let input = try Pipe()
    var command = Self.command(role, "wait")
    command.input = .descriptor(input.reader.view)
    command.confinement = Confinement(role)
    let child = try command.start()
    let filtered = eventually { (fileText("/proc/\(child.pid)/status") ?? "").contains("Seccomp:\t2") }
    #expect(filtered)
    let status = try #require(fileText("/proc/\(child.pid)/status"))
    for line in [
      "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1",
    ] {
      #expect(status.contains(line), "\(role): \(status)")
    }
    if isRoot {
      let user = status.split(separator: "\n").first { $0.hasPrefix("Uid:") }
      #expect(user.map { !$0.contains("\t0\t") } == true)
    }
    for name in ["mnt", "pid", "net", "ipc", "uts"] {
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
