// SPDX-License-Identifier: Apache-2.0
internal import Report

/// Alpine's `/etc/network/interfaces`: ours between two lines, all else as it was.
enum AlpineInterfaces {
  static func write(
    _ file: NetworkRenderer.File, _ network: GuestNetwork, to guest: some GuestFiles
  ) throws(Failure) {
    var text = try TextLines(guest.read(file.path) ?? Array("auto lo\niface lo inet loopback\n".utf8))
    removeOwn(from: &text)
    let names = network.interfaces.filter { !$0.isUnconfigured }.map(InterfacesFile.alpineName)
    commentOut(names, in: &text)
    if let last = text.lines.last, last.last != UInt8(ascii: "\n") {
      text.lines[text.lines.count - 1].append(UInt8(ascii: "\n"))
    }
    try guest.place(file.path, text.bytes + file.bytes, mode: file.mode)
  }

  static func areOurs(in guest: some GuestFiles) throws(Failure) -> Bool {
    guard let bytes = try guest.readLeniently(InterfacesFile.path) else { return false }
    return own(in: TextLines(bytes)) != nil
  }

  /// What is ours in it.
  static func ownLines(in guest: some GuestFiles) throws(Failure) -> [[UInt8]] {
    guard let bytes = try guest.readLeniently(InterfacesFile.path) else { return [] }
    let text = TextLines(bytes)
    return own(in: text).map { Array(text.lines[$0]) } ?? []
  }

  static func removeOwn(from guest: some GuestFiles) throws(Failure) {
    guard let bytes = try guest.readLeniently(InterfacesFile.path) else { return }
    var text = TextLines(bytes)
    if removeOwn(from: &text) { try guest.write(InterfacesFile.path, text.bytes, mode: 0o644) }
  }

  /// Our lines; a beginning without an end is not ours any more.
  private static func own(in text: TextLines) -> ClosedRange<Int>? {
    guard let first = text.lines.firstIndex(where: { $0.starts(with: InterfacesFile.begin.utf8) }),
      let last = text.lines[first...].firstIndex(where: { $0.starts(with: InterfacesFile.end.utf8) })
    else { return nil }
    return first...last
  }

  @discardableResult
  static func removeOwn(from text: inout TextLines) -> Bool {
    guard let lines = own(in: text) else { return false }
    text.lines.removeSubrange(lines)
    return true
  }

  /// The stanzas of these interfaces: BusyBox does not take a second one of the same.
  private static func commentOut(_ names: [String], in text: inout TextLines) {
    var isInStanza = false
    for index in text.lines.indices {
      let words = TextLines.fields(of: text.lines[index]).map(\.text)
      guard let first = words.first else { continue }
      if first == "auto" || first.hasPrefix("allow-") {
        isInStanza = false
        guard words.dropFirst().contains(where: names.contains) else { continue }
        let others = words.filter { !names.contains($0) }
        text.lines[index] = Array("# \(words.joined(separator: " "))\n".utf8)
        if others.count > 1 { text.lines[index] += Array("\(others.joined(separator: " "))\n".utf8) }
        continue
      }
      if ["iface", "mapping", "source", "source-directory", "rename"].contains(first) {
        isInStanza = first == "iface" && words.count > 1 && names.contains(words[1])
      }
      if isInStanza { text.lines[index] = Array("# ".utf8) + text.lines[index] }
    }
  }
}
