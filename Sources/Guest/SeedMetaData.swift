// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The file `meta-data` of a seed: which machine the guest is, and what it is called.
package struct SeedMetaData: Sendable, Equatable {
  /// In the order of the file.
  private var members: [JSON.Member]

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
    members = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).compactMap { line in
      guard let colon = line.firstIndex(of: ":"), line.first?.isWhitespace == false else { return nil }
      let value = line[line.index(after: colon)...].filter { !" \t\"'".contains($0) }
      return value.isEmpty ? nil : JSON.Member(key: String(line[..<colon]), value: .string(value))
    }
  }

  package var instanceID: String? { text(Self.instanceKey) }
  package var hostname: String? { Self.nameKeys.lazy.compactMap { text($0) }.first }

  /// Whether the guest is the one of this name, as far as this says.
  package func names(_ name: GuestName) -> Bool { hostname.map { name.matches($0) } ?? false }

  private func text(_ key: String) -> String? { members.first { $0.key == key }?.value.string }

  /// With another name, and another instance where that is given.
  package func renamed(_ name: GuestName, instanceID: String?) -> SeedMetaData {
    var renamed = self
    for index in members.indices {
      if Self.nameKeys.contains(members[index].key) { renamed.members[index].value = .string(name.full) }
      if let instanceID, members[index].key == Self.instanceKey {
        renamed.members[index].value = .string(instanceID)
      }
    }
    return renamed
  }

  package var bytes: [UInt8] { Array(JSON.object(members).serialized().utf8).padded(to: Self.unit) }
}
