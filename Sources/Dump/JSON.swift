// SPDX-License-Identifier: Apache-2.0

/// As much of JSON (RFC 8259) as a manifest needs: numbers are whole and not negative.
enum JSON: Equatable {
  case null
  case bool(Bool)
  case number(UInt64)
  case string(String)
  case array([JSON])
  case object([Member])

  struct Member: Equatable {
    var name: String
    var value: JSON
  }

  static func object(_ members: KeyValuePairs<String, JSON>) -> JSON {
    .object(members.map { Member(name: $0.key, value: $0.value) })
  }

  /// The first member of that name; nil when there is none or this is no object.
  subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// One member or element on a line, two spaces deeper than what holds it, and a newline at the end.
  var text: String { render(indent: "") + "\n" }

  private func render(indent: String) -> String {
    let deeper = indent + "  "
    switch self {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .number(let value): return "\(value)"
    case .string(let value): return Self.quote(value)
    case .array(let elements) where elements.isEmpty: return "[]"
    case .array(let elements):
      return Self.lines("[", elements.map { deeper + $0.render(indent: deeper) }, indent + "]")
    case .object(let members) where members.isEmpty: return "{}"
    case .object(let members):
      return Self.lines(
        "{", members.map { "\(deeper)\(Self.quote($0.name)): \($0.value.render(indent: deeper))" }, indent + "}")
    }
  }

  private static func lines(_ opening: String, _ lines: [String], _ closing: String) -> String {
    "\(opening)\n\(lines.joined(separator: ",\n"))\n\(closing)"
  }

  private static func quote(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\0"..<" ", "\u{7F}":
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
