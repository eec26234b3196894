// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

// What `os list` and `os diagnose` say: the lines of gnt-os, or JSON.

extension Inventory {
  /// The definitions of one name, the one that is used first and the hidden ones behind it.
  private struct Copies {
    let used: OSDefinition
    var hidden: [OSDefinition] = []
  }

  /// One for each name, sorted as Ganeti sorts.
  private var copies: [Copies] {
    var byName: [String: Copies] = [:]
    for definition in definitions {
      if byName[definition.name]?.hidden.append(definition) == nil {
        byName[definition.name] = Copies(used: definition)
      }
    }
    return byName.values.sorted { isBefore($0.used.name, $1.used.name) }
  }

  /// Whether there is anything that an administrator should look at: a definition, in use, that is not valid, or a
  /// folder that cannot be read.
  package var hasFaults: Bool {
    !unreadable.isEmpty || copies.contains { !$0.used.isValid }
  }

  /// The lines of `gnt-os list`: what an instance can be created with.
  package func list(headers: Bool) -> [String] {
    (headers ? ["Name"] : []) + copies.filter(\.used.isValid).flatMap(\.used.names)
  }

  package func listJSON() -> JSON {
    .array(
      copies.filter(\.used.isValid).flatMap { copy in
        copy.used.names.map { name in
          let variant = name == copy.used.name ? nil : String(name.dropFirst(copy.used.name.count + 1))
          return [
            "name": .string(name), "os": .string(copy.used.name), "variant": .optional(variant),
            "path": .string(copy.used.path), "api_versions": .array(copy.used.versions.map { .integer($0) }),
          ]
        }
      })
  }

  /// The lines of `gnt-os diagnose` on a cluster whose one node is `node`: valid definitions first.
  package func diagnosis(node: String) -> [String] {
    let (valid, bad) = (copies.filter(\.used.isValid), copies.filter { !$0.used.isValid })
    return (valid + bad).flatMap { copy in
      var lines = ["OS: \(copy.used.name.escaped) [global status: \(copy.used.isValid ? "valid" : "invalid")]"]
      if let variants = copy.used.contents?.variants, !variants.isEmpty {
        lines.append("  Variants: [\(variants.joined(separator: ", "))]")
      }
      lines.append("  Node: \(node), status: \(copy.used.status) (path: \(copy.used.path.escaped))\(copy.used.tags)")
      lines += copy.hidden.map { "    [hidden] path: \($0.path.escaped), status: \($0.status)" }
      return lines + [""]
    }
  }

  package func diagnosisJSON(node: String) -> JSON {
    let (valid, bad) = (copies.filter(\.used.isValid), copies.filter { !$0.used.isValid })
    return [
      "node": .string(node),
      "definitions": .array(
        (valid + bad).map { copy in
          [
            "name": .string(copy.used.name), "status": copy.used.isValid ? "valid" : "invalid", "used": copy.used.json,
            "hidden": .array(copy.hidden.map(\.json)),
          ]
        }),
      "unreadable": .array(unreadable.map { .string($0) }),
    ]
  }
}

extension OSDefinition {
  /// As the host says it that the definition is made for.
  fileprivate var status: String {
    switch (judgement, isForGaneti2) {
    case (.valid, false): "VALID"
    case (.valid, true): "valid"
    case (.invalid(let fault), false): fault
    case (.invalid(let fault), true): "invalid - \(fault)"
    }
  }

  /// What stands in brackets behind the path.
  fileprivate var tags: String {
    // As in 3.0, what an invalid definition declares does not count; 1.2.6 does not print it.
    guard let contents else { return isForGaneti2 ? " [no API versions declared] [trusted]" : "" }
    var tags = ["API versions: " + versions.map { String($0) }.joined(separator: ", ")]
    let highest = versions.max() ?? 0
    if highest >= 15 {
      tags.append(
        contents.variants.isEmpty ? "no variants" : "variants: " + contents.variants.joined(separator: ", "))
    }
    if highest >= 20 {
      let names = contents.parameters.map(\.name).joined(separator: ", ")
      tags.append(contents.parameters.isEmpty ? "no parameters" : "parameters: " + names)
    }
    if isForGaneti2 { tags.append(contents.isTrusted ? "trusted" : "untrusted") }
    return tags.map { " [\($0)]" }.joined()
  }

  fileprivate var json: JSON {
    var fault: String?
    if case .invalid(let words) = judgement { fault = words }
    let contents = contents ?? Contents()
    return [
      "path": .string(path), "valid": .bool(isValid), "fault": .optional(fault),
      "api_versions": .array(versions.map { .integer($0) }),
      "variants": .array(contents.variants.map { .string($0) }),
      "parameters": .array(contents.parameters.map { ["name": .string($0.name), "help": .string($0.help)] }),
      "trusted": .bool(contents.isTrusted),
    ]
  }
}

/// The name of this machine, as the node's name.
package func nodeName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
  return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Whether `one` comes before `other` where numbers in names count as numbers: os2 before os10.
private func isBefore(_ one: String, _ other: String) -> Bool {
  let (left, right) = (pieces(one), pieces(other))
  for (a, b) in zip(left, right) where a != b {
    // Numbers by their length first: they may be too long for an integer.
    guard a.isNumber && b.isNumber else { return a.text < b.text }
    return a.text.count != b.text.count ? a.text.count < b.text.count : a.text < b.text
  }
  return left.count != right.count ? left.count < right.count : one < other
}

private struct Piece: Equatable {
  var text: String
  let isNumber: Bool
}

/// The runs of digits, without leading zeros, and of other characters.
private func pieces(_ name: String) -> [Piece] {
  var pieces: [Piece] = []
  for character in name {
    let isDigit = character.isASCII && character.isNumber
    if let last = pieces.last, last.isNumber == isDigit {
      if last.text == "0" && isDigit {
        pieces[pieces.count - 1].text = String(character)
      } else {
        pieces[pieces.count - 1].text.append(character)
      }
    } else {
      pieces.append(Piece(text: String(character), isNumber: isDigit))
    }
  }
  return pieces
}
