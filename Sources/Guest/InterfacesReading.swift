// SPDX-License-Identifier: Apache-2.0
internal import Report

/// What a guest's `/etc/network/interfaces` and the files that it takes in say, as far as another file beside them has to
/// know.
struct InterfacesReading {
  /// Whether our file in `interfaces.d` is read.
  private(set) var readsFolder = false
  /// The files with a stanza of an interface other than the loopback. Ours is not among them.
  private(set) var configuring: [ByteString] = []

  var hasInterfaces: Bool { !configuring.isEmpty }

  init(of guest: some GuestFiles) throws(Failure) {
    try read(InterfacesFile.path, of: guest)
    let folder: ByteString = "/etc/network/interfaces.d"
    for name in try guest.list(folder) where "\(folder)/\(name)" != InterfacesFile.ownPath {
      try read("\(folder)/\(name)", of: guest)
    }
  }

  private mutating func read(_ path: ByteString, of guest: some GuestFiles) throws(Failure) {
    var isOfOthers = false
    for line in TextLines(try guest.readLeniently(path) ?? []).lines {
      let words = TextLines.fields(of: line).map(\.text)
      switch words.first {
      case "iface" where words.count > 1 && words[1] != "lo": isOfOthers = true
      case "source", "source-directory", "source-dir":
        if words.dropFirst().contains(where: Self.isFolder) { readsFolder = true }
      default: break
      }
    }
    if isOfOthers { configuring.append(path) }
  }

  /// Relative ones are relative to the file.
  private static func isFolder(_ place: String) -> Bool {
    let short = place.hasPrefix("/etc/network/") ? String(place.dropFirst("/etc/network/".count)) : place
    return ["interfaces.d", "interfaces.d/", "interfaces.d/*"].contains(short)
  }
}

extension GuestFiles {
  /// A file of which nothing but what it says matters: what can't be read says nothing.
  func readLeniently(_ path: ByteString, limit: Int = 1 << 20) throws(Failure) -> [UInt8]? {
    do {
      return try read(path, limit: limit)
    } catch {
      guard error.code == .guest else { throw error }
      return nil
    }
  }
}
