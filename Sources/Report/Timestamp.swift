// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A point in time, in whole seconds since 1970 in UTC; as text by ISO 8601, such as `2025-11-23T06:33:00Z`.
package struct Timestamp: Comparable, Sendable {
  package var seconds: Int

  package init(seconds: Int) {
    self.seconds = seconds
  }

  package static var now: Timestamp { Timestamp(seconds: time(nil)) }

  package init?(_ text: String) {
    let digits = text.split(whereSeparator: { "-T:Z".contains($0) }).compactMap { Int32($0) }
    guard digits.count == 6 else { return nil }
    var parts = tm()
    parts.tm_year = digits[0] - 1900
    parts.tm_mon = digits[1] - 1
    parts.tm_mday = digits[2]
    parts.tm_hour = digits[3]
    parts.tm_min = digits[4]
    parts.tm_sec = digits[5]
    seconds = timegm(&parts)
    // Only the one form is taken, so that no date is read as another.
    guard self.text == text else { return nil }
  }

  package var text: String {
    var seconds = seconds
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(Int(parts.tm_year) + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
      + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }

  package static func < (one: Timestamp, other: Timestamp) -> Bool { one.seconds < other.seconds }
}
