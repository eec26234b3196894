// SPDX-License-Identifier: Apache-2.0
package import Report

/// Where a file is: at a URL of http or https, or on this machine.
package enum Location: Equatable, Sendable {
  /// As it is written, with a login that may be in it.
  case web(String)
  /// An absolute path.
  case file(String)

  /// - Throws: `.invalid` for what is neither a URL of http, https or file nor an absolute path.
  package init(_ text: String) throws(Failure) {
    if text.hasPrefix("/"), !text.utf8.contains(0) {
      self = .file(text)
      return
    }
    let scheme = text.prefix { $0 != ":" }.lowercased()
    let rest = text.dropFirst(scheme.count)
    // No blanks and control characters: a URL has none, and a request would be torn.
    guard rest.hasPrefix("://"), text.utf8.allSatisfy({ $0 > 32 && $0 != 127 }) else { throw Self.invalid(text) }
    switch scheme {
    case "http", "https":
      guard let host = rest.dropFirst(3).first, !"/?#".contains(host) else { throw Self.invalid(text) }
      self = .web(text)
    case "file":
      let path = rest.dropFirst(3)
      guard path.hasPrefix("/") else { throw Self.invalid(text) }
      self = .file(Self.decoded(path))
    default: throw Self.invalid(text)
    }
  }

  private static func invalid(_ text: String) -> Failure {
    Failure(
      .invalid, "\(Words.printable(publicPart(of: text))) is not a place that a file can be fetched from",
      remedy: "name a URL that begins with https:// or http://, or an absolute path")
  }

  /// It is asked for by TLS, which tells whose the answer is.
  var isSecure: Bool {
    if case .web(let url) = self { url.lowercased().hasPrefix("https:") } else { true }
  }

  /// The last part of the path: the name by which a list of digests has it.
  package var name: String {
    switch self {
    case .file(let path): String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
    case .web(let url):
      Self.decoded(
        url.prefix { !"?#".contains($0) }.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }
          .split(separator: "/", omittingEmptySubsequences: false).last ?? "")
    }
  }

  /// Without what may be a secret: a login, and what is behind a question mark.
  private static func publicPart(of url: String) -> String {
    guard let slashes = url.firstRange(of: "://") else { return url }
    let scheme = url[..<slashes.upperBound]
    let rest = url[slashes.upperBound...].prefix { !"?#".contains($0) }
    let authority = rest.prefix { $0 != "/" }
    let host = authority[(authority.lastIndex(of: "@").map(authority.index(after:)) ?? authority.startIndex)...]
    return String(scheme + host) + rest.dropFirst(authority.count)
  }

  /// What `%41` stands for; what it does not fit stays.
  private static func decoded(_ text: some StringProtocol) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
        let high = Character(Unicode.Scalar(bytes[index + 1])).hexDigitValue,
        let low = Character(Unicode.Scalar(bytes[index + 2])).hexDigitValue
      {
        result.append(UInt8(high * 16 + low))
        index += 3
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(argument: result)
  }
}

extension Location: CustomStringConvertible {
  /// For a message.
  package var description: String {
    switch self {
    case .file(let path): path.escaped
    case .web(let url): Self.publicPart(of: url).escaped
    }
  }
}

extension Location {
  /// What a server redirects to, for a message.
  static func words(forRedirection target: String) -> String { Words.printable(publicPart(of: target)) }
}
