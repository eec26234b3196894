// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import LinuxIO
internal import Report

/// An image on its way to another machine, before it is packed and after it was unpacked:
///
///     guestsmith image 1            a line
///     LENGTH HEAD                   8 bytes, the lowest first; JSON: `manifest`, and `pins`, the sources that have this image
///     RECORD BYTES …                each piece: its record, as in the table, and its bytes
///     RECORD                        of zeros
///     BYTES …                       the boot files, in the order of the manifest and as long as that says
///     SHA-256                       of all before it, in 32 bytes
struct ExportedImage {
  static let magic = Array("guestsmith image 1\n".utf8)
  /// Of a head, in bytes.
  static let longestHead = 16 << 20
  /// Of the list of pieces, in bytes: that of 36 GiB in the smallest pieces, of 4 KiB.
  static let longestList: UInt64 = 512 << 20

  var manifest: ImageManifest
  /// When each source, by its key, was asked last.
  var pins: [String: Timestamp]

  init(_ manifest: ImageManifest, pins: [String: Timestamp]) {
    self.manifest = manifest
    self.pins = pins
  }

  var head: [UInt8] {
    let pins = pins.sorted { $0.key < $1.key }
    let json: JSON = [
      "manifest": manifest.json,
      "pins": .array(pins.map { ["source": .string($0.key), "asked": .string($0.value.text)] }),
    ]
    return Array(json.serialized().utf8)
  }

  /// Of a head that came from another machine.
  ///
  /// - Throws: `.dump` where it is not one, or has what the name of an image or a source can't be.
  init(head: [UInt8]) throws(Failure) {
    guard let json = try? JSON(parsing: head), let text = json["manifest"], let pins = json["pins"]?.array,
      pins.count <= 1000, Self.isPlain(text)
    else { throw Failure(.dump, "its head is not that of an image") }
    do throws(Failure) {
      manifest = try ImageManifest(parsing: Array(text.serialized().utf8))
    } catch {
      throw Failure(.dump, "its manifest is not one: \(error.message)")
    }
    self.pins = [:]
    for pin in pins {
      guard let source = pin["source"]?.string, let asked = pin["asked"]?.string.flatMap({ Timestamp($0) }),
        Self.isKey(source)
      else { throw Failure(.dump, "its list of sources is not one") }
      self.pins[source] = asked
    }
    guard Self.isKey(manifest.key) else { throw Failure(.dump, "its key is not 64 hexadecimal digits") }
    guard Set(manifest.bootFiles.map(\.kind)).count == manifest.bootFiles.count else {
      throw Failure(.dump, "it has a boot file twice")
    }
  }

  /// A key becomes the name of a file.
  private static func isKey(_ text: String) -> Bool {
    text.utf8.count == 64 && text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
  }

  /// No text in it does anything but be read.
  private static func isPlain(_ json: JSON) -> Bool {
    switch json {
    case .string(let text): text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 && $0.value != 127 }
    case .array(let values): values.allSatisfy(isPlain)
    case .object(let members): members.allSatisfy { isPlain($0.value) }
    default: true
    }
  }
}

extension ImageEntry {
  /// Writes it for another machine; every byte is compared with its digest on the way.
  ///
  /// - Parameters:
  ///   - pins: of the sources that have it.
  ///   - sink: takes the next bytes, all of them.
  /// - Throws: `.io` where the image is not what its digests say.
  borrowing func write(
    pins: [String: Timestamp], progress: StepProgress, to sink: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    var digest = SHA256()
    func put(_ bytes: UnsafeRawBufferPointer, _ digest: inout SHA256) throws(Failure) {
      digest.update(bytes)
      try sink(bytes)
    }
    func put(_ bytes: [UInt8], _ digest: inout SHA256) throws(Failure) {
      digest.update(bytes)
      try bytes.withBytes { bytes throws(Failure) in try sink(bytes) }
    }
    let head = ExportedImage(manifest, pins: pins).head
    try put(ExportedImage.magic + Self.littleEndian(UInt64(head.count)) + head, &digest)
    let file = try open()
    let view = file.view
    progress.expect(manifest.usedBytes)
    for piece in pieces {
      try withBuffer(of: piece.length) { buffer throws(Failure) in
        let bytes = UnsafeRawBufferPointer(buffer)
        guard try view.readFull(into: buffer, at: piece.offset) == piece.length,
          ImagePiece(bytes, at: piece.offset) == piece
        else {
          throw Failure(.io, "\(path) differs from its digest in the \(piece.length) bytes at \(piece.offset)")
        }
        try put(ImagePiece.encode([piece]), &digest)
        try put(bytes, &digest)
      }
      progress.advance(by: UInt64(piece.length))
    }
    try put([UInt8](repeating: 0, count: ImagePiece.recordSize), &digest)
    for boot in manifest.bootFiles {
      let bytes = try open(boot).bytes(at: 0, count: Int(boot.size))
      guard SHA256.hex(of: bytes) == boot.sha256 else { throw boot.broken }
      try put(bytes, &digest)
    }
    try digest.digest().withBytes { bytes throws(Failure) in try sink(bytes) }
  }

  private static func littleEndian(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
  }
}
