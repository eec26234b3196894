// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

/// The parts of a piece of memory that are not zero, in units of some size.
package struct NonZeroRuns {
  private let bytes: UnsafeRawBufferPointer
  private let unit: Int

  package init(in bytes: UnsafeRawBufferPointer, unit: Int) {
    self.bytes = bytes
    self.unit = unit
  }

  /// Calls `body` with each run of units that have a byte other than zero, as ranges of the memory.
  package func each(_ body: (Range<Int>) throws(Failure) -> Void) throws(Failure) {
    var start: Int?
    for begin in stride(from: 0, to: bytes.count, by: unit) {
      let isZero = Self.isZero(UnsafeRawBufferPointer(rebasing: bytes[begin..<min(begin + unit, bytes.count)]))
      if let open = start, isZero {
        try body(open..<begin)
        start = nil
      } else if start == nil, !isZero {
        start = begin
      }
    }
    if let open = start { try body(open..<bytes.count) }
  }

  package static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress, !bytes.isEmpty else { return true }
    // All bytes are the first one, and that is zero: memcmp compares them at the speed of memory.
    return bytes[0] == 0 && memcmp(base, base + 1, bytes.count - 1) == 0
  }
}
