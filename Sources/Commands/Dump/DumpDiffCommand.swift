// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Inspection
internal import LinuxIO
internal import Report
internal import Worker

struct DumpDiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Show the guest's files that differ between two dumps.",
    discussion: """
      One line for each file: + is only in the second dump, - only in the first, ~ is in both and differs in its content, \
      mode, owner, time, attributes or link target.

      Example:
        guestsmith dump diff monday.dump tuesday.dump
      """)

  @Argument(help: "The first dump: a file.")
  var first: String

  @Argument(help: "The second dump: a file.")
  var second: String

  @OptionGroup var partition: PartitionOption

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func run() throws {
    let steps = progress.steps
    let workers = try commandWorkers(steps)
    let files = try [first, second].map { path throws(Failure) in try DumpFile(searching: path, workers, steps) }
    try writeOutput(
      of: Self.task, ["json": .bool(output.json), "partition": partition.json], files, by: workers, steps)
  }

  /// Both dumps, and where the lines go.
  static let task = WorkerTask("dump-diff", .reader) { context throws(Failure) in
    let partition = context.values["partition"]?.integer
    let one = try StoredDump(context.descriptor(0), partition: partition)
    let other = try StoredDump(context.descriptor(1), partition: partition)
    let output = try context.descriptor(2)
    let differences = try context.steps.step("compare the guest's files") { progress throws(Failure) in
      let found = try one.differences(to: other, steps: context.steps, progress: progress)
      progress.detail("\(found.count) differ")
      return found
    }
    let text =
      try context.values.flag("json")
      ? JSON.array(differences.map(\.json)).serialized() : differences.map { $0.line.escaped + "\n" }.joined()
    try output.writeAll(Array(text.utf8))
    return nil
  }
}

extension DumpDifference {
  private var name: ByteString { path.isEmpty ? "/" : path }

  var line: String {
    switch change {
    case .added: "+ \(name)"
    case .removed: "- \(name)"
    case .changed(let what): "~ \(name)  \(what.joined(separator: ", "))"
    }
  }

  var json: JSON {
    let (word, words): (JSON, [String]) =
      switch change {
      case .added: ("added", [])
      case .removed: ("removed", [])
      case .changed(let what): ("changed", what)
      }
    return [
      "path": .text(of: name), "pathBytes": .bytes(of: name), "change": word,
      "differs": .array(words.map { .string($0) }),
    ]
  }
}
