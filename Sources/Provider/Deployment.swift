// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Ext4
internal import Glibc
internal import Images
internal import LinuxIO
internal import Report
internal import Storage
internal import Synchronization

/// Copies the used bytes of an image to its place on a disk, each piece compared with its digest on the way: by sharing the blocks
/// where both are files of one filesystem that can, else by large writes, several at once. They go past the cache where the disk
/// has such a way: that takes a tenth of the processor's time, and what others have in the cache stays there. What it begins with
/// is kept back, so that the copy can't be mounted before it is whole. What the image has behind the end of the region stays away.
struct Deployment: Sendable {
  enum Head: Sendable {
    /// The primary superblock: without one the image is broken.
    case superblock
    /// All that begins in so many bytes.
    case first(Int)
  }

  /// What the disk does not have yet.
  let head: Withheld

  /// - Throws: `.io` with `isImageBroken` where the image is not what its digests say.
  init(
    _ entry: borrowing ImageEntry, to region: Region, keepingBack kept: Head = .superblock, progress: StepProgress
  ) throws(DeploymentFailure) {
    let image: Descriptor
    do {
      image = try entry.open()
    } catch {
      throw DeploymentFailure(failure: error, isImageBroken: false)
    }
    let pieces = entry.pieces.filter { $0.offset < region.range.length }
    progress.expect(pieces.reduce(0) { $0 + UInt64($1.length) })
    let copy = PieceCopy(of: pieces, from: image.view, to: region.view, in: region.range, keepingBack: kept)
    let workers = max(1, min(4, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      withBuffer(of: PieceCopy.most) { buffer in
        while let count = copy.copyNext(through: buffer) { progress.advance(by: UInt64(count)) }
      }
    }
    head = try copy.finish()
  }
}

struct DeploymentFailure: Error {
  var failure: Failure
  /// The image is to be rejected, and built anew.
  var isImageBroken: Bool
}

/// One copy with several workers; the first failure ends it.
private final class PieceCopy: Sendable {
  private struct State {
    /// The number of the next piece.
    var next = 0
    var head = Withheld()
    /// Until the filesystem has said that it can't.
    var sharesBlocks = true
    var writesUncached = true
    var failure: DeploymentFailure?
  }

  /// The most bytes that are copied at once: larger writes are not faster (measured with one, eight and sixteen copies at once).
  static let most = 4 * ImagePiece.limit
  /// What a write past the cache is a multiple of, whatever the disk.
  private static let page: UInt64 = 4096

  private let pieces: [ImagePiece]
  private let image: DescriptorView
  private let disk: DescriptorView
  /// The disk, opened past the cache; nil where that can't be.
  private let uncached: SharedDescriptor?
  private let place: ByteRange
  private let kept: Deployment.Head
  private let state = Mutex(State())

  init(
    of pieces: [ImagePiece], from image: DescriptorView, to disk: DescriptorView, in place: ByteRange,
    keepingBack kept: Deployment.Head
  ) {
    (self.pieces, self.image, self.disk) = (pieces, image, disk)
    uncached = if let file = Descriptor(writingUncached: disk) { SharedDescriptor(file) } else { nil }
    (self.place, self.kept) = (place, kept)
  }

  /// Copies the next pieces that lie one behind the other.
  ///
  /// - Parameter buffer: of `most` bytes.
  /// - Returns: how many bytes; nil when all pieces are taken or one failed.
  func copyNext(through buffer: UnsafeMutableRawBufferPointer) -> Int? {
    guard let taken = take() else { return nil }
    let length = taken.reduce(0) { $0 + $1.length }
    do throws(DeploymentFailure) {
      try copy(taken, at: taken[taken.startIndex].offset, through: .init(rebasing: buffer[..<length]))
    } catch {
      state.withLock { $0.failure = $0.failure ?? error }
    }
    return length
  }

  private func take() -> ArraySlice<ImagePiece>? {
    state.withLock { state in
      guard state.failure == nil, state.next < pieces.count else { return nil }
      let first = state.next
      var (end, length) = (first + 1, pieces[first].length)
      while end < pieces.count, pieces[end].offset == pieces[first].offset + UInt64(length),
        isKept(pieces[end]) == isKept(pieces[first]), length + pieces[end].length <= Self.most
      {
        length += pieces[end].length
        end += 1
      }
      state.next = end
      return pieces[first..<end]
    }
  }

  private func isKept(_ piece: ImagePiece) -> Bool {
    if case .first(let count) = kept { piece.offset < count } else { false }
  }

  private func copy(
    _ taken: ArraySlice<ImagePiece>, at offset: UInt64, through bytes: UnsafeMutableRawBufferPointer
  ) throws(DeploymentFailure) {
    do throws(Failure) { try read(taken, into: bytes) } catch {
      throw DeploymentFailure(failure: error, isImageBroken: true)
    }
    let fitting = UnsafeMutableRawBufferPointer(
      rebasing: bytes[..<Int(min(UInt64(bytes.count), place.length - offset))])
    var isHead = false
    switch kept {
    case .superblock: isHead = state.withLock { $0.head.take(Superblock.range, outOf: fitting, at: offset) }
    case .first(let count) where offset < count:
      return state.withLock { $0.head.hold(Array(fitting), at: offset) }
    case .first: break
    }
    if !isHead, state.withLock({ $0.sharesBlocks }) {
      let range = ByteRange(offset: offset, length: UInt64(fitting.count))
      if disk.clone(range, of: image, to: place.offset + offset) { return }
      state.withLock { $0.sharesBlocks = false }
    }
    do throws(Failure) { try write(UnsafeRawBufferPointer(fitting), at: place.offset + offset) } catch {
      throw DeploymentFailure(failure: error, isImageBroken: false)
    }
  }

  private func read(_ taken: ArraySlice<ImagePiece>, into bytes: UnsafeMutableRawBufferPointer) throws(Failure) {
    var start = 0
    for piece in taken {
      let part = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + piece.length])
      let count = try image.readFull(into: part, at: piece.offset)
      guard count == piece.length, piece.matches(UnsafeRawBufferPointer(part)) else {
        throw Failure(.io, "\(image.name) differs from its digest in the \(piece.length) bytes at \(piece.offset)")
      }
      start += piece.length
    }
  }

  private func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    var written = 0
    if let uncached, (offset | UInt64(bytes.count)).isMultiple(of: Self.page), state.withLock({ $0.writesUncached }) {
      written = try uncached.view.writeUncached(bytes, at: offset)
      if written == bytes.count { return }
      state.withLock { $0.writesUncached = false }
    }
    try disk.writeThrough(.init(rebasing: bytes[written...]), at: offset + UInt64(written))
  }

  func finish() throws(DeploymentFailure) -> Withheld {
    let (head, failure) = state.withLock { ($0.head, $0.failure) }
    if let failure { throw failure }
    if case .superblock = kept, head.bytes(in: Superblock.range) == nil {
      throw DeploymentFailure(failure: Failure(.io, "the image has no superblock"), isImageBroken: true)
    }
    return head
  }
}
