// SPDX-License-Identifier: Apache-2.0
internal import Digest
import Report

extension Failure {
  /// A dump that is not what a writer wrote.
  static func damaged(at offset: UInt64, in part: String, _ what: String) -> Failure {
    Failure(
      .dump, "the dump is damaged at byte \(offset), in \(part): \(what)",
      remedy: "take another copy of the dump, or export again")
  }

  /// A part of a dump that is not what a writer wrote. Whoever knows where the part lies adds that: `located`.
  static func unsound(_ what: String) -> Failure { Failure(.dump, what, cause: .unlocatedDamage) }

  /// The same failure with the place where it was found, when that is not told yet.
  func located(at offset: UInt64, in part: String) -> Failure {
    cause == .unlocatedDamage ? .damaged(at: offset, in: part, message) : self
  }
}

/// A dump as it arrives, byte for byte: used by one thread at a time, which a pipeline sees to.
final class StoredStream: @unchecked Sendable {
  typealias Source = @Sendable (UnsafeMutableRawBufferPointer) throws(Failure) -> Int

  private let source: Source
  /// Bytes read so far.
  private(set) var offset: UInt64 = 0
  /// Of the bytes that were handed to `account`.
  private(set) var checksum = XXH64()
  private(set) var table = SeekTable()

  init(_ source: @escaping Source) {
    self.source = source
  }

  /// Fills the whole buffer; throws when the stream ends before.
  func read(into buffer: UnsafeMutableRawBufferPointer, part: String) throws(Failure) {
    var filled = 0
    while filled < buffer.count {
      let count = try source(UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
      guard count > 0 else {
        throw Failure(
          .dump, "the dump is cut off at byte \(offset), in \(part)",
          remedy: "take a whole copy of the dump, or export again: an export that fails leaves one like this")
      }
      filled += count
      offset += UInt64(count)
    }
  }

  func read(_ count: Int, part: String) throws(Failure) -> [UInt8] {
    try [UInt8](upTo: count) { buffer throws(Failure) in
      try read(into: buffer, part: part)
      return count
    }
  }

  /// Reads what must follow to the byte.
  func expect(_ bytes: [UInt8], part: String) throws(Failure) {
    let start = offset
    let found = try read(bytes.count, part: part)
    if let index = zip(found, bytes).enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset {
      throw .damaged(
        at: start + UInt64(index), in: part, "the byte \(found[index]) where \(bytes[index]) would be right")
    }
  }

  func expectEnd() throws(Failure) {
    let more = try [UInt8](upTo: 1) { byte throws(Failure) in try source(byte) }
    guard more.isEmpty else { throw .damaged(at: offset, in: "the end", "more bytes follow") }
  }

  /// Reads one frame with content, whole, into `stored`; returns its stored and its content length.
  ///
  /// - Parameter first: the bytes of it that were read already.
  func readFrame(
    into stored: UnsafeMutableRawBufferPointer, part: String, first: [UInt8] = []
  ) throws(Failure) -> (stored: Int, content: Int) {
    let start = offset - UInt64(first.count)
    stored.copyBytes(from: first)
    var length = first.count
    func extend(to end: Int) throws(Failure) {
      guard end <= stored.count else { throw .damaged(at: start, in: part, "a frame larger than any that is written") }
      try read(into: UnsafeMutableRawBufferPointer(rebasing: stored[length..<end]), part: part)
      length = end
    }

    try extend(to: 4)
    guard stored[..<4].elementsEqual(littleEndian(FrameHeader.magic)) else {
      throw try unexpectedFrame(magic: Array(stored[..<4]), at: start, part: part)
    }
    try extend(to: 6)
    try extend(to: 5 + min(1 << Int(stored[4] >> 6), 4))
    guard let content = FrameHeader.contentSize(Array(stored[..<length])) else {
      throw .damaged(at: start, in: part, "a frame header that guestsmith does not write")
    }
    var block: BlockHeader?
    try extend(to: length + BlockHeader.length)
    repeat {
      block = BlockHeader(stored[(length - BlockHeader.length)..<length])
      guard let block else {
        throw .damaged(at: start + UInt64(length), in: part, "a block that zstd does not know")
      }
      // With the block comes what follows it: the next block's header, or the frame's checksum.
      try extend(to: length + block.storedLength + (block.isLast ? 4 : BlockHeader.length))
    } while block?.isLast == false
    checksum.update(UnsafeRawBufferPointer(rebasing: stored[..<length]))
    table.append(length)
    return (length, content)
  }

  private func unexpectedFrame(magic: [UInt8], at start: UInt64, part: String) throws(Failure) -> Failure {
    guard magic == littleEndian(SkippableFrame.failureMagic) else {
      return .damaged(at: start, in: part, "no zstd frame starts here")
    }
    let field = try read(4, part: "the words of a failed export")
    let length = field.reversed().reduce(0) { $0 << 8 | Int($1) }
    let words = try read(min(length, SkippableFrame.longestMessage), part: "the words of a failed export")
    return Failure(
      .dump, "the export that wrote this dump failed: \(String(decoding: words, as: UTF8.self))",
      remedy: "export again; what is there of the dump ends at byte \(start)")
  }
}
