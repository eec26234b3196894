// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO

/// A URI of an apt source, by the parts that decide who can use it.
struct AptURI: Equatable, Sendable {
  let text: String

  init(_ text: String) {
    self.text = text
  }

  /// The method by which apt fetches it, such as `https` or `mirror+file`.
  var method: String { text.prefix { $0 != ":" }.lowercased() }

  /// The host, without a login and a port; empty for files.
  var host: String {
    guard let slashes = text.dropFirst(method.count).firstIndex(of: "/"), text[slashes...].hasPrefix("//") else {
      return ""
    }
    let authority = text[slashes...].dropFirst(2).prefix { $0 != "/" }
    let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
    if place.first == "[" { return place.dropFirst().prefix { $0 != "]" }.lowercased() }
    return place.prefix { $0 != ":" }.lowercased()
  }

  /// The file or folder of a method that reads files of this machine.
  var path: String {
    "/" + text.dropFirst(method.count + 1).drop { $0 == "/" }
  }

  /// Its packages lie in a folder of this machine, which no guest sees.
  var isLocal: Bool { ["file", "copy", "cdrom"].contains(method) }

  /// It names a file of this machine with a list of mirrors.
  var isLocalMirrorList: Bool { ["mirror+file", "mirror+copy"].contains(method) }

  /// Whether apt in a guest has the method, and needs no key or tool of this machine's for it.
  ///
  /// - Parameter packages: what the guest has besides Debian's minimum.
  func isForGuests(_ packages: [String]) -> Bool {
    let own: Set = ["http", "https", "ftp", "mirror", "mirror+http", "mirror+https", "mirror+ftp"]
    if own.contains(method) || isLocalMirrorList { return true }
    // Other methods come in packages of this name: tor+http in apt-transport-tor.
    return packages.contains("apt-transport-\(method.prefix { $0 != "+" })")
  }

  /// The same content as copies: mmdebstrap cannot install a package from a folder outside of the tree.
  var copying: AptURI { method == "file" ? AptURI("copy:" + text.dropFirst(5)) : self }
}

/// The file of a `mirror+file:` source: a line for each mirror, its URI first.
struct AptMirrorList {
  let lines: [String]

  /// - Returns: nil where it cannot be read.
  init?(_ path: String) {
    guard let text = fileText(path) else { return nil }
    lines = text.split(separator: "\n").map { String($0) }
  }

  private init(lines: [String]) {
    self.lines = lines
  }

  var text: String { lines.map { $0 + "\n" }.joined() }

  /// The URI of a line; nil for a comment.
  static func uri(of line: String) -> AptURI? {
    guard line.first != "#", let word = line.split(whereSeparator: \.isWhitespace).first else { return nil }
    return AptURI(String(word))
  }

  var uris: [AptURI] { lines.compactMap(Self.uri) }

  /// With folders of this machine as folders to be copied from.
  var copying: AptMirrorList {
    AptMirrorList(
      lines: lines.map { line in
        guard let uri = Self.uri(of: line), uri.copying != uri else { return line }
        return uri.copying.text + line.drop(while: \.isWhitespace).dropFirst(uri.text.count)
      })
  }

  /// What a guest may have of it: no logins, and no folders of this machine.
  func forGuests(_ packages: [String]) -> AptMirrorList {
    AptMirrorList(
      lines: lines.filter { Self.uri(of: $0)?.isForGuests(packages) ?? true }.map { removingCredentials($0) })
  }
}
