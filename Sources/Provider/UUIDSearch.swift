// SPDX-License-Identifier: Apache-2.0
internal import Guest

/// Looks for UUIDs in bytes that come in pieces.
struct UUIDSearch {
  private let uuids: Set<UUIDText>
  private(set) var found: Set<UUIDText> = []
  /// What was seen so far has no NUL, as texts have none.
  private(set) var isText = true
  /// The end of what was seen, in which a name may have begun.
  private var tail: [UInt8] = []

  init(for uuids: Set<UUIDText>) {
    self.uuids = uuids
  }

  mutating func look(in piece: UnsafeRawBufferPointer) {
    isText = isText && !piece.contains(0)
    let seam = tail + piece.prefix(UUIDText.longest)
    seam.withUnsafeBytes { add(from: $0) }
    add(from: piece)
    tail = Array(
      (piece.count < UUIDText.longest ? seam : Array(piece.suffix(UUIDText.longest))).suffix(UUIDText.longest))
  }

  private mutating func add(from bytes: UnsafeRawBufferPointer) {
    for uuid in uuids where !found.contains(uuid) && uuid.isNamed(in: bytes) { found.insert(uuid) }
  }
}
