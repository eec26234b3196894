// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The file `meta-data` of a seed: which machine the guest is, and what it is called.
package struct SeedMetaData: Sendable, Equatable {
  /// In the order of the file.
  private var members: [JSON.Member]
  /// Of another writer's YAML all lines, since only members with a plain value are understood; nil for JSON.
  private var lines: [String]?
  /// In which of the lines each member is.
  private var places: [Int] = []

  private static let instanceKey = "instance-id"
  private static let nameKeys = ["local-hostname", "hostname"]
  /// A sector of most disks, which is changed as a whole or not at all.
  private static let unit = 512

  init(_ json: JSON) {
    members = if case .object(let members) = json { members } else { [] }
  }

  /// What a file of ours, or of another writer, says; of YAML that is not JSON the lines with a key and a plain value.
  package init(reading bytes: [UInt8]) {
    let end = bytes.lastIndex { $0 > UInt8(ascii: " ") } ?? -1
    if let json = try? JSON(parsing: Array(bytes[...end])), case .object(let members) = json {
      self.members = members
      return
    }
    let lines = bytes[...end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    members = []
    for (number, line) in lines.enumerated() {
      guard let plain = PlainLine(line) else { continue }
      members.append(JSON.Member(key: plain.key, value: .string(plain.value)))
      places.append(number)
    }
    self.lines = lines
  }

  package var instanceID: String? { text(Self.instanceKey) }
  package var hostname: String? { Self.nameKeys.lazy.compactMap { text($0) }.first }

  /// Whether the guest is the one of this name, as far as this says.
  package func names(_ name: GuestName) -> Bool { hostname.map { name.matches($0) } ?? false }

  private func text(_ key: String) -> String? { members.first { $0.key == key }?.value.string }

  /// With another name, and another instance where that is given; all else in it stays as it is.
  package func renamed(_ name: GuestName, instanceID: String?) -> SeedMetaData {
    var renamed = self
    for (index, member) in members.enumerated() {
      if Self.nameKeys.contains(member.key) { renamed.set(index, to: name.full) }
      if let instanceID, member.key == Self.instanceKey { renamed.set(index, to: instanceID) }
    }
    return renamed
  }

  private mutating func set(_ index: Int, to value: String) {
    guard members[index].value.string != value else { return }
    members[index].value = .string(value)
    guard let line = lines?[places[index]], let plain = PlainLine(line) else { return }
    lines?[places[index]] =
      line[..<plain.range.lowerBound] + JSON.string(value).serialized() + line[plain.range.upperBound...]
  }

  package var bytes: [UInt8] {
    let text = lines?.joined(separator: "\n") ?? JSON.object(members).serialized()
    return Array(text.utf8).padded(to: Self.unit)
  }
}

/// A line of YAML with a key at its beginning, and a value that is plain or in quotes.
private struct PlainLine {
  let key: String
  let value: String
  /// Where the value is, with its quotes.
  let range: Range<String.Index>

  init?(_ line: String) {
    guard let first = line.unicodeScalars.first, !" \t#-".unicodeScalars.contains(first),
      let colon = line.unicodeScalars.firstIndex(of: ":")
    else { return nil }
    let scalars = line.unicodeScalars
    func isBlank(_ scalar: Unicode.Scalar) -> Bool { " \t\r".unicodeScalars.contains(scalar) }
    let rest = scalars[scalars.index(after: colon)...]
    // A key ends with a colon and a blank: `a:b` is a text.
    guard let blank = rest.first, isBlank(blank), let start = rest.firstIndex(where: { !isBlank($0) }) else {
      return nil
    }
    key = line[..<colon].filter { !" \t\"'".contains($0) }
    let quote = scalars[start]
    if quote == "\"" || quote == "'" {
      let inner = scalars[scalars.index(after: start)...]
      guard let end = inner.firstIndex(of: quote) else { return nil }
      value = String(inner[..<end])
      range = start..<scalars.index(after: end)
      return
    }
    // Of a text over several lines, a list, a map, an anchor, a tag.
    guard !"|>[{&*!%@`#".unicodeScalars.contains(quote) else { return nil }
    var end = scalars.endIndex
    for index in rest[start...].indices where scalars[index] == "#" && isBlank(scalars[scalars.index(before: index)]) {
      end = index
      break
    }
    while end > start, isBlank(scalars[scalars.index(before: end)]) { end = scalars.index(before: end) }
    value = String(scalars[start..<end])
    range = start..<end
  }
}
