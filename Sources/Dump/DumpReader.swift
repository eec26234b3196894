// SPDX-License-Identifier: Apache-2.0
package import Report

/// Reads a dump as it comes, such as from a pipe: first what it is, then the disk's extents.
///
/// Whatever differs from what a writer would have written is a failure of the code `.dump` that says where it is and
/// what: one bit anywhere, one byte less or more.
package struct DumpReader: Sendable {
  package let manifest: Manifest
  package let extents: ExtentMap

  private let layout: Layout
  private let isCompressed: Bool
  private let stream: StoredStream
  private let digest = RunningDigest()

  /// Reads the manifest and the sparse map.
  ///
  /// - Parameter source: puts the next bytes into the buffer, as many as it likes; 0 only at the end. It is called on
  ///   one thread at a time, not always the same.
  package init(
    source: @escaping @Sendable (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  ) throws(Failure) {
    stream = StoredStream(source)
    let first = try stream.read(4, part: Layout.manifestName)
    isCompressed = first == littleEndian(FrameHeader.magic)
    let decompressor = try Decompressor()
    let member =
      try isCompressed
      ? Self.compressedManifest(stream, first, decompressor) : Self.plainManifest(stream, first)
    do {
      layout = try Layout(parsing: member)
    } catch {
      throw error.located(at: 0, in: Layout.manifestName)
    }
    manifest = layout.manifest
    member.withUnsafeBytes { [digest] in digest.update($0) }
    extents = try Self.readMap(FrameInput(stream, layout, isCompressed: isCompressed), decompressor, digest)
  }

  private static func readMap(
    _ frames: FrameInput, _ decompressor: Decompressor, _ digest: RunningDigest
  ) throws(Failure) -> ExtentMap {
    try frames.withSlot(Int(frames.layout.manifest.frameSize)) { slot throws(Failure) in
      var head = SparseMapHead(frames.layout)
      do throws(Failure) {
        while frames.next <= frames.layout.headFrames {
          try frames.fill(slot)
          try frames.decode(slot, decompressor)
          try head.consume(slot.contentBytes)
          digest.update(slot.contentBytes)
        }
        return try head.finish()
      } catch {
        throw error.located(at: slot.start, in: frames.part(slot.frame))
      }
    }
  }

  /// The most bytes that a dump with this manifest is stored in (ZSTD_COMPRESSBOUND, and the seek table).
  package var longestStored: UInt64 {
    isCompressed ? layout.length + layout.length / 256 + UInt64(layout.frames + 2) * 100 : layout.length
  }

  /// Reads everything else; returns only when the dump was right to its last byte. Until then the extents that were
  /// handed out may be damaged.
  ///
  /// - Parameters:
  ///   - workers: threads that decompress; fewer where memory would not be enough.
  ///   - progress: gets the bytes of the disk that were handed out so far.
  ///   - extent: takes the disk's content at an offset, piece by piece in ascending order; called on the caller's
  ///     thread. What it does not get is zero.
  package consuming func read(
    workers: Int,
    progress: (UInt64) -> Void = { _ in },
    extent: (UInt64, UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) -> DumpSummary {
    let frameSize = Int(manifest.frameSize)
    let pipeline = Pipeline(
      workers: isCompressed ? workers : 1, context: Decompressor.memory, contentSize: frameSize,
      storedSize: isCompressed ? Zstd.bound(frameSize) : 0)
    var decompressors: [Decompressor] = []
    for _ in 0..<pipeline.workers {
      decompressors.append(try Decompressor())
    }
    let workers = DecompressingWorkers(decompressors)
    let frames = FrameInput(stream, layout, isCompressed: isCompressed, extents)
    let last = layout.headFrames + layout.dataFrames
    var delivery = Delivery(extents)
    try pipeline.run(
      fill: { slot throws(Failure) in
        guard frames.next <= last else { return false }
        try frames.fill(slot)
        return true
      },
      work: { slot, worker throws(Failure) in try frames.decode(slot, workers.decompressors[worker]) },
      digest: { [digest] slot in digest.update(slot.contentBytes) },
      drain: { slot throws(Failure) in
        try delivery.deliver(slot.contentBytes, to: extent)
        progress(delivery.done)
      })
    try readTrailer(frames, decompressors[0])
    return DumpSummary(stored: stream.offset, content: layout.length, sha256: digest.hex)
  }

  private func readTrailer(_ frames: FrameInput, _ decompressor: Decompressor) throws(Failure) {
    try frames.withSlot(Layout.trailerLength) { slot throws(Failure) in
      try frames.fill(slot)
      try frames.decode(slot, decompressor)
      let sha256 = digest.hex
      guard slot.contentBytes.elementsEqual(layout.trailer(sha256: sha256)) else {
        throw .damaged(
          at: slot.start, in: Layout.trailerName,
          "it is not that of \(layout.bodyLength) bytes with the SHA-256 \(sha256), which the dump holds")
      }
    }
    if isCompressed {
      try stream.expect(SkippableFrame.checksum(stream.checksum), part: "the checksum of the stored bytes")
      try stream.table.pieces(layout, extents) { piece throws(Failure) in
        try stream.expect(piece, part: "the seek table")
      }
    }
    try stream.expectEnd()
  }

  private static func compressedManifest(
    _ stream: StoredStream, _ first: [UInt8], _ decompressor: Decompressor
  ) throws(Failure) -> [UInt8] {
    let longest = TarHeader.blockSize + Manifest.longestText
    return try Slot.temporary(contentSize: longest, storedSize: Zstd.bound(longest)) { slot throws(Failure) in
      (slot.storedCount, slot.contentCount) = try stream.readFrame(
        into: slot.stored, part: Layout.manifestName, first: first)
      guard slot.contentCount <= longest else {
        throw .damaged(
          at: 0, in: Layout.manifestName, "a first frame of \(slot.contentCount) bytes is not one of a dump")
      }
      do throws(Failure) {
        try decompressor.decompress(slot.storedBytes, into: slot.contentBuffer)
      } catch {
        throw error.located(at: 0, in: Layout.manifestName)
      }
      return Array(slot.contentBytes)
    }
  }

  private static func plainManifest(_ stream: StoredStream, _ first: [UInt8]) throws(Failure) -> [UInt8] {
    let part = Layout.manifestName
    let block = first + (try stream.read(TarHeader.blockSize - first.count, part: part))
    guard let length = Layout.manifestLength(firstBlock: block) else {
      throw Failure(.dump, "the stream is not a dump: it starts neither with a zstd frame nor with manifest.json")
    }
    return block + (try stream.read(length + Int(TarHeader.padding(after: UInt64(length))), part: part))
  }
}

/// The decompressors of a pipeline's workers; each is used by its worker only.
private final class DecompressingWorkers: @unchecked Sendable {
  let decompressors: [Decompressor]

  init(_ decompressors: [Decompressor]) {
    self.decompressors = decompressors
  }
}

/// Takes the extents' concatenated content apart again.
private struct Delivery {
  private var extents: ExtentMap.Iterator
  private var rest: ByteRange?
  private(set) var done: UInt64 = 0

  init(_ map: ExtentMap) {
    extents = map.makeIterator()
  }

  mutating func deliver(
    _ bytes: UnsafeRawBufferPointer, to consumer: (UInt64, UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    var taken = 0
    while taken < bytes.count, let extent = rest ?? extents.next() {
      let length = min(extent.length, UInt64(bytes.count - taken))
      try consumer(extent.offset, UnsafeRawBufferPointer(rebasing: bytes[taken..<taken + Int(length)]))
      taken += Int(length)
      done += length
      rest = length < extent.length ? ByteRange(offset: extent.offset + length, length: extent.length - length) : nil
    }
  }
}
