// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// The outside of the sandbox: makes it, waits for what is found in it, and takes away all that is left.
struct Sandbox {
  let steps: Steps

  /// Runs `command` as the first process of namespaces of its own, with the scratch folder as its last word and `request`
  /// in the file that it writes its records to.
  func run(_ command: [String], request: JSON, versions: [Int]) throws(Failure) -> Records.Told {
    let (parent, prefix) = (getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp", "guestsmith-check.")
    // A judge that was killed could not.
    for folder in ScratchFolder.left(in: parent, prefix: prefix) {
      steps.note("removed \(folder.path.escaped), which a judge that was killed had left")
      folder.remove()
    }
    let scratch = try ScratchFolder(in: parent, prefix: prefix)
    defer { scratch.remove() }
    let records = try Descriptor(inMemory: "the findings of the judge")
    try records.writeAll(Array(request.serialized().utf8) + [0])
    // All processes of a namespace end with its first one. That is not the judge: nobody inside can kill the first, and
    // a script that kills its parent is to be found out. Without these capabilities root can change nothing of the
    // kernel that is not in a namespace.
    var child = Command(
      "unshare",
      [
        "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
        "--",
      ]
        + ["setpriv", "--bounding-set", "-sys_module,-sys_rawio,-sys_time", "--"]
        + command + [scratch.path])
    child.extras = [(Records.number, records.view)]
    child.output = .null
    let status = try child.start().wait()
    var told = try Records.read(records)
    if let failure = told.failure {
      throw Failure(failure.code, "cannot judge without a sandbox: \(failure.message)", remedy: failure.remedy)
    }
    guard told.isInside else {
      throw Failure(
        .tool, "cannot judge without a sandbox: unshare \(status)",
        remedy: "give the judge unshare and setpriv of util-linux, and the capability CAP_SYS_ADMIN, which a container "
          + "may lack")
    }
    guard !told.isWhole || !status.isSuccess else { return told }
    // The check that it was at when it died is taken for what killed it.
    let words = "the host was killed, or ended, during this check"
    let missing = versions.flatMap { version in
      Check.allCases.filter { check in
        !check.isStatic && !told.findings.contains { $0.check == check && $0.version == version }
      }.map { Finding($0, version: version, .notApplicable("the host was killed before this check")) }
    }
    guard let at = told.current ?? missing.first.map({ ($0.check, $0.version) }) else { return told }
    told.findings += missing.filter { ($0.check, $0.version) != at }
    told.findings.append(Finding(at.0, version: at.1, .fail(words), evidence: told.note.map { [$0] } ?? []))
    return told
  }
}

/// What the process in the sandbox tells the one outside: JSON values, each with a zero byte behind it.
final class Records {
  /// The number of the descriptor in the sandbox.
  static let number: Int32 = 3
  private let file: Descriptor

  /// What the inner end is to do.
  let request: JSON

  /// The inner end.
  init() throws(Failure) {
    file = try Self.inherited()
    // The position is that of the outer end, behind the request.
    guard let request = try Self.values(in: file).first else { throw Self.notInside }
    self.request = request
  }

  /// The file that a process in the sandbox is started with.
  static func inherited() throws(Failure) -> Descriptor {
    do throws(Failure) {
      return try Descriptor(inherited: number, name: "the findings of the judge")
    } catch {
      throw notInside
    }
  }

  private static var notInside: Failure {
    Failure(.usage, "this is not the inside of a sandbox", remedy: "leave the option --inside-of out")
  }

  func tell(_ finding: Finding) { write(["finding": finding.json]) }

  func tell(_ mounts: [CoveredMount]) { write(["mounts": .array(mounts.map(\.json))]) }

  /// The check that the judge makes from here on.
  func tell(_ check: Check, _ version: Int, _ note: String) {
    write(["at": .string(check.rawValue), "version": .integer(version), "note": .string(note)])
  }

  func tell(_ failure: Failure) {
    write([
      "failure": .string(failure.message), "code": .integer(Int(failure.code.rawValue)),
      "remedy": .optional(failure.remedy),
    ])
  }

  func tellEnd() { write(["end": true]) }

  private func write(_ value: JSON) { try? file.writeAll(Array(value.serialized().utf8) + [0]) }

  struct Told {
    /// Whether the sandbox was there: nothing of the definition runs before.
    var isInside = false
    var findings: [Finding] = []
    var mounts: [CoveredMount] = []
    var failure: Failure?
    var current: (Check, Int?)?
    var note: String?
    var isWhole = false
  }

  /// The outer end: all that was told.
  static func read(_ file: borrowing Descriptor) throws(Failure) -> Told {
    var told = Told()
    for value in try values(in: file).dropFirst() {
      if let finding = value["finding"] {
        Finding(finding).map { told.findings.append($0) }
        told.current = nil
      } else if let mounts = value["mounts"]?.array {
        told.isInside = true
        told.mounts = mounts.compactMap { CoveredMount($0) }
      } else if let check = value["at"]?.string.flatMap({ Check(rawValue: $0) }) {
        told.current = (check, value["version"]?.integer)
        told.note = value["note"]?.string
      } else if let message = value["failure"]?.string {
        let code = value["code"]?.integer.flatMap { Failure.Code(rawValue: Int32($0)) }
        told.failure = Failure(code ?? .io, message, remedy: value["remedy"]?.string)
      } else {
        told.isWhole = true
      }
    }
    return told
  }

  private static func values(in file: borrowing Descriptor) throws(Failure) -> [JSON] {
    let bytes = try file.bytes(at: 0, count: Int(file.status().st_size))
    // A record that was cut short is left out.
    return bytes.split(separator: 0).compactMap { try? JSON(parsing: Array($0)) }
  }
}
