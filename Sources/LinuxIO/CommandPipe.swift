// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

/// A pipe to or from a child. Neither end is inherited but by the child it is handed to.
package struct Pipe: ~Copyable, Sendable {
  package var reader: Descriptor
  package var writer: Descriptor

  package init() throws(Failure) {
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) {
      $0.withMemoryRebound(to: Int32.self, capacity: 2) { clinux_pipe($0) }
    }
    guard result == 0 else { throw .system("make", "a pipe") }
    reader = Descriptor(owning: ends.0, name: "a pipe")
    writer = Descriptor(owning: ends.1, name: "a pipe")
  }

  /// This process's reading end; the writing end closes, so that the end of the stream is seen.
  package consuming func keepingReader() -> Descriptor {
    reader
  }

  /// This process's writing end; the reading end closes, so that a child that went away is seen.
  package consuming func keepingWriter() -> Descriptor {
    writer
  }

  /// Reads to the end of the stream, once the children have the writing end, and returns the last `limit` bytes.
  package consuming func readTail(limit: Int) throws(Failure) -> [UInt8] {
    let reader = keepingReader()
    var tail: [UInt8] = []
    while true {
      let piece = try [UInt8](upTo: 65536) { buffer throws(Failure) in try reader.read(into: buffer) }
      if piece.isEmpty { break }
      tail += piece
      if tail.count > limit { tail.removeFirst(tail.count - limit) }
    }
    return tail
  }
}

extension Descriptor {
  /// Whether there is something to read, or the end, within so many milliseconds.
  package borrowing func isReadable(within milliseconds: Int32) -> Bool {
    var ready = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
    return poll(&ready, 1, milliseconds) > 0
  }

  /// How many bytes wait in a pipe for somebody who reads them.
  package borrowing func waitingBytes() throws(Failure) -> Int {
    var count: Int32 = 0
    let code = clinux_waiting(raw, &count)
    guard code == 0 else { throw .system("examine", name, errno: code) }
    return Int(count)
  }
}
