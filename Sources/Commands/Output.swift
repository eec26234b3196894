// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import LinuxIO
internal import Report

// All that goes to standard output goes by this file: it is data, that a reader without room or a full disk must not lose in
// silence.

/// How a command answers: with lines for a reader, or JSON for a machine.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Write JSON.")
  var json = false

  func write(_ value: JSON, else lines: @autoclosure () -> [String]) throws(Failure) {
    try json ? writeOutput(value) : writeOutput(lines())
  }

  /// A list: a table, or an array of objects.
  func write<Row: Listed>(_ rows: [Row]) throws(Failure) {
    try write(.array(rows.map(\.json)), else: Table(rows.map(\.cells), header: Row.header).lines)
  }
}

/// A thing in a list.
protocol Listed {
  static var header: [String] { get }
  /// As many as the header has.
  var cells: [String] { get }
  var json: JSON { get }
}

/// Writes lines that tell of things from outside: what could disturb a terminal is escaped here, whatever it came from.
func writeOutput(_ lines: [String]) throws(Failure) {
  try writeText(lines.map { $0.escaped + "\n" }.joined())
}

/// Writes JSON, which has escapes of its own.
func writeOutput(_ json: JSON) throws(Failure) {
  try writeText(json.serialized() + "\n")
}

/// Writes words of ours as they are.
func writeText(_ text: String) throws(Failure) {
  try StandardStream.output.open().writeAll(Array(text.utf8))
}
