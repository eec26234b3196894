// SPDX-License-Identifier: Apache-2.0
internal import Digest
package import Report

/// Writes a dump, from its first byte to its last: a pipe will do.
package struct DumpWriter: Sendable {
  package enum Compression: Equatable, Sendable {
    /// 1 (fastest) to 19 (smallest).
    case zstd(level: Int)
    /// A plain tar, for a host that compresses by itself.
    case none
  }

  private let layout: Layout
  private let extents: ExtentMap
  private let compression: Compression
  private let workers: Int

  /// - Parameters:
  ///   - manifest: made from the same `extents`.
  ///   - workers: threads that compress; fewer where memory would not be enough.
  ///
  /// Throws `.invalid` when the level is unknown or the manifest has no room in a dump.
  package init(_ manifest: Manifest, _ extents: ExtentMap, compression: Compression, workers: Int) throws(Failure) {
    if case .zstd(let level) = compression, !Zstd.levels.contains(level) {
      throw Failure(
        .invalid, "the compression level \(level) is not one of \(Zstd.levels.lowerBound) to \(Zstd.levels.upperBound)")
    }
    layout = try Layout(manifest)
    self.extents = extents
    self.compression = compression
    self.workers = workers
  }

  /// The bytes of the dump before compression: what it has in all where it is not compressed.
  package var length: UInt64 { layout.length }

  /// Writes the whole dump.
  ///
  /// When anything fails, the dump lacks its trailer, so that no reader takes it; and where the failure is not the
  /// sink's own and zstd frames allow it, it ends with the failure's words, for the reader to show.
  ///
  /// - Parameters:
  ///   - read: fills the buffer from that offset of the disk, wholly; called in ascending order on a thread of its own.
  ///   - sink: takes the next bytes of the dump, all of them; called on the caller's thread.
  ///   - progress: gets the bytes of the disk that are written so far.
  package func write(
    read: @Sendable (UInt64, UnsafeMutableRawBufferPointer) throws(Failure) -> Void,
    sink: (UnsafeRawBufferPointer) throws(Failure) -> Void,
    progress: (UInt64) -> Void = { _ in }
  ) throws(Failure) -> DumpSummary {
    try withoutActuallyEscaping(read) { read throws(Failure) in
      try withoutActuallyEscaping(sink) { sink throws(Failure) in
        let output = Output(sink)
        do throws(Failure) {
          return try write(TarBody(layout, extents, read: read), output, progress)
        } catch {
          if compression != .none, !output.isBroken {
            try? output.put(SkippableFrame.failure(error.message))
          }
          throw error
        }
      }
    }
  }

  private func write(_ body: TarBody, _ output: Output, _ progress: (UInt64) -> Void) throws(Failure) -> DumpSummary {
    let digest = RunningDigest()
    var level: Int?
    if case .zstd(let chosen) = compression { level = chosen }
    let frameSize = layout.manifest.frameSize
    let pipeline = Pipeline(
      workers: level == nil ? 1 : workers,
      context: level.map { Compressor.memory(level: $0, frameSize: frameSize) } ?? 0,
      contentSize: Int(frameSize), storedSize: level == nil ? 0 : Zstd.bound(Int(frameSize)))
    var compressors: [Compressor] = []
    if let level {
      for _ in 0..<pipeline.workers {
        compressors.append(try Compressor(level: level, frameSize: frameSize))
      }
    }
    let workers = Workers(compressors)

    layout.manifestMember.withUnsafeBytes { digest.update($0) }
    try output.put(frame: layout.manifestMember, compressors.first)
    var done: UInt64 = 0
    try pipeline.run(
      fill: { slot throws(Failure) in try body.fill(slot) },
      work: { slot, worker throws(Failure) in try workers.compress(slot, worker) },
      digest: { slot in digest.update(slot.contentBytes) },
      drain: { slot throws(Failure) in
        try output.put(slot)
        if slot.frame > layout.headFrames {
          done = min(done + UInt64(slot.contentCount), layout.manifest.used)
          progress(done)
        }
      })
    let sha256 = digest.hex
    try output.put(frame: layout.trailer(sha256: sha256), compressors.first)
    if level != nil {
      try output.put(SkippableFrame.checksum(output.checksum))
      try output.table.pieces(layout, extents) { piece throws(Failure) in try output.put(piece) }
    }
    return DumpSummary(stored: output.count, content: layout.length, sha256: sha256)
  }
}

/// The compressors of a pipeline's workers; each is used by its worker only.
private final class Workers: @unchecked Sendable {
  private let compressors: [Compressor]

  init(_ compressors: [Compressor]) {
    self.compressors = compressors
  }

  /// Without compressors the content stays as it is.
  func compress(_ slot: Slot, _ worker: Int) throws(Failure) {
    guard !compressors.isEmpty else { return }
    slot.storedCount = try compressors[worker].compress(slot.contentBytes, into: slot.stored)
  }
}

/// The dump as it leaves, on the caller's thread.
private final class Output {
  private let sink: (UnsafeRawBufferPointer) throws(Failure) -> Void
  private(set) var count: UInt64 = 0
  private(set) var checksum = XXH64()
  private(set) var table = SeekTable()
  /// The sink failed: there is nobody to tell more.
  private(set) var isBroken = false

  init(_ sink: @escaping (UnsafeRawBufferPointer) throws(Failure) -> Void) {
    self.sink = sink
  }

  func put(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
    checksum.update(bytes)
    do {
      try sink(bytes)
    } catch {
      isBroken = true
      throw error
    }
    count += UInt64(bytes.count)
  }

  func put(_ bytes: [UInt8]) throws(Failure) {
    try bytes.withBytes { bytes throws(Failure) in try put(bytes) }
  }

  /// A frame that a pipeline made, or its content where nothing is compressed.
  func put(_ slot: Slot) throws(Failure) {
    guard slot.stored.count > 0 else { return try put(slot.contentBytes) }
    table.append(slot.storedCount)
    try put(slot.storedBytes)
  }

  /// A small frame outside of the pipeline.
  func put(frame content: [UInt8], _ compressor: Compressor?) throws(Failure) {
    let storedSize = compressor == nil ? 0 : Zstd.bound(content.count)
    try Slot.temporary(contentSize: content.count, storedSize: storedSize) { slot throws(Failure) in
      slot.content.copyBytes(from: content)
      slot.contentCount = content.count
      if let compressor {
        slot.storedCount = try compressor.compress(slot.contentBytes, into: slot.stored)
      }
      try put(slot)
    }
  }
}
