// SPDX-License-Identifier: Apache-2.0
internal import Digest
package import LinuxIO
package import Report

/// Takes an image that another machine has exported apart: memory is bounded, and each piece is compared with its digest.
package struct ImportedImage: ~Copyable {
  /// Where its parts go: new files.
  package struct Files {
    let disk: DescriptorView
    let pieces: DescriptorView
    let head: DescriptorView
    /// In the order of `BootFile.Kind.allCases`.
    let boot: [DescriptorView]

    /// - Parameter files: of the disk, the table of pieces, the head and each kind of boot file; nil for another number.
    package init?(_ files: [DescriptorView]) {
      guard files.count == 3 + BootFile.Kind.allCases.count else { return nil }
      (disk, pieces, head, boot) = (files[0], files[1], files[2], Array(files[3...]))
    }
  }

  /// Fills the buffer with what comes next, as far as that reaches; returns how much there was.
  package typealias Fill = (UnsafeMutableRawBufferPointer) throws(Failure) -> Int

  private let name: String
  private let fill: Fill
  private var digest = SHA256()

  package init(_ name: String, by fill: @escaping Fill) {
    self.name = name
    self.fill = fill
  }

  /// - Parameter most: how much an image may have to copy, in bytes.
  /// - Throws: `.dump` for what is not a whole image, and for a larger one.
  package mutating func read(into files: Files, most: UInt64, progress: StepProgress) throws(Failure) {
    guard try bytes(ExportedImage.magic.count, of: "its first line") == ExportedImage.magic else {
      throw damaged("it does not begin as an image that guestsmith exports")
    }
    let length = Self.number(try bytes(8, of: "the length of its head"), at: 0)
    guard length <= UInt64(ExportedImage.longestHead) else {
      throw damaged("its head has \(length) bytes, and at most \(ExportedImage.longestHead) are taken")
    }
    let head = try bytes(Int(length), of: "its head")
    let manifest: ImageManifest
    do throws(Failure) {
      manifest = try ExportedImage(head: head).manifest
    } catch {
      throw damaged(error.message)
    }
    guard manifest.usedBytes <= most else {
      throw Failure(
        .dump, "\(name) has \(Words.bytes(manifest.usedBytes)), and the cache takes at most \(Words.bytes(most))",
        remedy: "raise cache_max_size in the configuration")
    }
    try files.head.writeAll(head, at: 0)
    progress.expect(manifest.usedBytes)
    try readPieces(of: manifest, into: files, progress)
    try files.disk.setLength(manifest.size)
    for boot in manifest.bootFiles {
      let bytes = try bytes(Int(boot.size), of: boot.kind.rawValue)
      guard SHA256.hex(of: bytes) == boot.sha256 else { throw damaged("\(boot.kind.rawValue) differs from its digest") }
      let index = BootFile.Kind.allCases.firstIndex(of: boot.kind) ?? 0
      try files.boot[index].writeAll(bytes, at: 0)
    }
    let sum = digest.digest()
    guard try bytes(sum.count, of: "its digest") == sum else { throw damaged("it differs from its digest") }
    guard try [UInt8](upTo: 1, { buffer throws(Failure) in try fill(buffer) }).isEmpty else {
      throw damaged("it goes on behind its end")
    }
  }

  private mutating func readPieces(
    of manifest: ImageManifest, into files: Files, _ progress: StepProgress
  ) throws(Failure) {
    var (end, used, place): (UInt64, UInt64, UInt64) = (0, 0, 0)
    let last = [UInt8](repeating: 0, count: ImagePiece.recordSize)
    while true {
      let record = try bytes(ImagePiece.recordSize, of: "its list of pieces")
      if record == last { break }
      guard let piece = ImagePiece.decode(record)?.first, piece.offset >= end,
        piece.offset + UInt64(piece.length) <= manifest.size
      else { throw damaged("a piece of it lies before another one, or behind the end of the disk") }
      guard used + UInt64(piece.length) <= manifest.usedBytes, place < ExportedImage.longestList else {
        throw damaged("its pieces are more than its manifest says, or than there are in any image")
      }
      end = piece.offset + UInt64(piece.length)
      used += UInt64(piece.length)
      try take(piece, to: files.disk)
      try files.pieces.writeAll(record, at: place)
      place += UInt64(record.count)
      progress.advance(by: UInt64(piece.length))
    }
    guard used == manifest.usedBytes else {
      throw damaged("its pieces have \(used) bytes, and its manifest says \(manifest.usedBytes)")
    }
  }

  private mutating func take(_ piece: ImagePiece, to disk: DescriptorView) throws(Failure) {
    let fill = fill
    let failure = damaged("it ends in the \(piece.length) bytes at \(piece.offset) of the disk")
    let differs = damaged("it differs from its digest in the \(piece.length) bytes at \(piece.offset) of the disk")
    var sum = SHA256()
    swap(&sum, &digest)
    try withBuffer(of: piece.length) { buffer throws(Failure) in
      guard try fill(buffer) == piece.length else { throw failure }
      let bytes = UnsafeRawBufferPointer(buffer)
      sum.update(bytes)
      guard ImagePiece(bytes, at: piece.offset) == piece else { throw differs }
      try NonZeroRuns(in: bytes, unit: 4096).each { run throws(Failure) in
        try disk.writeAll(UnsafeRawBufferPointer(rebasing: bytes[run]), at: piece.offset + UInt64(run.lowerBound))
      }
    }
    swap(&sum, &digest)
  }

  private mutating func bytes(_ count: Int, of part: String) throws(Failure) -> [UInt8] {
    let bytes = try [UInt8](upTo: count) { buffer throws(Failure) in try fill(buffer) }
    guard bytes.count == count else { throw damaged("it ends in \(part)") }
    digest.update(bytes)
    return bytes
  }

  private static func number(_ bytes: [UInt8], at place: Int) -> UInt64 {
    bytes[place..<place + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private func damaged(_ words: String) -> Failure {
    Failure(.dump, "\(name) is not a whole image: \(words)", remedy: "copy it again, or export it again")
  }
}
