// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Glibc
internal import LinuxIO
package import Report
internal import Synchronization

/// How other hands have packed a stream: a tool of the system unpacks it, as a child that works beside us and checks
/// what the format lets it check.
package enum Packing: String, CaseIterable {
  case gzip, xz, bzip2, lz4, zstd

  package init?(_ kind: StreamKind) {
    switch kind {
    case .gzip: self = .gzip
    case .xz: self = .xz
    case .bzip2: self = .bzip2
    case .lz4: self = .lz4
    case .zstd: self = .zstd
    default: return nil
    }
  }

  /// Unpacks its standard input, in memory that no usual stream needs: zstd -19 has windows of 8 MiB, --ultra -22 and
  /// --long of 128; xz -9 has 64.
  var command: Command {
    switch self {
    case .zstd: .ofSystem(rawValue, ["-dcq", "--memory=128MiB"])
    // A thread for each processor would take as much each.
    case .xz: .ofSystem(rawValue, ["-dcq", "--threads=1", "--memlimit-decompress=256MiB"])
    default: .ofSystem(rawValue, ["-dc"])
    }
  }

  /// What to do about a stream that can't be unpacked.
  var remedy: String {
    let whole = "take a whole copy of the dump, or export again"
    switch self {
    case .zstd: return "\(whole); where it asks for more memory than 128 MiB, recompress it without --long"
    case .xz: return "\(whole); where it asks for more memory than 256 MiB, recompress it with xz -9 or less"
    default: return whole
    }
  }

  var package: String { self == .xz ? "xz-utils" : rawValue }
}

extension IncomingStream {
  /// How often a stream may be packed in another.
  private static let deepest = 4

  /// The stream without what other hands packed it in, and what it is.
  ///
  /// - Parameter size: of the disk that the content is for, in bytes.
  package func unpacked(to size: UInt64) throws(Failure) -> (stream: IncomingStream, kind: StreamKind) {
    var stream = self
    for _ in 0...Self.deepest {
      let kind = StreamKind(prefix: try stream.prefix(StreamKind.prefixLength))
      guard let packing = Packing(kind) else { return (stream, kind) }
      stream = try stream.unpacked(packing, to: size)
    }
    throw Failure(.dump, "\(name) is packed more than \(Self.deepest) times")
  }

  package func unpacked(_ packing: Packing, to size: UInt64) throws(Failure) -> IncomingStream {
    let unpacking = try Unpacking(packing, of: self, to: size)
    return IncomingStream(name: name, from: unpacking)
  }
}

/// A child that unpacks a stream, and the thread that feeds it.
private final class Unpacking: Origin, @unchecked Sendable {
  private let packing: Packing
  /// Of the disk that it is for, in bytes.
  private let size: UInt64
  private let name: String
  /// Nil where somebody else has it.
  private var output: Descriptor?
  private let words: Descriptor
  private let feed: Feed
  /// Nil when it has ended, and well.
  private var child: Child?

  init(_ packing: Packing, of stream: IncomingStream, to size: UInt64) throws(Failure) {
    self.packing = packing
    self.size = size
    name = stream.name
    words = try Descriptor(inMemory: "the words of \(packing)")
    let input = try Pipe()
    let output = try Pipe()
    var command = packing.command
    command.input = .descriptor(input.reader.view)
    command.output = .descriptor(output.writer.view)
    command.error = .descriptor(words.view)
    command.limits = .unpacking(to: size)
    command.confinement = Confinement(.unpacker)
    child = try Command.needing(packing.package) { () throws(Failure) in try command.start() }
    self.output = output.keepingReader()
    feed = Feed(stream, into: input.keepingWriter())
    feed.start()
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    let count = try output?.read(into: buffer) ?? 0
    if count == 0 { try finish() }
    return count
  }

  var rest: DescriptorView? { output?.view }

  /// The child's output has ended: that is a right end only where it and all before it say so.
  func finish() throws(Failure) {
    // Where another process reads it, and ends too early, the child is to see that.
    output = nil
    guard let child = child.take() else { return }
    var status = try child.wait()
    if let failure = feed.failure { throw failure }
    guard !status.isSuccess else { return }
    let said = try said()
    status = ChildLimits.unpacking(to: size).judge(status, said: said.utf8)
    if case .stopped = status {
      throw Failure(
        .dump, "\(name) can't be unpacked: \(packing) \(status), more than it takes for a disk of \(Words.bytes(size))",
        remedy: "see by hand what it unpacks to")
    }
    throw Failure(
      .dump, "\(name) is not a whole stream of \(packing): \(packing) \(status): \(said)",
      remedy: packing.remedy)
  }

  private func said() throws(Failure) -> String {
    Words.printable(String(decoding: try words.bytes(at: 0, count: 4096), as: UTF8.self).trimmed)
  }
}

/// Copies a stream into the pipe to a child, on a thread of its own.
private final class Feed: @unchecked Sendable {
  private let stream: IncomingStream
  private let result = Mutex<Failure?>(nil)
  private var pipe: Descriptor?

  init(_ stream: IncomingStream, into pipe: consuming Descriptor) {
    self.stream = stream
    self.pipe = consume pipe
  }

  /// Why the stream could not be read to its end.
  var failure: Failure? { result.withLock { $0 } }

  func start() {
    DispatchQueue(label: "guestsmith.unpacking").async { [self] in
      // The pipe closes when all is copied: the child sees the end.
      if let pipe = pipe.take() { copy(into: pipe) }
    }
  }

  private func copy(into pipe: borrowing Descriptor) {
    withBuffer(of: 1 << 18) { buffer in
      while true {
        let count: Int
        do throws(Failure) {
          count = try stream.readFull(into: buffer)
        } catch {
          return result.withLock { $0 = error }
        }
        // A child that went away has its reasons, which its status tells.
        guard (try? pipe.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]))) != nil else { return }
        if count < buffer.count { return }
      }
    }
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = self[...]
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }
}
