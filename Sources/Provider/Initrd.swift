// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Guest
internal import Images
internal import Report
internal import Sources
internal import Synchronization

/// The files with which a guest's kernel begins: cpio archives one behind the other, of which the last is packed as a
/// rule (kernel, Documentation/driver-api/early-userspace/buffer-format.rst).
enum Initrd {
  /// The bytes that tell whether a file is one, is packed in another way, or has one in it.
  static let prefixLength = 4096

  /// Whether a file that begins so holds what is not to be seen in its own bytes.
  static func isPacked(beginning bytes: [UInt8]) -> Bool { isArchive(bytes) || isPacked(bytes) }

  /// Whether a file that begins so is a program for UEFI with an initrd in a section of its own (UAPI.5, "Unified Kernel
  /// Image").
  static func isInProgram(beginning bytes: [UInt8]) -> Bool {
    guard bytes.starts(with: "MZ".utf8) else { return false }
    let section = Array(".initrd\0".utf8)
    return bytes.indices.contains { bytes[$0...].starts(with: section) }
  }

  /// Looks for UUIDs in the packed part of a file; what is not packed is skipped.
  ///
  /// - Parameters:
  ///   - reading: begins with the file.
  ///   - limit: how many bytes it may unpack to; they are taken off.
  static func search(
    _ reading: @escaping FileContent.Reading, named name: String, _ search: inout UUIDSearch, limit: inout UInt64
  ) throws(Failure) {
    let source = ContentSource(reading)
    defer { source.close() }
    let stream = IncomingStream(name: name) { buffer throws(Failure) in try source.read(into: buffer) }
    try skipArchives(stream)
    let beginning = try stream.prefix(16)
    guard !beginning.isEmpty else { return }
    guard isPacked(beginning) else { throw Failure(.guest, "it is packed in a way that is not known") }
    try unpack(name, by: stream.read) { bytes throws(Failure) in
      search.look(in: Array(bytes))
      guard UInt64(bytes.count) <= limit else { throw Failure(.guest, "it unpacks to too much") }
      limit -= UInt64(bytes.count)
    }
  }

  private static func isPacked(_ bytes: [UInt8]) -> Bool {
    // An lzma stream has no signature but its usual properties.
    bytes.starts(with: [0x5D, 0, 0]) || Packing(StreamKind(prefix: bytes)) != nil
  }

  private static func isArchive(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: "070701".utf8) || bytes.starts(with: "070702".utf8)
  }

  /// Reads over the archives at the beginning that are not packed, and over the zeros behind them.
  private static func skipArchives(_ stream: IncomingStream) throws(Failure) {
    while true {
      while try stream.prefix(4) == [0, 0, 0, 0] { try skip(4, of: stream) }
      guard isArchive(try stream.prefix(6)) else { return }
      var isEnd = false
      while !isEnd {
        let header = try stream.prefix(110)
        guard header.count == 110, isArchive(header), let size = field(6, of: header),
          let nameSize = field(11, of: header), nameSize <= 4096
        else { throw Failure(.guest, "it is not a whole archive of cpio") }
        let name = try stream.prefix(110 + Int(nameSize)).dropFirst(110).prefix { $0 != 0 }
        isEnd = name.elementsEqual("TRAILER!!!".utf8)
        try skip((110 + nameSize + 3) / 4 * 4, of: stream)
        try skip((size + 3) / 4 * 4, of: stream)
      }
    }
  }

  /// One of the thirteen numbers behind the signature, of eight hexadecimal digits each.
  private static func field(_ index: Int, of header: [UInt8]) -> UInt64? {
    UInt64(String(decoding: header[(6 + index * 8)..<(14 + index * 8)], as: UTF8.self), radix: 16)
  }

  private static func skip(_ count: UInt64, of stream: IncomingStream) throws(Failure) {
    try withBuffer(of: 1 << 16, alignment: 1) { buffer throws(Failure) in
      var left = count
      while left > 0 {
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, UInt64(buffer.count)))])
        let read = try stream.readFull(into: part)
        guard read == part.count else { return }
        left -= UInt64(read)
      }
    }
  }
}

/// The content of a file of a guest, until it is closed.
private final class ContentSource: @unchecked Sendable {
  private let lock = Mutex(())
  /// Nil when it is closed.
  private var reading: FileContent.Reading?
  private var left: ArraySlice<UInt8> = []

  init(_ reading: @escaping FileContent.Reading) {
    self.reading = reading
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    try lock.withLock { _ throws(Failure) in
      if left.isEmpty, let reading { left = try reading()[...] }
      let count = min(left.count, buffer.count)
      buffer.copyBytes(from: left.prefix(count))
      left = left.dropFirst(count)
      return count
    }
  }

  func close() {
    lock.withLock { _ in
      reading = nil
      left = []
    }
  }
}
