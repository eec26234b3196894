// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import LinuxIO
internal import Report

/// Answers to what packages ask while they are configured (`debconf`), as debconf-set-selections(1) reads them. They may be secret.
struct DebconfAnswers: Equatable, Sendable {
  private static let types = [
    "boolean", "error", "multiselect", "note", "password", "select", "seen", "string", "text", "title",
  ]

  /// A line each; empty where there are none.
  let text: String

  /// - Parameter items: lines, and absolute paths of files with lines.
  /// - Throws: `.invalid` for what is not an answer; the value is not told.
  init(_ items: [String]) throws(Failure) {
    var lines: [String] = []
    for item in items {
      guard item.hasPrefix("/") else {
        lines.append(try Self.checked(item, "debconf"))
        continue
      }
      let bytes = try ConfiguredFile(item, as: "debconf", limit: 1 << 20).bytes
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw Failure(.invalid, "debconf: \(item) is not UTF-8", remedy: "write one answer a line")
      }
      // A backslash at its end has a line go on.
      var whole = ""
      for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        whole += line
        if whole.hasSuffix("\\") {
          whole = whole.dropLast() + " "
          continue
        }
        if !whole.allSatisfy(\.isWhitespace), whole.first(where: { !$0.isWhitespace }) != "#" {
          lines.append(try Self.checked(whole, "\(item), line \(index + 1)"))
        }
        whole = ""
      }
    }
    text = lines.map { $0 + "\n" }.joined()
  }

  var isEmpty: Bool { text.isEmpty }
  var digest: String { SHA256.hex(of: Array(text.utf8)) }

  private static func checked(_ line: String, _ place: String) throws(Failure) -> String {
    let words = line.split(maxSplits: 3, whereSeparator: \.isWhitespace)
    guard words.count >= 3, types.contains(String(words[2])), !line.contains("\n") else {
      throw Failure(
        .invalid, "\(place): \(words.prefix(2).joined(separator: " ").quoted) is not an answer for debconf",
        remedy: "write PACKAGE QUESTION TYPE VALUE, with one of the types \(types.joined(separator: ", "))")
    }
    return line
  }
}
