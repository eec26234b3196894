// SPDX-License-Identifier: Apache-2.0

/// TOML's values of one word: numbers, truth, dates.
enum TOMLScalar {
  /// Nil where the word is not one of them.
  static func parse(_ text: String) -> Value? {
    switch text {
    case "true": return .flag(true)
    case "false": return .flag(false)
    case "inf", "+inf": return .decimal(.infinity)
    case "-inf": return .decimal(-.infinity)
    case "nan", "+nan", "-nan": return .decimal(.nan)
    default: return integer(text) ?? decimal(text) ?? date(text)
    }
  }

  private static func integer(_ text: String) -> Value? {
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
      return digits(text.dropFirst(2), radix: radix).flatMap { Int($0, radix: radix) }.map { .integer($0) }
    }
    let (sign, number) = signed(text)
    return whole(number).flatMap { Int(sign + $0) }.map { .integer($0) }
  }

  private static func decimal(_ text: String) -> Value? {
    let (sign, number) = signed(text)
    let parts = number.split(separator: "e", omittingEmptySubsequences: false)
    let halves = parts.count == 1 ? number.split(separator: "E", omittingEmptySubsequences: false) : parts
    let point = halves[0].split(separator: ".", omittingEmptySubsequences: false)
    guard halves.count == 2 || point.count == 2, halves.count <= 2, point.count <= 2, var plain = whole(point[0]) else {
      return nil
    }
    if point.count == 2 {
      guard let fraction = digits(point[1], radix: 10) else { return nil }
      plain += "." + fraction
    }
    if halves.count == 2 {
      let (exponentSign, exponent) = signed(halves[1])
      guard let exponent = digits(exponent, radix: 10) else { return nil }
      plain += "e" + exponentSign + exponent
    }
    return Double(sign + plain).map { .decimal($0) }
  }

  private static func date(_ text: String) -> Value? {
    let shape = String(text.prefix(10).map { $0.isASCII && $0.isNumber ? "0" : $0 })
    if shape == "0000-00-00" { return .other("a date") }
    return shape.hasPrefix("00:00:00") ? .other("a time") : nil
  }

  private static func signed(_ text: some StringProtocol) -> (sign: String, number: Substring) {
    let number = Substring(text)
    if number.hasPrefix("-") { return ("-", number.dropFirst()) }
    return ("", number.hasPrefix("+") ? number.dropFirst() : number)
  }

  /// Decimal digits without a zero before others.
  private static func whole(_ text: Substring) -> String? {
    text.hasPrefix("0") && text != "0" ? nil : digits(text, radix: 10)
  }

  /// The digits without the underscores that may stand between two of them.
  private static func digits(_ text: Substring, radix: Int) -> String? {
    let groups = text.split(separator: "_", omittingEmptySubsequences: false)
    let isRight = groups.allSatisfy { group in
      !group.isEmpty && group.allSatisfy { $0.isASCII && ($0.hexDigitValue.map { $0 < radix } ?? false) }
    }
    return isRight ? groups.joined() : nil
  }
}
