// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Inspection
internal import Report

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

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func run() throws {
    let steps = progress.steps
    let (one, other) = (try StoredDump(first, steps: steps), try StoredDump(second, steps: steps))
    let differences = try steps.step("compare the guest's files") { progress throws(Failure) in
      let found = try one.differences(to: other, steps: steps, progress: progress)
      progress.detail("\(found.count) differ")
      return found
    }
    try output.write(.array(differences.map(\.json)), else: differences.map(\.line))
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
