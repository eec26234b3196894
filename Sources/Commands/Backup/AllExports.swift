// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Instances
internal import LinuxIO
internal import Report
internal import Worker

/// All exports of a state folder, to be verified one after the other.
struct AllExports {
  let node: Node
  let workers: Workers

  /// What is said of each, and what the command ends with: nil where nothing is wrong.
  ///
  /// - Throws: also where the folder of all exports is missing: what watches over backups may look into the wrong one.
  func verify() throws(Failure) -> (rows: [ExportVerdict], failure: Failure?) {
    let error = examine(node.state.exports).error
    guard error == 0 else {
      var failure = Failure.system("look for exports in", node.state.exports, errno: error)
      failure.remedy = "name the folder that guestsmith backup export fills: --state DIR"
      throw failure
    }
    node.recover()
    let exports = try node.state.listExports()
    guard !exports.isEmpty else {
      node.steps.note("\(node.state.exports) is empty: 0 exports were checked")
      return ([], nil)
    }
    let total = exports.reduce(UInt64(0)) { $0.saturatingAdding($1.bytes) }
    let title = "verify \(exports.count) \(exports.count == 1 ? "export" : "exports")"
    let rows = node.steps.step(title) { progress -> [ExportVerdict] in
      progress.expect(total)
      var rows: [ExportVerdict] = []
      var done: UInt64 = 0
      for export in exports {
        let found = verdict(of: export) { lengths in
          PartOfStep(progress, of: total, from: done, lengths: lengths)
        }
        if let found {
          rows.append(found)
          if let reason = found.reason { node.steps.note("\(found.name): \(reason)") }
        }
        done = done.saturatingAdding(export.bytes)
        progress.reach(StepMeasure(done: done, total: total))
      }
      return rows
    }
    let failures = rows.compactMap { $0.failure }
    guard let worst = failures.reduce(nil as Failure?, { VerifiedDisk.worse($0, $1) }) else { return (rows, nil) }
    return (
      rows,
      Failure(
        worst.code,
        "\(failures.count) of \(rows.count) exports cannot be relied on: "
          + rows.filter { $0.failure != nil }.map { $0.name }.joined(separator: ", "), remedy: worst.remedy)
    )
  }

  /// Nil where the export was removed before it was read. One that was replaced meanwhile is read anew.
  private func verdict(of listed: ListedExport, _ makePart: ([UInt64]) -> PartOfStep) -> ExportVerdict? {
    var listed = listed
    while true {
      let before = examine(listed.path)
      guard before.error == 0 else { return nil }
      let verdict = judge(listed, makePart)
      let after = examine(listed.path)
      guard verdict.failure != nil else { return verdict }
      guard after.error == 0 else { return nil }
      guard after.status.st_ino != before.status.st_ino else { return verdict }
      listed = ListedExport(at: listed.path, named: listed.name)
    }
  }

  private func judge(_ listed: ListedExport, _ makePart: ([UInt64]) -> PartOfStep) -> ExportVerdict {
    var verdict = ExportVerdict(export: listed, failure: listed.fault)
    guard let configuration = listed.configuration else { return verdict }
    let part = makePart(configuration.namedDumps.map { $0.size ?? 0 })
    let verification = ExportVerification(workers: workers, searchPath: node.searchPath, steps: Steps(to: part))
    for disk in verification.disks(of: configuration) {
      part.passOne()
      verdict.disks.append(disk)
      verdict.failure = VerifiedDisk.worse(verdict.failure, disk.failure)
    }
    return verdict
  }
}

/// What was found of one export.
struct ExportVerdict: Listed {
  let export: ListedExport
  var failure: Failure?
  var disks: [VerifiedDisk] = []

  var name: String { export.name }
  var reason: String? { failure?.message }
  private var made: Int? { export.configuration?.timestamp }
  private var result: VerifiedDisk.Verdict {
    if let failure { return .init(of: failure) }
    return disks.contains { $0.verdict == .unknown } ? .unknown : .good
  }

  static let header = ["Instance", "Made", "Size", "Result"]

  var cells: [String] {
    [
      name, made.map { Timestamp(seconds: $0).text } ?? "-", Words.bytes(export.bytes),
      reason.map { "\(result.rawValue): \($0)" } ?? result.rawValue,
    ]
  }

  var json: JSON {
    [
      "name": .string(name), "path": .string(export.path), "result": .string(result.rawValue),
      "reason": .optional(reason), "bytes": .integer(Int(clamping: export.bytes)),
      "timestamp": made.map { .integer($0) } ?? .null, "disks": .array(disks.map(\.json)),
    ]
  }
}
