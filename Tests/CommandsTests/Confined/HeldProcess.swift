// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// A process that a command has started, stopped behind its filter of system calls in the middle of its work.
struct HeldProcess {
  let pid: Int32
  /// Its command line.
  let arguments: [String]
  /// In clock ticks since the boot: a number that is used again has another.
  private let start: String

  /// Nil for one with another name, and for one that has no filter yet or has ended.
  init?(stopping pid: Int32, named expected: String) {
    self.pid = pid
    start = state(of: pid).start
    guard name(of: pid) == expected, Self.isFiltered(pid), kill(pid, SIGSTOP) == 0,
      eventually({ ["T", "Z", ""].contains(state(of: pid).letter) }), state(of: pid) == ("T", start)
    else { return nil }
    // Not before: it may have been about to execute its program.
    arguments = strings("/proc/\(pid)/cmdline")
  }

  private static func isFiltered(_ pid: Int32) -> Bool {
    (fileText("/proc/\(pid)/status") ?? "").contains("\nSeccomp:\t2\n")
  }

  func goOn() { kill(pid, SIGCONT) }

  /// Whether it has ended, though its number may be another's by now.
  var isGone: Bool {
    let now = state(of: pid)
    return now.start != start || now.letter == "Z"
  }

  var environment: [String] { strings("/proc/\(pid)/environ") }

  /// What the kernel tells of each of its threads, by the words at the beginning of a line.
  func statuses() throws -> [[String: String]] {
    try allEntries(of: "/proc/\(pid)/task").names.map { thread in
      let text = try #require(fileText("/proc/\(pid)/task/\(thread)/status"))
      let lines = text.split(separator: "\n").map { $0.split(separator: ":", maxSplits: 1) }
      return Dictionary(
        lines.filter { $0.count == 2 }.map { ("\($0[0])", $0[1].split(separator: "\t").joined(separator: " ")) }
      ) { $1 }
    }
  }

  /// What each of its descriptors is open on: the name of a file among these, or what it is.
  func descriptors(_ files: [String]) -> [Int: String] {
    let known = files.map { ($0, examine($0).status) }
    let folder = "/proc/\(pid)/fd"
    return allEntries(of: folder).names.reduce(into: [:]) { list, number in
      let link = linkTarget("\(folder)/\(number)") ?? ""
      let (status, error) = examine("\(folder)/\(number)")
      // One that it has closed since.
      guard error == 0, let number = Int(number) else { return }
      list[number] =
        known.first {
          status.isBlockDevice
            ? status.st_rdev == $0.1.st_rdev : status.st_dev == $0.1.st_dev && status.st_ino == $0.1.st_ino
        }?.0 ?? Self.words(for: link, status)
    }
  }

  /// Whether it may write to what that descriptor is open on.
  func writes(to descriptor: Int) -> Bool {
    let lines = (fileText("/proc/\(pid)/fdinfo/\(descriptor)") ?? "").split(separator: "\n")
    // Octal digits, of which the last two bits say that.
    let flags = lines.first { $0.hasPrefix("flags:") }?.split(separator: "\t").last
    return (flags.flatMap { Int32($0, radix: 8) } ?? 0) & O_ACCMODE != O_RDONLY
  }

  private static func words(for link: String, _ status: stat) -> String {
    if link.hasPrefix("/memfd:") { return "memory" }
    if link.hasSuffix(" (deleted)"), status.st_nlink == 0 { return "a file without a name" }
    if Walls.libraries.contains(where: { link.hasPrefix("\($0)/") || link == $0 }) { return "a library" }
    return "\(link.prefix { $0 != ":" })"
  }

  /// Everything in its root that is not below a mount: files, mounts, links, and folders with nothing in them.
  func root(_ path: String = "") -> [String] {
    let device = examine("/proc/\(pid)/root/").status.st_dev
    let names = allEntries(of: "/proc/\(pid)/root\(path)/").names
    guard !names.isEmpty else { return [path] }
    return names.flatMap { name in
      let (status, _) = examine("/proc/\(pid)/root\(path)/\(name)", itself: true)
      return status.isFolder && status.st_dev == device ? root("\(path)/\(name)") : ["\(path)/\(name)"]
    }
  }

  /// Whether it has a namespace of its own.
  func hasOwnNamespace(_ name: String) -> Bool {
    linkTarget("/proc/\(pid)/ns/\(name)") != linkTarget("/proc/self/ns/\(name)")
  }
}

/// Runs a line of shell, which ends in the `exec` of a command, as often as it takes to stop a process of this name that the
/// command starts, and calls `body` with that and the number of the command; ends both then.
func whileHeld<R>(
  _ name: String, of line: String, where fits: (HeldProcess) -> Bool = { _ in true },
  after prepare: () throws -> Void = {},
  _ body: (HeldProcess, Int32) throws -> R
) throws -> R {
  var seen: Set<[String]> = []
  for _ in 0..<200 {
    try prepare()
    var command = Command("/bin/bash", ["-c", line])
    command.output = .null
    command.error = .null
    let broker = try command.start()
    while !["Z", ""].contains(state(of: broker.pid).letter) {
      for pid in children(of: broker.pid) {
        guard let process = HeldProcess(stopping: pid, named: name) else { continue }
        if fits(process) { return try body(process, broker.pid) }
        seen.insert(process.arguments)
        process.goOn()
      }
      sched_yield()
    }
    _ = try broker.wait()
  }
  throw Failure(.script, "\(line) starts no \(name) as it is looked for, but \(seen)")
}

/// What a process has started itself, by any of its threads.
func children(of pid: Int32) -> [Int32] {
  allEntries(of: "/proc/\(pid)/task").names.flatMap { thread in
    (fileText("/proc/\(pid)/task/\(thread)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
  }
}

/// What a process does, as ps(1) has it, and when it has started; nothing where there is none.
func state(of pid: Int32) -> (letter: String, start: String) {
  // Its name may have any characters.
  guard let text = fileText("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return ("", "") }
  let words = text[end...].split(separator: " ")
  return words.count > 20 ? ("\(words[1])", "\(words[20])") : ("", "")
}

/// What it is called by, without the folder.
func name(of pid: Int32) -> String? { strings("/proc/\(pid)/cmdline").first.map { splitPath($0).name } }

/// The same, of one that may be about to execute: for a moment it has no name then.
func lasting(nameOf pid: Int32) -> String? {
  _ = eventually { name(of: pid) != nil || ["", "Z"].contains(state(of: pid).letter) }
  return name(of: pid)
}

private func strings(_ path: String) -> [String] {
  ((try? readFile(path)) ?? []).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
}
