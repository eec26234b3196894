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

  /// The stanza for a `.sources` file.
  package var text: String {
    let fields =
      [
        Field("Types", "deb"), Field("URIs", uris.joined(separator: " ")),
        Field("Suites", suites.joined(separator: " ")), Field("Components", components.joined(separator: " ")),
      ] + options
    return fields.map { "\($0.name): \($0.value)\n" }.joined()
  }

  /// Without the names and passwords that a URI may carry.
  package var withoutCredentials: AptSource {
    var source = self
    source.uris = uris.map(removingCredentials)
    return source
  }

  package var hasCredentials: Bool { withoutCredentials != self }
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
