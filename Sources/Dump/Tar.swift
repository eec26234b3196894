// SPDX-License-Identifier: Apache-2.0

/// A header block of POSIX tar (ustar, IEEE Std 1003.1-2001, pax interchange format).
package struct TarHeader {
  /// What the eleven octal digits of a number field can say.
  static let largestNumber: UInt64 = 0o77777777777
  static let blockSize = 512

  var name: String
  /// Bytes of data; a larger one is said by a pax record `size`, and the field is 0.
  var size: UInt64
  var modified: UInt64
  var type: Unicode.Scalar = "0"

  var bytes: [UInt8] {
    var block = [UInt8](repeating: 0, count: Self.blockSize)
    func put(_ text: String, at offset: Int) {
      block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    put(name, at: 0)
    put("0000644\0" + "0000000\0" + "0000000\0", at: 100)
    put(Self.octal(size <= Self.largestNumber ? size : 0, digits: 11) + "\0", at: 124)
    put(Self.octal(modified, digits: 11) + "\0", at: 136)
    put("        " + String(type), at: 148)
    put("ustar\u{0}00root\0", at: 257)
    put("root\0", at: 297)
    put("0000000\0" + "0000000\0", at: 329)
    put(Self.octal(Self.checksum(of: block), digits: 6) + "\0 ", at: 148)
    return block
  }

  /// The sum of a header block's bytes, its checksum field counted as spaces.
  static func checksum(of block: some Collection<UInt8>) -> UInt64 {
    let all = block.reduce(0) { $0 + UInt64($1) }
    return block.dropFirst(148).prefix(8).reduce(all) { $0 - UInt64($1) } + 8 * 32
  }

  /// Whether a stream that starts with these bytes is a tar.
  package static func begins(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= blockSize, bytes[0] != 0 else { return false }
    return number(bytes[148..<156]) == checksum(of: bytes[..<blockSize])
  }

  static func octal(_ number: UInt64, digits: Int) -> String {
    let text = String(number, radix: 8)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  /// A number field: octal digits, with spaces or NULs around them; nil when it holds something else.
  static func number(_ field: some Collection<UInt8>) -> UInt64? {
    let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
    return digits.isEmpty ? nil : UInt64(String(decoding: digits, as: UTF8.self), radix: 8)
  }

  /// Zeros that fill the last block of `count` bytes.
  static func padding(after count: UInt64) -> UInt64 {
    (512 - count % 512) % 512
  }

  static func member(_ name: String, _ text: [UInt8], modified: UInt64) -> [UInt8] {
    TarHeader(name: name, size: UInt64(text.count), modified: modified).bytes + text
      + [UInt8](repeating: 0, count: Int(padding(after: UInt64(text.count))))
  }
}

/// The records of a pax extended header: `LENGTH NAME=VALUE\n`, where the length counts itself.
enum PaxRecords {
  static func text(_ records: KeyValuePairs<String, String>) -> [UInt8] {
    records.reduce(into: []) { text, record in
      let rest = " \(record.key)=\(record.value)\n"
      var length = rest.utf8.count
      while "\(length)".utf8.count + rest.utf8.count != length {
        length = "\(length)".utf8.count + rest.utf8.count
      }
      text += "\(length)\(rest)".utf8
    }
  }
}
