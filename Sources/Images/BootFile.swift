// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Glibc
package import LinuxIO
package import Report

/// A part of a disk that boots by itself, beside the root filesystem: made with the image and kept in its folder.
package struct BootFile: Equatable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    /// What the BIOS starts: the first 440 bytes of a disk.
    case sector = "boot.img"
    /// What that starts: GRUB itself, from the start of the BIOS boot partition.
    case core = "core.img"
    /// The EFI system partition for disks of 512-byte and of 4096-byte sectors, up to its last byte that is not zero.
    case efi512 = "efi-512.img"
    case efi4096 = "efi-4096.img"
  }

  package let kind: Kind
  /// In bytes.
  package let size: UInt64
  /// In hexadecimal.
  let sha256: String
  /// Where in it the UUID of the root filesystem goes as text, in place of `UUID.placeholder`.
  package let uuidPlaces: [UInt64]

  /// More than any of them has.
  package static let limit: UInt64 = 64 << 20

  var json: JSON {
    [
      "name": .string(kind.rawValue), "size": .integer(Int(size)), "sha256": .string(sha256),
      "uuid_at": .array(uuidPlaces.map { .integer(Int($0)) }),
    ]
  }

  init?(_ json: JSON) {
    guard let kind = json["name"]?.string.flatMap({ Kind(rawValue: $0) }), let size = json["size"]?.integer,
      size <= Self.limit, let sha256 = json["sha256"]?.string, let places = json["uuid_at"]?.array,
      places.allSatisfy({ 0..<max(0, size - UUID.placeholder.count + 1) ~= ($0.integer ?? -1) })
    else { return nil }
    self.kind = kind
    self.size = UInt64(size)
    self.sha256 = sha256
    uuidPlaces = places.compactMap { $0.integer.map { UInt64($0) } }
  }

  /// That of a file that is written.
  init(_ kind: Kind, _ file: borrowing Descriptor) throws(Failure) {
    self.kind = kind
    size = try file.length()
    guard size <= Self.limit else {
      throw Failure(.guest, "\(file.name) has \(size) bytes, more than a boot loader takes")
    }
    let bytes = try file.bytes(at: 0, count: Int(size))
    sha256 = SHA256.hex(of: bytes)
    uuidPlaces = Self.places(of: Array(UUID.placeholder.utf8), in: bytes).map { UInt64($0) }
  }

  /// Writes one into the folder where it is kept.
  init(_ kind: Kind, writing bytes: [UInt8], to folder: borrowing Folder) throws(Failure) {
    try folder.write(bytes, to: kind.rawValue)
    try self.init(kind, folder.open(kind.rawValue, O_RDONLY))
  }

  /// Reads all of it and hands it over, piece by piece.
  ///
  /// - Returns: whether it is what its digest says, which is known only at the end.
  package func read(
    _ file: borrowing Descriptor, _ body: (UnsafeRawBufferPointer, _ offset: UInt64) throws(Failure) -> Void
  ) throws(Failure) -> Bool {
    var sum = SHA256()
    let view = file.view
    try withBuffer(of: 1 << 20) { buffer throws(Failure) in
      var offset: UInt64 = 0
      while offset < size {
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(UInt64(buffer.count), size - offset))])
        guard (try? view.readFull(into: room, at: offset)) == room.count else { return }
        sum.update(UnsafeRawBufferPointer(room))
        try body(UnsafeRawBufferPointer(room), offset)
        offset += UInt64(room.count)
      }
    }
    return sum.hex() == sha256
  }

  func verify(_ file: borrowing Descriptor) throws(Failure) {
    guard try read(file, { _, _ in }) else { throw broken }
  }

  package var broken: Failure { Failure(.io, "\(kind.rawValue) of the image differs from its digest") }

  private static func places(of text: [UInt8], in bytes: [UInt8]) -> [Int] {
    bytes.withUnsafeBytes { bytes in
      var places: [Int] = []
      var from = 0
      while from + text.count <= bytes.count,
        let found = memchr(bytes.baseAddress! + from, Int32(text[0]), bytes.count - from - text.count + 1)
      {
        let place = UnsafeRawPointer(found) - bytes.baseAddress!
        if memcmp(found, text, text.count) == 0 { places.append(place) }
        from = place + 1
      }
      return places
    }
  }
}

extension UUID {
  /// What stands in the place of a UUID that only a guest's disk has.
  static let placeholder = "7e57ab1e-0000-4000-8000-67756573746d"
}
