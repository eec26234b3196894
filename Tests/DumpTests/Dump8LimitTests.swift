// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Dump

@Suite("A stream of dump(8) that says more than any real one is refused")
struct Dump8LimitTests {
  /// A stream that is made header by header.
  private struct Made {
    var bytes: [UInt8] = []

    mutating func add(_ kind: Dump8Header.Kind, count: UInt32 = 0, inode: UInt32 = 0, records: [UInt8] = []) {
      var header = [UInt8](repeating: 0, count: Dump8Header.length)
      func put(_ value: UInt32, _ offset: Int) {
        for index in 0..<4 { header[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index))) }
      }
      put(kind.rawValue, 0)
      // Of the first volume.
      put(1, 12)
      put(UInt32(bytes.count / 1024), 16)
      put(inode, 20)
      put(Dump8Header.magic, 24)
      put(count, 160)
      let sum = stride(from: 0, to: header.count, by: 4).reduce(UInt32(0)) { sum, offset in
        sum &+ header[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
      }
      put(Dump8Header.checksum &- sum, 28)
      bytes += header + records
    }
  }

  private func refusal(of made: Made) -> String? {
    let input = Stream(made.bytes)
    do throws(Failure) {
      let reader = try Dump8Reader("the stream") { buffer throws(Failure) in input.read(buffer) }
      _ = try reader.next()
      return nil
    } catch {
      return error.message
    }
  }

  @Test("by a second map")
  func maps() {
    var made = Made()
    made.add(.tape)
    for _ in 0..<2 { made.add(.map, count: 1, records: [UInt8](repeating: 0xFF, count: 1024)) }
    #expect(refusal(of: made)?.contains("a header of kind map") == true, "\(refusal(of: made) ?? "")")
  }

  @Test("by a map of more than a billion files")
  func longMap() {
    var made = Made()
    made.add(.tape)
    made.add(.map, count: 1 << 17 + 1)
    #expect(refusal(of: made)?.contains("a map of 131073 records") == true, "\(refusal(of: made) ?? "")")
  }

  @Test("by headers that belong to nothing")
  func endless() {
    var made = Made()
    made.add(.tape)
    made.add(.map, count: 1, records: [UInt8](repeating: 0xFF, count: 1024))
    for _ in 0..<2000 { made.add(.more) }
    #expect(refusal(of: made)?.contains("attributes without an end") == true, "\(refusal(of: made) ?? "")")
  }

  @Test("by values of attributes that overlap")
  func overlapping() {
    func attributes(_ count: Int, size: UInt8) -> [UInt8] {
      // Behind the magic number entries of one letter, then 200 bytes, which are the value of each.
      var bytes: [UInt8] = [0, 0, 2, 0xEA] + [UInt8](repeating: 0, count: 28)
      let start = UInt8(32 + 20 * count + 4)
      for index in 0..<count {
        bytes += [1, 1, start, 0, 0, 0, 0, 0, size, 0, 0, 0, 0, 0, 0, 0, UInt8(0x61 + index), 0, 0, 0]
      }
      return bytes + [UInt8](repeating: 0, count: 4 + 200)
    }
    #expect(Dump8Attributes.parse(attributes(1, size: 200))?.count == 1)
    #expect(Dump8Attributes.parse(attributes(3, size: 200)) == nil)
  }
}
