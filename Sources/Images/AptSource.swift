// SPDX-License-Identifier: Apache-2.0

/// One entry of apt's sources: where packages come from, and under which conditions apt believes them.
///
/// Both forms of sources.list(5) are read into it; it is written in the deb822 form alone.
package struct AptSource: Equatable, Sendable {
  package struct Field: Equatable, Sendable {
    package var name: String
    /// May go on over further lines, each of which begins with a space: a key may be written out in `Signed-By`.
    package var value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package var uris: [String]
  package var suites: [String]
  package var components: [String]
  /// All other fields, by their deb822 names, in the order they were written in.
  package var options: [Field]

  package init(uris: [String], suites: [String], components: [String], options: [Field] = []) {
    self.uris = uris
    self.suites = suites
    self.components = components
    self.options = options
  }

  package func option(_ name: String) -> String? {
    options.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// The words of an option's value: apt separates them by blanks or commas.
  func words(_ name: String) -> [String] {
    (option(name) ?? "").split { $0.isWhitespace || $0 == "," }.map { String($0) }
  }

  /// The stanza for a `.sources` file.
  package var text: String {
    var fields = [
      Field("Types", "deb"), Field("URIs", uris.map { $0.replacing(" ", with: "%20") }.joined(separator: " ")),
      Field("Suites", suites.joined(separator: " ")),
    ]
    // A repository without suites has none.
    if !components.isEmpty { fields.append(Field("Components", components.joined(separator: " "))) }
    return (fields + options).map { "\($0.name): \($0.value)\n" }.joined()
  }

  /// Without the names and passwords that a URI may carry.
  package var withoutCredentials: AptSource {
    var source = self
    source.uris = uris.map(removingCredentials)
    return source
  }

  package var hasCredentials: Bool { withoutCredentials != self }

  /// Whether it is for processors of `architecture`.
  func serves(_ architecture: String) -> Bool {
    let named = words("Architectures")
    let all = Set((named.isEmpty ? [architecture] : named) + words("Architectures-Add"))
    return all.subtracting(words("Architectures-Remove")).contains(architecture)
  }
}

// MARK: Whom apt believes

extension AptSource {
  /// The key files that `Signed-By` names. None if it holds the keys themselves, or their fingerprints.
  package var keyFiles: [String] {
    hasKeysWithin ? [] : words("Signed-By").filter { $0.hasPrefix("/") }
  }

  /// The same with other key files.
  func replacingKeyFiles(_ other: (String) -> String) -> AptSource {
    guard !hasKeysWithin else { return self }
    var source = self
    for index in options.indices where options[index].name.lowercased() == "signed-by" {
      source.options[index].value = words("Signed-By").map { $0.hasPrefix("/") ? other($0) : $0 }
        .joined(separator: " ")
    }
    return source
  }

  /// Whether it is checked with the keys that apt trusts for every source: `Signed-By` gives none.
  var needsTrustedKeys: Bool {
    !hasKeysWithin && keyFiles.isEmpty && !isYes(option("Trusted") ?? "")
  }

  private var hasKeysWithin: Bool {
    (option("Signed-By") ?? "").drop(while: \.isWhitespace).hasPrefix("-----BEGIN ")
  }
}

/// `text` with `scheme://name:password@host` turned into `scheme://host`, wherever that is in it.
func removingCredentials(_ text: String) -> String {
  var result = ""
  var rest = Substring(text)
  while let mark = rest.firstRange(of: "://") {
    result += rest[..<mark.upperBound]
    rest = rest[mark.upperBound...]
    let authority = rest.prefix { !"/ \t\n\"'<>".contains($0) }
    if let at = authority.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
  }
  return result + rest
}

extension Substring {
  /// The first place where `words` is in it.
  fileprivate func firstRange(of words: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if let end = index(start, offsetBy: words.count, limitedBy: endIndex), self[start..<end] == words {
        return start..<end
      }
      start = index(after: start)
    }
    return nil
  }
}
