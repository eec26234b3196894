// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import TestSupport
import Testing

/// What a confined process is expected to have, and nothing more.
struct Walls {
  /// Whether it is a worker, rather than a tool.
  let isWorker: Bool
  /// The files and devices that it is for.
  var files: [String] = []
  /// Those that it finds by their paths.
  var places: [String] = []
  /// What it may have open besides, as `HeldProcess.descriptors` names it.
  var streams: Set<String> = []
  /// What is at the descriptors from 4 on.
  var handed: [String] = []
  var user = Walls.user
  /// What a tool is told besides by its environment.
  var variables: [String] = []

  static let libraries = [
    "/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/etc/ld.so.cache",
  ]

  /// What this machine gives to the caller.
  static let hasNamespaces = has("namespaces")
  /// Whether a confined process is another user than its caller.
  static let changesUser = isRoot && has("user")

  private static func has(_ layer: String) -> Bool {
    SandboxLayers.ofThisMachine.table.contains { $0.name == layer && $0.isThere }
  }

  /// Whom a confined process is, where it opens no file.
  static let user: UInt32 = {
    guard changesUser else { return geteuid() }
    return (try? shell("id -u _guestsmith")).flatMap { UInt32($0) } ?? 65187
  }()

  /// Those of the program that are elsewhere.
  private static let ownLibraries = (try? shell("ldd '\(program)' | grep -o '/[^ ]*' | xargs realpath")) ?? ""

  func expect(_ process: HeldProcess, sourceLocation: SourceLocation = #_sourceLocation) throws {
    for status in try process.statuses() {
      for (name, value) in [
        ("CapEff", "0000000000000000"), ("CapPrm", "0000000000000000"), ("CapInh", "0000000000000000"),
        ("CapAmb", "0000000000000000"), ("NoNewPrivs", "1"), ("Seccomp", "2"),
        ("Uid", Array(repeating: "\(user)", count: 4).joined(separator: " ")),
      ] { #expect(status[name] == value, "\(name)", sourceLocation: sourceLocation) }
      // Without rights in a namespace nobody can empty it: there it is of no use, since no new privileges come.
      if isRoot || Self.hasNamespaces {
        #expect(status["CapBnd"] == "0000000000000000", sourceLocation: sourceLocation)
      }
      if Self.changesUser {
        // The kernel ends these lines with a space.
        #expect(status["Groups"].map { $0.allSatisfy { $0 == " " } } == true, sourceLocation: sourceLocation)
        #expect(
          user == 0 || status["Gid"]?.split(separator: " ").contains("0") == false, sourceLocation: sourceLocation)
      }
    }
    for name in ["mnt", "pid", "net", "ipc", "uts"] + (isRoot ? [] : ["user"]) where Self.hasNamespaces {
      #expect(process.hasOwnNamespace(name), "\(name)", sourceLocation: sourceLocation)
    }
    // A tool is told where to find programs, and in which language to speak.
    #expect(
      process.environment == (isWorker ? [] : ["LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]) + variables,
      sourceLocation: sourceLocation)
    if isWorker { #expect(process.arguments == ["guestsmith-worker"], sourceLocation: sourceLocation) }
    expectDescriptors(process, sourceLocation)
    if Self.hasNamespaces { expectRoot(process, sourceLocation) }
    let limits = fileText("/proc/\(process.pid)/limits") ?? ""
    let core = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
    #expect(core?.split(separator: " ").dropFirst(4).prefix(2) == ["0", "0"], sourceLocation: sourceLocation)
    for name in ["Max cpu time", "Max address space"] {
      let line = limits.split(separator: "\n").first { $0.hasPrefix(name) }
      #expect(line.map { !$0.contains("unlimited") } == true, "\(limits)", sourceLocation: sourceLocation)
    }
  }

  private func expectDescriptors(_ process: HeldProcess, _ sourceLocation: SourceLocation) {
    let found = process.descriptors(files + ["/dev/null"])
    // What waits for its threads and the kernel is of the program itself.
    var allowed = streams.union(files).union(["/dev/null", "anon_inode"])
    if isWorker {
      allowed.insert("socket")
      #expect(found[3] == "socket", sourceLocation: sourceLocation)
      for number in 0...2 { #expect(found[number] == "/dev/null", sourceLocation: sourceLocation) }
      for (place, what) in handed.enumerated() { #expect(found[4 + place] == what, sourceLocation: sourceLocation) }
    } else {
      // It may have been stopped while the dynamic linker opens them, or while it looks whether the disk is in use.
      allowed.formUnion(["a library", "/proc/mounts", "/proc/swaps"])
    }
    #expect(Set(found.values).subtracting(allowed) == [], "\(found)", sourceLocation: sourceLocation)
  }

  private func expectRoot(_ process: HeldProcess, _ sourceLocation: SourceLocation) {
    let executable = isWorker ? realPath(program) : process.arguments.first.flatMap { realPath("/usr/sbin/\($0)") }
    let own = isWorker ? Self.ownLibraries.split(separator: "\n").map { String($0) } : []
    let allowed =
      Self.libraries + own + places + ["/dev/null", "/proc/mounts", "/proc/swaps"]
      + [executable ?? (process.arguments.first.flatMap { realPath("/usr/bin/\($0)") } ?? "")]
    let root = process.root()
    #expect(Set(root).subtracting(allowed) == [], sourceLocation: sourceLocation)
    #expect(root.contains("/usr/lib"), "it is its root that was looked at", sourceLocation: sourceLocation)
    for place in places { #expect(root.contains(place), sourceLocation: sourceLocation) }
  }
}
