// SPDX-License-Identifier: Apache-2.0

/// Runs `body` with `count` bytes of memory that hold anything, and gives them back.
///
/// - Parameter alignment: 4096 for what is read from a disk or written to one.
package func withBuffer<R: ~Copyable, E: Error>(
  of count: Int, alignment: Int = 4096, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
) throws(E) -> R {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: alignment)
  defer { buffer.deallocate() }
  return try body(buffer)
}

extension [UInt8] {
  /// `withUnsafeBytes` that passes the error type on.
  package func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try span.withUnsafeBytes(body)
  }

  /// `count` bytes of which `fill` has written as many as it returns.
  package init<E: Error>(
    upTo count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(E) -> Int
  ) throws(E) {
    self = try withBuffer(of: count, alignment: 1) { buffer throws(E) in
      let filled = try fill(buffer)
      return Array(buffer[..<filled])
    }
  }
}
