// SPDX-License-Identifier: Apache-2.0

extension String {
  /// The columns of a terminal that the text takes, once it is escaped.
  var terminalWidth: Int { reduce(0) { $0 + ($1.isWide ? 2 : 1) } }
}

extension Character {
  /// Whether a terminal gives it two columns: East Asian Width is W or F (Unicode, UAX #11), or it is an emoji.
  fileprivate var isWide: Bool {
    guard let scalar = unicodeScalars.first, scalar.value >= 0x1100 else { return false }
    return Self.wide.contains { $0.contains(scalar.value) }
      || (scalar.properties.isEmojiPresentation && scalar.value >= 0x1F000)
  }

  /// The blocks of such characters.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3,
    0xF900...0xFAFF,
    0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x1B000...0x1B2FB, 0x20000...0x3FFFD,
  ]
}
