// SPDX-License-Identifier: Apache-2.0
package import Report

extension AptSource {
  /// The enabled binary entries of a `.sources` file (deb822).
  ///
  /// - Throws: `.invalid` with the file and line.
  package static func parse(deb822 text: String, file: String) throws(Failure) -> [AptSource] {
    var sources: [AptSource] = []
    var fields: [Field] = []
    for (number, line) in lines(text + "\n") {
      if line.first == "#" { continue }
      if line.allSatisfy(\.isWhitespace) {
        if let source = try source(fields, file: file, line: number) { sources.append(source) }
        fields = []
      } else if line.first == " " || line.first == "\t" {
        guard !fields.isEmpty else {
          throw Failure(.invalid, "\(file), line \(number): a continuation of no field: \(line)")
        }
        fields[fields.count - 1].value += "\n" + line
      } else {
        guard let colon = line.firstIndex(of: ":") else {
          throw Failure(.invalid, "\(file), line \(number): no field: \(removingCredentials(String(line)))")
        }
        fields.append(Field(String(line[..<colon]), trimmed(line[line.index(after: colon)...])))
      }
    }
    return sources
  }

  /// The binary entries of a file in the one-line form (`deb [option=value …] uri suite component …`).
  ///
  /// - Throws: `.invalid` with the file and line.
  package static func parse(oneLine text: String, file: String) throws(Failure) -> [AptSource] {
    var sources: [AptSource] = []
    for (number, line) in lines(text) {
      var words = words(of: line.prefix { $0 != "#" })
      guard words.first == "deb" else {
        if let type = words.first, type != "deb-src" {
          throw Failure(.invalid, "\(file), line \(number): \(type) where deb or deb-src should be")
        }
        continue
      }
      words.removeFirst()
      var options: [Field] = []
      if words.first?.first == "[" {
        guard let end = words.firstIndex(where: { $0.last == "]" }) else {
          throw Failure(.invalid, "\(file), line \(number): the options have no ] at their end")
        }
        let list = words[...end].joined(separator: " ").dropFirst().dropLast()
        options = try self.words(of: list).map { (word) throws(Failure) in
          try option(word, file: file, line: number)
        }
        words.removeSubrange(...end)
      }
      guard words.count >= 2 else {
        throw Failure(.invalid, "\(file), line \(number): an entry needs a URI and a suite")
      }
      sources.append(
        AptSource(uris: [words[0]], suites: [words[1]], components: Array(words.dropFirst(2)), options: options))
    }
    return sources
  }

  private static func source(_ fields: [Field], file: String, line: Int) throws(Failure) -> AptSource? {
    if fields.isEmpty { return nil }
    func words(_ name: String) -> [String] {
      fields.filter { $0.name.lowercased() == name }.flatMap { self.words(of: $0.value) }
    }
    if let enabled = words("enabled").first?.lowercased(), ["no", "false", "0", "off", "without"].contains(enabled) {
      return nil
    }
    guard words("types").contains("deb") else { return nil }
    guard !words("uris").isEmpty, !words("suites").isEmpty else {
      throw Failure(.invalid, "\(file): the entry that ends before line \(line) has no URIs or no Suites")
    }
    let known: Set = ["types", "uris", "suites", "components", "enabled"]
    return AptSource(
      uris: words("uris"), suites: words("suites"), components: words("components"),
      options: fields.filter { !known.contains($0.name.lowercased()) })
  }

  /// One `name=value` of the one-line form as the field that means the same.
  private static func option(_ word: String, file: String, line: Int) throws(Failure) -> Field {
    let names = [
      "arch": "Architectures", "lang": "Languages", "target": "Targets", "pdiffs": "PDiffs", "by-hash": "By-Hash",
      "allow-insecure": "Allow-Insecure", "allow-weak": "Allow-Weak",
      "allow-downgrade-to-insecure": "Allow-Downgrade-To-Insecure", "trusted": "Trusted", "signed-by": "Signed-By",
      "check-valid-until": "Check-Valid-Until", "valid-until-min": "Valid-Until-Min",
      "valid-until-max": "Valid-Until-Max", "check-date": "Check-Date", "date-max-future": "Date-Max-Future",
      "inrelease-path": "InRelease-Path", "snapshot": "Snapshot",
    ]
    guard let equals = word.firstIndex(of: "=") else {
      throw Failure(.invalid, "\(file), line \(line): the option \(word) has no value")
    }
    var name = String(word[..<equals])
    var change = ""
    if name.last == "+" || name.last == "-" { change = name.removeLast() == "+" ? "-Add" : "-Remove" }
    guard let field = names[name.lowercased()] else {
      throw Failure(.invalid, "\(file), line \(line): the option \(name) is unknown")
    }
    let value = word[word.index(after: equals)...].filter { $0 != "\"" }
    return Field(field + change, value.split(separator: ",").joined(separator: " "))
  }

  private static func lines(_ text: String) -> some Sequence<(Int, Substring)> {
    text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { ($0 + 1, $1) }
  }

  private static func words(of text: some StringProtocol) -> [String] {
    text.split(whereSeparator: \.isWhitespace).map { String($0) }
  }

  private static func trimmed(_ text: Substring) -> String {
    let head = text.drop(while: \.isWhitespace)
    guard let last = head.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(head[...last])
  }
}
