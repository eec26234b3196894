// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Ext4
internal import LinuxIO
internal import Report

/// A part of an image's used bytes with its digests, so that a copy can be checked as it is made, before the target can
/// be mounted, and in several threads.
///
/// Two digests: SHA-256 says that an image is the one that was made, wherever it comes from. XXH64 finds every damage that
/// chance does, at a sixth of the time, which is most of what a copy costs the processor: who can change the image on
/// purpose can change its table too.
package struct ImagePiece: Equatable, Sendable {
  /// The largest piece in bytes.
  package static let limit = 1 << 20

  /// In the image, in bytes.
  package let offset: UInt64
  /// At most `limit`.
  package let length: Int
  /// The 32 bytes of its SHA-256.
  package let digest: [UInt8]
  /// Its XXH64.
  package let sum: UInt64

  init(offset: UInt64, length: Int, digest: [UInt8], sum: UInt64) {
    self.offset = offset
    self.length = length
    self.digest = digest
    self.sum = sum
  }

  /// That of the bytes that an image has at `offset`.
  init(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) {
    var digest = SHA256()
    var sum = XXH64()
    digest.update(bytes)
    sum.update(bytes)
    self.init(offset: offset, length: bytes.count, digest: digest.digest(), sum: sum.value)
  }

  /// Whether `bytes` are what the piece was when the image was made, as long as nobody meant to deceive.
  package func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var sum = XXH64()
    sum.update(bytes)
    return bytes.count == length && sum.value == self.sum
  }

  /// Cuts the used extents into pieces and computes their digests.
  static func digest(
    _ extents: [ByteRange], of image: borrowing Descriptor, progress: StepProgress
  ) throws(Failure) -> [ImagePiece] {
    progress.expect(extents.reduce(0) { $0 + $1.length })
    let image = image.view
    return try withBuffer(of: limit) { buffer throws(Failure) in
      var pieces: [ImagePiece] = []
      for extent in extents {
        var offset = extent.offset
        while offset < extent.end {
          let length = Int(min(UInt64(limit), extent.end - offset))
          pieces.append(ImagePiece(try read(image, offset, length, into: buffer), at: offset))
          offset += UInt64(length)
          progress.advance(by: UInt64(length))
        }
      }
      return pieces
    }
  }

  /// Reads every piece of `image` and compares it.
  ///
  /// - Throws: `.io` with the place of the first piece that differs.
  static func verify(
    _ pieces: [ImagePiece], of image: borrowing Descriptor, progress: StepProgress
  ) throws(Failure) {
    progress.expect(pieces.reduce(0) { $0 + UInt64($1.length) })
    let image = image.view
    try withBuffer(of: limit) { buffer throws(Failure) in
      for piece in pieces {
        guard ImagePiece(try read(image, piece.offset, piece.length, into: buffer), at: piece.offset) == piece else {
          throw Failure(.io, "\(image.name) differs from its digest in the \(piece.length) bytes at \(piece.offset)")
        }
        progress.advance(by: UInt64(piece.length))
      }
    }
  }

  private static func read(
    _ image: DescriptorView, _ offset: UInt64, _ length: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Failure) -> UnsafeRawBufferPointer {
    let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])
    let count = try image.readFull(into: room, at: offset)
    guard count == length else { throw Failure(.io, "\(image.name) ends in the \(length) bytes at \(offset)") }
    return UnsafeRawBufferPointer(room)
  }

  /// One record of the table: offset, length and XXH64, each in 8 bytes with the lowest first, then the SHA-256.
  static let recordSize = 56

  static func encode(_ pieces: [ImagePiece]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(pieces.count * recordSize)
    for piece in pieces {
      for number in [piece.offset, UInt64(piece.length), piece.sum] {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
      }
      bytes += piece.digest
    }
    return bytes
  }

  /// Nil when the table is not whole, or a piece is not behind the one before it.
  static func decode(_ table: [UInt8]) -> [ImagePiece]? {
    guard table.count.isMultiple(of: recordSize) else { return nil }
    var pieces: [ImagePiece] = []
    var end: UInt64 = 0
    for start in stride(from: 0, to: table.count, by: recordSize) {
      func number(_ at: Int) -> UInt64 {
        table[(start + at)..<(start + at + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
      }
      let (offset, length) = (number(0), number(8))
      guard offset >= end, (1...UInt64(limit)).contains(length), offset < UInt64(Int64.max) - length else { return nil }
      end = offset + length
      pieces.append(
        ImagePiece(
          offset: offset, length: Int(length), digest: Array(table[(start + 24)..<(start + recordSize)]),
          sum: number(16)))
    }
    return pieces
  }
}
