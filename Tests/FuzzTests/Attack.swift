// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// How long the fuzzers go on: so many cases of a fixed seed, or for so many minutes a kind (`GUESTSMITH_FUZZ_MINUTES`,
/// with `GUESTSMITH_FUZZ_SEED`), as `scripts/fuzz` has it.
struct Extent {
  private let cases: Int
  private let deadline: ContinuousClock.Instant?
  let seed: UInt64

  init(cases: Int) {
    self.cases = cases
    let minutes = inherited["GUESTSMITH_FUZZ_MINUTES"].flatMap { Int($0) }
    deadline = minutes.map { ContinuousClock.now + .seconds(60 * $0) }
    seed = inherited["GUESTSMITH_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
  }

  func each(_ body: (Int, inout Noise) throws -> Void) rethrows {
    var index = 0
    while deadline.map({ .now < $0 }) ?? (index < cases) {
      var noise = Noise(seed: seed, index: index)
      try body(index, &noise)
      index += 1
    }
  }
}

/// A folder in which the program is attacked: a definition of API 5, and disks of files.
struct Attack {
  let scratch: Scratch
  let definition: InstalledDefinition

  init(in scratch: Scratch) throws {
    self.scratch = scratch
    definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
    try makeSparseFile(scratch("swap"), size: 4 << 20)
  }

  /// Whether the program was built with AddressSanitizer, as `scripts/fuzz --sanitize` has it.
  private static let isSanitized = inherited["GUESTSMITH_FUZZ_SANITIZED"] != nil

  /// What no input may bring about; each call is ended at these limits. Guests of the size that is used here take less
  /// than a tenth of them. AddressSanitizer takes addresses without end.
  private static let limits = ChildLimits(
    processor: isSanitized ? 100 : 20, duration: 300, memory: isSanitized ? .max : 3 << 30, fileSize: 256 << 20)

  struct Result {
    let what: String
    let status: LinuxIO.ExitStatus
    let errors: [UInt8]

    var isSuccess: Bool { status.isSuccess }

    /// Why it must not have ended so; nil for a success, or a failure with a status of the table and words for it.
    var fault: String? {
      guard case .exited(let code) = status, Failure.Code(rawValue: code) != nil || code == 0 else {
        return "\(what) \(status): \(text)"
      }
      if code != 0, errors.isEmpty { return "\(what) \(status), and says nothing" }
      // Nothing from outside reaches a terminal as it is.
      let bad = String(decoding: errors, as: UTF8.self).unicodeScalars.first { scalar in
        (scalar.value < 0x20 && scalar != "\n") || (0x7F...0x9F).contains(scalar.value)
          || (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
      }
      return bad.map { "\(what) writes the character \($0.value) to standard error: \(text)" }
    }

    var text: String { String(decoding: errors.suffix(600), as: UTF8.self) }
  }

