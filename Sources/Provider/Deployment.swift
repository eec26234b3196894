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
/// where both are files of one filesystem that can, else by large writes, several at once. What it begins with is kept back,
/// so that the copy can't be mounted before it is whole. What the image has behind the end of the region stays away.
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
    let (source, target, place) = (image.view, region.view, region.range)
    let copy = PieceCopy(keepingBack: kept)
    let workers = max(1, min(4, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      withBuffer(of: ImagePiece.limit) { buffer in
        while let index = copy.next(of: pieces.count) {
          copy.copy(pieces[index], from: source, to: target, in: place, through: buffer)
          progress.advance(by: UInt64(pieces[index].length))
        }
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
    var next = 0
    var head = Withheld()
    /// Until the filesystem has said that it can't.
    var sharesBlocks = true
    var failure: DeploymentFailure?
  }

  private let kept: Deployment.Head
  private let state = Mutex(State())

  init(keepingBack kept: Deployment.Head) { self.kept = kept }

  /// The number of the next piece; nil when all are taken or one failed.
  func next(of count: Int) -> Int? {
    state.withLock { state in
      guard state.failure == nil, state.next < count else { return nil }
      defer { state.next += 1 }
      return state.next
    }
  }

  func copy(
    _ piece: ImagePiece, from image: DescriptorView, to disk: DescriptorView, in place: ByteRange,
    through buffer: UnsafeMutableRawBufferPointer
  ) {
    let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<piece.length])
    do throws(Failure) {
      let count = try image.readFull(into: bytes, at: piece.offset)
      guard count == piece.length, piece.matches(UnsafeRawBufferPointer(bytes)) else {
        throw Failure(.io, "\(image.name) differs from its digest in the \(piece.length) bytes at \(piece.offset)")
      }
    } catch {
      return fail(error, isImageBroken: true)
    }
    let fitting = UnsafeMutableRawBufferPointer(
      rebasing: bytes[..<Int(min(UInt64(piece.length), place.length - piece.offset))])
    var isHead = false
    switch kept {
    case .superblock: isHead = state.withLock { $0.head.take(Superblock.range, outOf: fitting, at: piece.offset) }
    case .first(let count) where piece.offset < count:
      return state.withLock { $0.head.hold(Array(fitting), at: piece.offset) }
    case .first: break
    }
    if !isHead, state.withLock({ $0.sharesBlocks }) {
      let range = ByteRange(offset: piece.offset, length: UInt64(fitting.count))
      if disk.clone(range, of: image, to: place.offset + piece.offset) { return }
      state.withLock { $0.sharesBlocks = false }
    }
    do throws(Failure) {
      try disk.writeThrough(UnsafeRawBufferPointer(fitting), at: place.offset + piece.offset)
    } catch {
      fail(error, isImageBroken: false)
    }
  }

  func finish() throws(DeploymentFailure) -> Withheld {
    let (head, failure) = state.withLock { ($0.head, $0.failure) }
    if let failure { throw failure }
    if case .superblock = kept, head.bytes(in: Superblock.range) == nil {
      throw DeploymentFailure(failure: Failure(.io, "the image has no superblock"), isImageBroken: true)
    }
    return head
  }

  private func fail(_ failure: Failure, isImageBroken: Bool) {
    state.withLock { state in
      if state.failure == nil { state.failure = DeploymentFailure(failure: failure, isImageBroken: isImageBroken) }
    }
  }
}
