// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// A text of sections with `name = value` lines, as Python's ConfigParser reads and writes it: the form of Ganeti's
/// `config.ini` and of the description of an instance.
struct INI: Sendable {
  struct Entry: Sendable {
    /// In lower case.
    var name: String
    var value: String
    /// From 1.
    var line: Int
  }

  struct Section: Sendable {
    var name: String
    var line = 0
    var entries: [Entry] = []

    subscript(_ name: String) -> String? { entries.first { $0.name == name }?.value }

    mutating func set(_ name: String, _ value: String?) {
      guard let value else { return }
      entries.append(Entry(name: name, value: value, line: 0))
    }
  }

  /// What it is read from, for messages.
  var file: String
  var sections: [Section] = []

  /// More than any description has: a longer file is not one.
  static let limit = 1 << 20

  init(file: String) {
    self.file = file
  }

  subscript(_ name: String) -> Section? { sections.first { $0.name == name } }

  /// Where something is wrong, such as `/x/config.ini, line 3`.
  func place(_ line: Int) -> String { "\(file), line \(line)" }
}

// MARK: Reading

extension INI {
  /// Reads the file `path`, which is to be a file, not a link.
  ///
  /// - Throws: `code` with the file and the line of the first fault.
  init(reading path: String, _ code: Failure.Code = .invalid) throws(Failure) {
    let (status, error) = examine(path, itself: true)
    guard error == 0 else { throw Failure(code, "cannot read \(path): \(String(cString: strerror(error)))") }
    guard status.isRegular else { throw Failure(code, "\(path) is not a file") }
    guard status.st_size <= Self.limit else {
      throw Failure(code, "\(path) has \(status.st_size) bytes, and \(Self.limit) are the most that it may have")
    }
    try self.init(parsing: readFile(path, limit: Self.limit), file: path, code)
  }

  init(parsing bytes: [UInt8], file: String, _ code: Failure.Code = .invalid) throws(Failure) {
    self.init(file: file)
    var reader = INIReader(file: file, code: code)
    for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
      guard let text = String(validating: line, as: UTF8.self), !line.contains(0) else {
        throw Failure(code, "\(place(index + 1)): it is not text in UTF-8")
      }
      try reader.read(text, index + 1)
    }
    sections = reader.finish()
  }
}

private struct INIReader {
  let file: String
  let code: Failure.Code
  private var sections: [INI.Section] = []
  /// The lines of the value that may go on, and how far its name is indented; nil outside of one.
  private var open: (lines: [String], indent: Int)?

  init(file: String, code: Failure.Code) {
    self.file = file
    self.code = code
  }

  mutating func read(_ text: String, _ number: Int) throws(Failure) {
    let scalars = text.unicodeScalars
    let line = trimmed(text)
    let indent = scalars.prefix { $0.properties.isWhitespace }.count
    if line.isEmpty {
      open?.lines.append("")
      return
    }
    if line.hasPrefix("#") || line.hasPrefix(";") { return }
    if let open, indent > open.indent {
      self.open?.lines.append(line)
      return
    }
    close()
    if line.hasPrefix("[") { return try begin(section: line, number) }
    guard let last = sections.indices.last else {
      throw fault(number, "\(line.quoted) stands before the first [section]")
    }
    guard let delimiter = line.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
      throw fault(number, "\(line.quoted) is neither [section] nor name = value")
    }
    let name = trimmed(String(line[..<delimiter])).lowercased()
    guard !name.isEmpty else { throw fault(number, "\(line.quoted) has no name before the \(line[delimiter])") }
    guard sections[last][name] == nil else {
      throw fault(number, "\(name.quoted) is given twice in [\(sections[last].name.escaped)]")
    }
    sections[last].entries.append(INI.Entry(name: name, value: "", line: number))
    open = ([trimmed(String(line[line.index(after: delimiter)...]))], indent)
  }

  mutating func finish() -> [INI.Section] {
    close()
    return sections
  }

  private mutating func begin(section line: String, _ number: Int) throws(Failure) {
    guard line.hasSuffix("]"), line.count > 2 else { throw fault(number, "\(line.quoted) is not a [section]") }
    let name = String(line.dropFirst().dropLast())
    guard !sections.contains(where: { $0.name == name }) else {
      throw fault(number, "the section [\(name.escaped)] is there twice")
    }
    sections.append(INI.Section(name: name, line: number))
  }

  private mutating func close() {
    guard let open, let section = sections.indices.last, let entry = sections[section].entries.indices.last else {
      return
    }
    let value = trimmed(open.lines.joined(separator: "\n"))
    // ConfigParser gives the percent sign a meaning of its own, and has it doubled where it means itself.
    sections[section].entries[entry].value = value.replacing("%%", with: "%")
    self.open = nil
  }

  private func fault(_ line: Int, _ words: String) -> Failure {
    Failure(code, "\(file), line \(line): \(words)")
  }
}

private func trimmed(_ text: String) -> String {
  var scalars = Substring(text).unicodeScalars
  while scalars.first?.properties.isWhitespace == true { scalars.removeFirst() }
  while scalars.last?.properties.isWhitespace == true { scalars.removeLast() }
  return String(scalars)
}

// MARK: Writing

extension INI {
  var text: String {
    sections.map { section in
      let lines = section.entries.map { entry in
        let value = entry.value.replacing("%", with: "%%").replacing("\n", with: "\n\t")
        return "\(entry.name) =\(value.isEmpty ? "" : " ")\(value)\n"
      }
      return "[\(section.name)]\n\(lines.joined())\n"
    }.joined()
  }

  /// Why a value would not come back as it was written; nil where it does.
  static func fault(inValue value: String) -> String? {
    for (index, line) in value.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) { return "has a control character in it" }
      if line.first?.properties.isWhitespace == true || line.last?.properties.isWhitespace == true {
        return "has a space at the beginning or the end of a line"
      }
      if line.isEmpty && !value.isEmpty { return "has an empty line" }
      if index > 0, line.first == "#" || line.first == ";" { return "has a line that looks like a comment" }
    }
    return nil
  }
}
