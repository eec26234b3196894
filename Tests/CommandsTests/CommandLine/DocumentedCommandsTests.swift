// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import TestSupport
import Testing

@testable import Commands

@Suite("The commands in the documents") struct DocumentedCommandsTests {
  /// A command of this program in a block of a document.
  struct Line: CustomTestStringConvertible {
    let document: String
    let text: String
    var testDescription: String { "\(document): \(text)" }
  }

  /// The words of a command as a shell splits them, up to a redirection, a pipe or a comment.
  static func words(_ text: some StringProtocol) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    for character in text {
      switch (quote, character) {
      case (nil, "'"), (nil, "\""):
        quote = character
        word = word ?? ""
      case (let open?, character) where open == character: quote = nil
      case (nil, " "):
        if let ended = word { words.append(ended) }
        word = nil
      case (nil, "#") where word == nil, (nil, ">"), (nil, "<"), (nil, "|"), (nil, "&"), (nil, ";"):
        return words + (word.map { [$0] } ?? [])
      default: word = (word ?? "") + String(character)
      }
    }
    return words + (word.map { [$0] } ?? [])
  }

  /// The commands behind a prompt in the console blocks of a text, each in one line.
  static func commands(in text: String) -> [String] {
    var commands: [String] = []
    var isInside = false
    var goesOn = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isInside = line == "```console"
        goesOn = false
      } else if isInside, goesOn || line.hasPrefix("$ ") || line.hasPrefix("# ") {
        let command = goesOn ? "\(commands.removeLast()) \(line)" : String(line.dropFirst(2))
        goesOn = command.hasSuffix("\\")
        commands.append(goesOn ? String(command.dropLast()) : command)
      }
    }
    return commands
  }

  static let lines: [Line] = {
    let root = examples + "/.."
    let names = (try? shell("cd '\(root)' && ls README.md CONTRIBUTING.md docs/*.md Examples/README.md")) ?? ""
    return names.split(separator: "\n").flatMap { name in
      let text = String(decoding: (try? readFile("\(root)/\(name)")) ?? [], as: UTF8.self)
      return commands(in: text).filter { ownWords($0) != nil }.map { Line(document: String(name), text: $0) }
    }
  }()

  /// The words behind the program's name, where a command is one of this program.
  static func ownWords(_ command: String) -> [String]? {
    let words = words(command).drop { $0 == "sudo" }
    guard let program = words.first, program.split(separator: "/").last == "guestsmith" else { return nil }
    return words.dropFirst().filter { $0 != "--debug" }
  }

  @Test("Each is one that the program takes", arguments: lines)
  func parses(line: Line) throws {
    let words = try #require(Self.ownWords(line.text))
    try Guestsmith.checkCommand(words)
    #expect(throws: Never.self) { try Guestsmith.parseAsRoot(words) }
  }

  @Test("There are some in the README and in most pages")
  func found() {
    #expect(Self.lines.count > 50)
    #expect(
      Set(Self.lines.map(\.document)).isSuperset(of: ["README.md", "docs/tour.md", "docs/backups.md", "docs/host.md"]))
  }

  @Test(
    "A command that the program does not take is found",
    arguments: ["guestsmith instance list --colour", "guestsmith dump verify", "guestsmith backup import vm1 --disk"])
  func unknown(command: String) throws {
    let words = try #require(Self.ownWords(command))
    #expect(throws: (any Error).self) { try Guestsmith.parseAsRoot(words) }
  }

  @Test("Words are split as a shell splits them")
  func splitting() {
    #expect(
      Self.words("guestsmith instance boot a --until 'a login:' >console") == [
        "guestsmith", "instance", "boot", "a", "--until", "a login:",
      ])
    #expect(Self.words("make demo   # a guest") == ["make", "demo"])
    #expect(
      Self.commands(in: "```console\n# one \\\n    two\nsaid\n$ three\n```\n# Heading\n") == ["one      two", "three"])
  }
}
