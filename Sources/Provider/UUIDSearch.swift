// SPDX-License-Identifier: Apache-2.0
internal import Guest
internal import Report

/// Looks for UUIDs in bytes that come in pieces.
struct UUIDSearch {
  private let uuids: Set<UUID>
  private(set) var found: Set<UUID> = []
  /// What was seen so far has no NUL, as texts have none.
  private(set) var isText = true
  /// The end of what was seen, in which a name may have begun.
  private var tail: [UInt8] = []

  init(for uuids: Set<UUID>) {
    self.uuids = uuids
  }

  mutating func look(in piece: [UInt8]) {
    isText = isText && !piece.contains(0)
    let seam = tail + piece.prefix(UUID.longestForm)
    add(from: seam)
    add(from: piece)
    tail = Array(
      (piece.count < UUID.longestForm ? seam : Array(piece.suffix(UUID.longestForm))).suffix(UUID.longestForm))
  }

  private mutating func add(from bytes: [UInt8]) {
    found.formUnion(bytes.withUnsafeBytes { UUID.named(among: uuids, in: $0) })
  }
}
