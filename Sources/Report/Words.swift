// SPDX-License-Identifier: Apache-2.0

/// Sizes, rates and times as a reader wants them: short, in binary units, without a locale.
package enum Words {
  /// `bytes` in the largest binary unit that leaves at least one: `512 B`, `4.2 KiB`, `361 MiB`, `1.5 TiB`.
  ///
  /// One decimal below ten, none above; rounded half up.
  package static func bytes(_ bytes: UInt64) -> String {
    guard bytes >= 1024 else { return "\(bytes) B" }
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    var index = 0
    var shift: UInt64 = 10
    while true {
      // Whole units and the 1024th parts of one: nothing overflows up to the last byte of 16 EiB.
      let whole = bytes >> shift
      let part = (bytes >> (shift - 10)) & 1023
      let tenths = whole * 10 + (part * 10 + 512) / 1024
      if tenths < 100 { return "\(tenths / 10).\(tenths % 10) \(units[index])" }
      let rounded = whole + (part >= 512 ? 1 : 0)
      if rounded < 1024 || index == units.count - 1 { return "\(rounded) \(units[index])" }
      index += 1
      shift += 10
    }
  }

  /// `bytes` moved in `time`, a second: `860 MiB/s`; nil where the time is too short to say.
  package static func rate(bytes: UInt64, in time: Duration) -> String? {
    let seconds = seconds(time)
    guard seconds >= 0.01 else { return nil }
    return Words.bytes(UInt64(min(Double(bytes) / seconds, 0x1p63))) + "/s"
  }

  /// `0.42 s`, `12.3 s`, `1 min 05 s`, `2 h 07 min`.
  package static func duration(_ duration: Duration) -> String {
    let hundredths = max(0, Int64((seconds(duration) * 100).rounded()))
    switch hundredths {
    case ..<1000: return "\(hundredths / 100).\(twoDigits(hundredths % 100)) s"
    case ..<5995: return "\((hundredths + 5) / 100).\((hundredths + 5) / 10 % 10) s"
    default: return longDuration(seconds: (hundredths + 50) / 100)
    }
  }

  /// A time to come, in whole seconds: `12 s`, `1 min 05 s`.
  package static func timeLeft(_ duration: Duration) -> String {
    let whole = max(0, Int64(min(seconds(duration), 1e12).rounded(.up)))
    return whole < 60 ? "\(whole) s" : longDuration(seconds: whole)
  }

  /// `one, two and three`
  package static func list(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " and " + last
  }

  /// The beginning of a text of unknown length, fit for one line of a terminal.
  package static func printable(_ text: some StringProtocol, limit: Int = 200) -> String {
    let start = String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit)))
    return start.escaped + (text.unicodeScalars.count > limit ? "…" : "")
  }

  /// The same of bytes.
  package static func printable(_ text: ByteString, limit: Int = 200) -> String {
    ByteString(text.bytes.prefix(limit)).escaped + (text.bytes.count > limit ? "…" : "")
  }

  static func seconds(_ duration: Duration) -> Double {
    let (seconds, attoseconds) = duration.components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }

  private static func longDuration(seconds: Int64) -> String {
    seconds < 3600
      ? "\(seconds / 60) min \(twoDigits(seconds % 60)) s"
      : "\(seconds / 3600) h \(twoDigits(seconds % 3600 / 60)) min"
  }

  private static func twoDigits(_ value: Int64) -> String {
    value < 10 ? "0\(value)" : "\(value)"
  }
}
