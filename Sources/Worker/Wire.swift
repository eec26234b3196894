// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report
internal import Synchronization

/// One end of the socket between the broker and a worker. Each message is its length, four bytes in the machine's order,
/// and JSON of that length.
final class Wire: Sendable {
  /// Of what comes back, in bytes.
  static let longestFrame = 64 << 10
  /// Of what is asked for: a configuration is in it, with keys and texts for a guest.
  static let longestRequest = 16 << 20

  private let socket: SharedDescriptor
  private let sending = Mutex(())

  init(_ socket: SharedDescriptor) {
    self.socket = socket
  }

  var view: DescriptorView { socket.view }

  func send(_ json: JSON) throws(Failure) {
    let text = Array(json.serialized().utf8)
    let message = withUnsafeBytes(of: UInt32(clamping: text.count)) { Array($0) } + text
    try sending.withLock { _ throws(Failure) in try socket.view.sendAll(message) }
  }

  /// Says that nothing more comes.
  func finish() { socket.view.endSending() }

  /// The next message; nil at the end, or where the other end was ended while it spoke. Used by one thread at a time.
  ///
  /// - Throws: for one that is too long or not JSON.
  func receive(atMost limit: Int) throws(Failure) -> JSON? {
    let head = try bytes(4)
    guard head.count == 4 else { return nil }
    let length = head.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= limit else { throw Failure(.io, "a message of \(length) bytes") }
    let text = try bytes(length)
    guard text.count == length else { return nil }
    guard let json = try? JSON(parsing: text) else { throw Failure(.io, "what is not a message") }
    return json
  }

  private func bytes(_ count: Int) throws(Failure) -> [UInt8] {
    try [UInt8](upTo: count) { buffer throws(Failure) in
      var filled = 0
      while filled < count {
        let more = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
        if more == 0 { break }
        filled += more
      }
      return filled
    }
  }

  private func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    do throws(Failure) {
      return try socket.read(into: buffer)
    } catch {
      // The other end is gone without having read all.
      guard error.errorNumber == ECONNRESET else { throw error }
      return 0
    }
  }
}