  /// What all files in the folder take on the disk, in bytes: a hole takes nothing.
  private func roomTaken() -> UInt64 { roomTaken(in: open(scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) }

  private func roomTaken(in folder: Int32) -> UInt64 {
    guard let stream = fdopendir(folder) else { return 0 }
    defer { closedir(stream) }
    var sum: UInt64 = 0
    while let entry = readdir(stream) {
      withUnsafePointer(to: &entry.pointee.d_name.0) { name in
        var status = stat()
        guard strcmp(name, ".") != 0, strcmp(name, "..") != 0,
          fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0
        else { return }
        sum += UInt64(status.st_blocks) * 512
        if status.isFolder {
          sum += roomTaken(in: openat(dirfd(stream), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
        }
      }
    }
    return sum
  }

  /// Runs a program and gives it a file as its standard input, and one for its standard output.
  ///
  /// - Parameter makesHoles: its files may have any size, as disks do: what they take of the room is bounded instead.
  func run(
    _ program: String, _ arguments: [String], input: String? = nil, output: String? = nil,
    environment: [String: String] = [:], makesHoles: Bool = false
  ) throws -> Result {
    let source = try Descriptor(input ?? "/dev/null", O_RDONLY)
    let target = try Descriptor(output ?? "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    let errors = try Descriptor(scratch("errors"), O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
    var command = Command(program, arguments)
    command.environment = [
      "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": scratch.path, "SWIFT_BACKTRACE": "enable=no",
    ].merging(environment) { $1 }
    // A status that is in no table.
    if Self.isSanitized { command.environment?["ASAN_OPTIONS"] = "exitcode=99:detect_leaks=0" }
    command.input = .descriptor(source.view)
    command.output = .descriptor(target.view)
    command.error = .descriptor(errors.view)
    command.limits = Self.limits
    if makesHoles { command.limits?.fileSize = .max }
    let most = roomTaken() + Self.limits.fileSize
    func checkRoom() throws(Failure) {
      guard roomTaken() > most else { return }
      throw Failure(.space, "it took \(Words.bytes(Self.limits.fileSize)) of room")
    }
    var status: LinuxIO.ExitStatus
    do {
      // Twice a second: the look takes longer than most of what is run.
      var next = ContinuousClock.now + .milliseconds(500)
      status = try command.start().wait { () throws(Failure) in
        guard .now > next else { return }
        try checkRoom()
        next = .now + .milliseconds(500)
      }
      try checkRoom()
    } catch {
      status = .stopped(error.message)
    }
    let name = program.split(separator: "/").last.map { String($0) } ?? program
    let what = "\(name) \(arguments.prefix(2).joined(separator: " "))"
    return Result(what: what, status: status, errors: try readFile(scratch("errors")))
  }

  func script(_ name: String, _ arguments: [String], input: String? = nil, output: String? = nil) throws -> Result {
    try run("\(definition.folder)/\(name)", arguments, input: input, output: output, makesHoles: name == "import")
  }

  func guestsmith(_ arguments: String...) throws -> Result { try run(program, arguments, output: scratch("output")) }

  /// Extracts from a dump; returns what must not have happened. A file that is one hole has any size, and takes no room.
  func extract(_ path: String, of dump: String) throws -> [String] {
    let out = scratch("out")
    try shell("rm -rf '\(out)'; mkdir '\(out)'")
    let result = try run(
      program, ["dump", "extract", dump, path, "--to", out, "--quiet"], output: scratch("output"), makesHoles: true)
    let taken = try shell("du -s --block-size=1M '\(out)' | cut -f1")
    let excess = UInt64(taken) ?? .max > 64 ? "dump extract makes files of \(taken) MiB" : nil
    return [result.fault, excess].compactMap { $0 }
  }

  /// Imports a file to a disk of that size; where that succeeds the checker finds nothing wrong.
  func restore(_ input: String, size: UInt64 = 32 << 20) throws -> (result: Result, fault: String?) {
    let disk = try makeSparseFile(scratch("restored"), size: size)
    let arguments = ["-i", "new.example.com", "-b", disk, "-s", scratch("swap")]
    let result = try script("import", arguments, input: input)
    return (result, try result.fault ?? (result.isSuccess ? damage(on: disk, after: "import") : nil))
  }

  /// What the checker finds on a disk that a success left; nil where that is not an ext filesystem.
  func damage(on disk: String, after operation: String) throws -> String? {
    let superblock = try Descriptor(disk, O_RDONLY).bytes(at: 1024, count: 1024)
    guard superblock.number(0x38, 2) == 0xEF53 else { return nil }
    let checked = try run("/sbin/e2fsck", ["-fn", disk], output: scratch("checked"))
    // 8: it does not open it. What is newer than the e2fsprogs of this machine is restored as it was, and e2fsck says that
    // it can't judge it, whatever else it has seen by then.
    guard !checked.isSuccess, checked.status != .exited(8), !checked.text.contains("unsupported feature") else {
      return nil
    }
    let said = String(decoding: try readFile(scratch("checked")).suffix(500), as: UTF8.self)
    return "\(operation) succeeds, and e2fsck \(checked.status): \(said)"
  }
}

/// Keeps an input that has led to a fault, and records the fault.
func record(
  _ fault: String, _ kind: String, seed: UInt64, index: Int, input: [UInt8],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let folder = sharedCache + "/../fuzz-findings"
  try shell("mkdir -p '\(folder)'")
  let path = "\(folder)/\(kind)-\(seed)-\(index)"
  let file = try Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC)
  try file.writeAll(input)
  Issue.record("\(kind), seed \(seed), case \(index), kept in \(path): \(fault)", sourceLocation: sourceLocation)
}
