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
      let place = "\(file), line \(number)"
      var words = AptWords(line, place: place)
      guard let type = try words.next() else { continue }
      guard type == "deb" else {
        guard type == "deb-src" else { throw Failure(.invalid, "\(place): \(type) where deb or deb-src should be") }
        continue
      }
      let options = words.skip("[") ? try self.options(&words, place: place) : []
      guard let uri = try words.next(), let suite = try words.next() else {
        throw Failure(.invalid, "\(place): an entry needs a URI and a suite")
      }
      var components: [String] = []
      while let component = try words.next() { components.append(component) }
      sources.append(AptSource(uris: [uri], suites: [suite], components: components, options: options))
    }
    return sources
  }

  /// The options of the one-line form, up to and with the `]` at their end.
  private static func options(_ words: inout AptWords, place: String) throws(Failure) -> [Field] {
    var options: [Field] = []
    while !words.skip("]") {
      guard var word = try words.next() else {
        throw Failure(.invalid, "\(place): the options have no ] at their end")
      }
      let isLast = word.last == "]"
      if isLast { word.removeLast() }
      if let option = try option(word, place: place) { options.append(option) }
      if isLast { break }
    }
    return options
  }

  private static func source(_ fields: [Field], file: String, line: Int) throws(Failure) -> AptSource? {
    if fields.isEmpty { return nil }
    func words(_ name: String) -> [String] {
      fields.filter { $0.name.lowercased() == name }.flatMap { self.words(of: $0.value) }
    }
    if let enabled = words("enabled").first, isNo(enabled) { return nil }
    guard words("types").contains("deb") else { return nil }
    guard !words("uris").isEmpty, !words("suites").isEmpty else {
      throw Failure(.invalid, "\(file): the entry that ends before line \(line) has no URIs or no Suites")
    }
    let known: Set = ["types", "uris", "suites", "components", "enabled"]
    return AptSource(
      uris: words("uris"), suites: words("suites"), components: words("components"),
      options: fields.filter { !known.contains($0.name.lowercased()) })
  }

  /// One `name=value` of the one-line form as the field that means the same; nil for one that apt does not know, and
  /// passes over.
  private static func option(_ word: String, place: String) throws(Failure) -> Field? {
    let names = [
      "arch": "Architectures", "lang": "Languages", "target": "Targets", "pdiffs": "PDiffs", "by-hash": "By-Hash",
      "allow-insecure": "Allow-Insecure", "allow-weak": "Allow-Weak",
      "allow-downgrade-to-insecure": "Allow-Downgrade-To-Insecure", "trusted": "Trusted", "signed-by": "Signed-By",
      "check-valid-until": "Check-Valid-Until", "valid-until-min": "Valid-Until-Min",
      "valid-until-max": "Valid-Until-Max", "check-date": "Check-Date", "date-max-future": "Date-Max-Future",
      "inrelease-path": "InRelease-Path", "snapshot": "Snapshot", "include": "Include", "exclude": "Exclude",
    ]
    guard let equals = word.firstIndex(of: "=") else {
      throw Failure(.invalid, "\(place): the option \(word) has no value")
    }
    var name = String(word[..<equals])
    var change = ""
    if name.last == "+" || name.last == "-" { change = name.removeLast() == "+" ? "-Add" : "-Remove" }
    guard let field = names[name.lowercased()] else { return nil }
    return Field(field + change, word[word.index(after: equals)...].split(separator: ",").joined(separator: " "))
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
