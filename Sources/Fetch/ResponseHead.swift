// SPDX-License-Identifier: Apache-2.0

/// The head of an answer of HTTP (RFC 9110), as far as a download needs it.
struct ResponseHead {
  /// Such as `404 Not Found`; empty before the first answer.
  var status = ""
  /// Of the body, in bytes.
  var length: UInt64?
  /// A strong one: what has the same is the same to the byte.
  var entityTag: String?
  /// Where a part of it begins, and the length of the whole.
  var range: (start: UInt64, total: UInt64?)?
  var redirection: String?

  var code: Int { Int(status.prefix(3)) ?? 0 }

  /// Takes a line; a status line begins another answer.
  mutating func take(_ line: String) {
    if line.hasPrefix("HTTP/") {
      self = ResponseHead()
      let words = line.split(separator: " ", maxSplits: 1)
      status = words.count > 1 ? Self.trimmed(words[1]) : ""
      return
    }
    guard let colon = line.firstIndex(of: ":") else { return }
    let value = Self.trimmed(line[line.index(after: colon)...])
    switch line[..<colon].lowercased() {
    case "content-length": length = UInt64(value)
    case "etag": entityTag = value.hasPrefix("\"") ? value : nil
    case "content-range": range = Self.range(value)
    case "location": redirection = value
    default: break
    }
  }

  /// `bytes 100-199/200`
  private static func range(_ text: String) -> (start: UInt64, total: UInt64?)? {
    let words = text.split(separator: " ")
    guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
    let parts = words[1].split(separator: "/")
    guard parts.count == 2, let start = parts[0].split(separator: "-").first.flatMap({ UInt64($0) }) else { return nil }
    return (start, UInt64(parts[1]))
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    let start = text.drop(while: \.isWhitespace)
    return String(start.reversed().drop(while: \.isWhitespace).reversed())
  }
}
