// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxIO
package import Report
package import Storage

/// A stream of bytes that comes in, whose beginning can be looked at before it is read. Used by one thread at a time.
package final class IncomingStream: @unchecked Sendable {
  package typealias Source = @Sendable (UnsafeMutableRawBufferPointer) throws(Failure) -> Int

  /// What it is in a message.
  package let name: String
  private let source: Source
  /// What the source reads from; nil where that is not a descriptor.
  private let origin: (any Origin)?
  /// Bytes that were looked at and not read yet.
  private var seen: ArraySlice<UInt8> = []
  /// Bytes read so far.
  package private(set) var count: UInt64 = 0

  /// - Parameter source: puts the next bytes into the buffer, as many as it likes; 0 only at the end.
  package init(name: String, _ source: @escaping Source) {
    self.name = name
    self.source = source
    origin = nil
  }

  init(name: String, from origin: any Origin) {
    self.name = name
    source = { buffer throws(Failure) in try origin.read(into: buffer) }
    self.origin = origin
  }

  /// A stream that another process has looked at and hands on.
  ///
  /// - Parameters:
  ///   - seen: what that one has read of it already.
  ///   - confirm: says at its end whether that is a right one.
  package convenience init(
    handedOver descriptor: consuming Descriptor, called name: String, seen: [UInt8],
    _ confirm: @escaping @Sendable () throws(Failure) -> Void
  ) {
    self.init(name: name, from: HandedOver(descriptor, confirm))
    self.seen = seen[...]
  }

  /// A stream that a descriptor gives, from where it stands.
  package convenience init(reading descriptor: SharedDescriptor) {
    self.init(name: descriptor.name, from: descriptor)
  }

  package static func standardInput() throws(Failure) -> IncomingStream {
    IncomingStream(reading: SharedDescriptor(try StandardStream.input.open()))
  }

  /// What was looked at and not read, and what the rest is read from, nil where there is no rest: for another process. It
  /// is not read here any more.
  package func handOver() -> (seen: [UInt8], rest: DescriptorView?) { (Array(seen), origin?.rest) }

  /// Waits for the end of what unpacks the stream, once another process has it: this one lets go of it.
  ///
  /// - Throws: what was wrong with it.
  package func finish() throws(Failure) { try origin?.finish() }

  /// The first `length` bytes, or fewer where the stream has no more. They are still there to be read.
  package func prefix(_ length: Int) throws(Failure) -> [UInt8] {
    if seen.count < length {
      seen += try [UInt8](upTo: length - seen.count) { buffer throws(Failure) in
        try readFull(into: buffer, from: source)
      }
    }
    return Array(seen.prefix(length))
  }

  /// Puts the next bytes into the buffer; 0 at the end, which is a right end: what packed the stream says so.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    var length = min(seen.count, buffer.count)
    if length > 0 {
      buffer.copyBytes(from: seen.prefix(length))
      seen = seen.dropFirst(length)
    } else {
      length = try source(buffer)
    }
    count += UInt64(length)
    return length
  }

  /// Fills the buffer as far as the stream reaches; returns how much there was.
  package func readFull(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    try readFull(into: buffer) { rest throws(Failure) in try read(into: rest) }
  }

  private func readFull(
    into buffer: UnsafeMutableRawBufferPointer, from source: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  ) throws(Failure) -> Int {
    var filled = 0
    while filled < buffer.count {
      let count = try source(UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// Calls `body` with everything that is left, in pieces of a MiB but for the last, and the offset of each in the
  /// stream.
  package func eachPiece(_ body: (UnsafeRawBufferPointer, UInt64) throws(Failure) -> Void) throws(Failure) {
    try withBuffer(of: 1 << 20) { buffer throws(Failure) in
      while true {
        let offset = count
        let length = try readFull(into: buffer)
        if length > 0 { try body(UnsafeRawBufferPointer(rebasing: buffer[..<length]), offset) }
        if length < buffer.count { return }
      }
    }
  }

  /// Reads to the end, so that whoever packed the stream has told whether it was whole. What it is read for ends here.
  package func drain(for disk: Disk) throws(Failure) {
    let end = count
    try eachPiece { _, _ throws(Failure) in try refuseEndless(behind: end, for: disk) }
  }

  /// Refuses a stream that goes on behind the byte `end`, where the guest ends, for longer than one that was read from a
  /// tape or from a larger disk: for as many bytes as the guest's disk has, and 64 MiB.
  package func refuseEndless(behind end: UInt64, for disk: Disk) throws(Failure) {
    let most = disk.size + (64 << 20)
    guard count > end, count - end > most else { return }
    throw Failure(
      .dump, "\(name) goes on for more than \(Words.bytes(most)) behind the guest, which ends at byte \(end)",
      remedy: "end it where the guest ends")
  }
}

/// What a stream is read from.
protocol Origin: AnyObject, Sendable {
  /// Nil where all was read.
  var rest: DescriptorView? { get }
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  func finish() throws(Failure)
}

/// What another process handed over.
private final class HandedOver: Origin, @unchecked Sendable {
  private let descriptor: Descriptor
  private let confirm: @Sendable () throws(Failure) -> Void
  private var hasEnded = false

  init(_ descriptor: consuming Descriptor, _ confirm: @escaping @Sendable () throws(Failure) -> Void) {
    self.descriptor = descriptor
    self.confirm = confirm
  }

  var rest: DescriptorView? { descriptor.view }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    guard !hasEnded else { return 0 }
    let count = try descriptor.read(into: buffer)
    if count == 0 { try finish() }
    return count
  }

  func finish() throws(Failure) {
    hasEnded = true
    try confirm()
  }
}

extension SharedDescriptor: Origin {
  var rest: DescriptorView? { view }
  func finish() {}
}
