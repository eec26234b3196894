// SPDX-License-Identifier: Apache-2.0

/// The value of a key, whether it came from a file or from a parameter.
enum Value: Sendable, Equatable {
  case text(String)
  case integer(Int)
  case decimal(Double)
  case flag(Bool)
  case list([String])
  /// Something that no key takes, in TOML's word for it.
  case other(String)

  /// As TOML writes it.
  var literal: String {
    switch self {
    case .text(let text): Self.quoted(text)
    case .integer(let integer): "\(integer)"
    case .decimal(let decimal): Int(exactly: decimal).map { "\($0)" } ?? "\(decimal)"
    case .flag(let flag): "\(flag)"
    case .list(let list): "[" + list.map(Self.quoted).joined(separator: ", ") + "]"
    case .other(let word): word
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f || scalar.properties.generalCategory == .format:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// A size in bytes as people write it: a number, or one with a binary unit such as `20G`, `20 GiB`, `512M`.
enum Size {
  static func parse(_ text: String) -> UInt64? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = UInt64(digits) else { return nil }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
    let shifts = ["": 0, "k": 10, "m": 20, "g": 30, "t": 40]
    let stem = unit.hasSuffix("ib") ? String(unit.dropLast(2)) : unit
    guard let shift = shifts[stem], unit != "ib" else { return nil }
    let (size, overflow) = number.multipliedReportingOverflow(by: 1 << UInt64(shift))
    return overflow || size > UInt64(Int.max) ? nil : size
  }

  static func render(_ size: UInt64) -> String {
    for (shift, unit) in [(40, "T"), (30, "G"), (20, "M"), (10, "K")] where size >= 1 << shift {
      if size % (1 << shift) == 0 { return "\(size >> shift)\(unit)" }
    }
    return "\(size)"
  }
}
