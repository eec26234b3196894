// SPDX-License-Identifier: Apache-2.0

/// A tar as no archiver would write it (pax interchange format, POSIX.1-2001).
struct Tar {
  private(set) var bytes: [UInt8] = []

  /// - Parameter records: of a pax header in front of it: names of attributes, long names, sizes.
  mutating func add(
    _ name: [UInt8], type: Character = "0", mode: UInt64 = 0o644, size: UInt64? = nil, link: [UInt8] = [],
    records: [(name: String, value: [UInt8])] = [], data: [UInt8] = []
  ) {
    var records = records
    if name.count > 100 { records.append(("path", name)) }
    if link.count > 100 { records.append(("linkpath", link)) }
    if !records.isEmpty {
      let text = records.flatMap { Self.record($0.name, $0.value) }
      header(Array("PaxHeaders/x".utf8), "x", 0o644, UInt64(text.count), [])
      pad(text)
    }
    header(name, type, mode, size ?? UInt64(data.count), link)
    pad(data)
  }

  mutating func end() { bytes += [UInt8](repeating: 0, count: 1024) }

  private mutating func header(
    _ name: [UInt8], _ type: Character, _ mode: UInt64, _ size: UInt64, _ link: [UInt8]
  ) {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: some Sequence<UInt8>, _ offset: Int, _ limit: Int) {
      for (index, byte) in text.prefix(limit).enumerated() { header[offset + index] = byte }
    }
    func octal(_ value: UInt64, _ digits: Int) -> [UInt8] {
      let text = String(value, radix: 8)
      return Array((String(repeating: "0", count: max(0, digits - text.count)) + text.suffix(digits)).utf8)
    }
    put(name, 0, 100)
    put(octal(mode, 7), 100, 7)
    put(octal(0, 7), 108, 7)
    put(octal(0, 7), 116, 7)
    put(octal(size, 11), 124, 11)
    put(octal(1_700_000_000, 11), 136, 11)
    put([UInt8](repeating: 0x20, count: 8), 148, 8)
    header[156] = type.asciiValue ?? 0x30
    put(link, 157, 100)
    put("ustar\0".utf8, 257, 6)
    put("00".utf8, 263, 2)
    put(octal(header.reduce(0) { $0 + UInt64($1) }, 6) + [0, 0x20], 148, 8)
    bytes += header
  }

  private mutating func pad(_ data: [UInt8]) {
    bytes += data + [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
  }

  private static func record(_ name: String, _ value: [UInt8]) -> [UInt8] {
    let text = Array(" \(name)=".utf8) + value + [0x0A]
    var length = text.count + 1
    while length != text.count + "\(length)".utf8.count { length = text.count + "\(length)".utf8.count }
    return Array("\(length)".utf8) + text
  }
}

extension Tar {
  /// A small guest, without an end.
  static var small: Tar {
    var tar = Tar()
    tar.add(Array("etc".utf8), type: "5", mode: 0o755)
    tar.add(Array("etc/passwd".utf8), data: Array("root:x:0:0:root:/root:/bin/sh\n".utf8))
    tar.add(Array("etc/hosts".utf8), data: Array("127.0.0.1 localhost\n".utf8))
    return tar
  }

  /// The same, and entries that nobody would want in it.
  static func hostile(_ noise: inout Noise) -> Tar {
    var tar = small
    for _ in 0..<noise.one(of: [1, 1, 2, 4]) {
      var records: [(String, [UInt8])] = []
      if noise.chance(25) {
        let key = String(repeating: "k", count: noise.one(of: [1, 200, 255, 256, 3000]))
        records.append(
          (
            "SCHILY.xattr.\(noise.one(of: ["user.", "security.", "system.", ""]))\(key)",
            noise.bytes(noise.one(of: [0, 1, 900, 5000, 70000]))
          ))
      }
      if noise.chance(10) { records.append(("size", Array("\(noise.value())".utf8))) }
      if noise.chance(10) { records.append(("mtime", Array("\(Int64(bitPattern: noise.value())).5".utf8))) }
      if noise.chance(10) {
        records += [
          ("GNU.sparse.major", [0x31]), ("GNU.sparse.minor", [0x30]), ("GNU.sparse.name", name(&noise)),
          ("GNU.sparse.realsize", Array("\(noise.value())".utf8)),
        ]
      }
      tar.add(
        name(&noise), type: noise.one(of: ["0", "0", "1", "1", "2", "3", "4", "5", "6", "7", "S", "V", "D", "Z"]),
        mode: noise.value(), size: noise.chance(10) ? noise.value() : nil, link: name(&noise), records: records,
        data: noise.bytes(noise.one(of: [0, 1, 511, 512, 513, 5000])))
    }
    if noise.chance(80) { tar.end() }
    if noise.chance(30) {
      for _ in 0..<noise.number(1...20) {
        tar.bytes[noise.number(0...tar.bytes.count - 1)] = noise.one(of: [0, 0xFF, 0x1B, 0x37])
      }
    }
    return tar
  }

  /// Of any length and of any bytes; now and then one that is there already.
  private static func name(_ noise: inout Noise) -> [UInt8] {
    let words = [
      "etc/passwd", "etc", ".", "..", "/", "../../etc/x", "a/../../b", "etc/hosts/x", "self", "lost+found/x", "",
      "a\u{1B}]0;x\u{7}", "é", "e\u{301}",
    ]
    switch noise.number(0...5) {
    case 0:
      return [UInt8](repeating: 0x41, count: noise.one(of: [1, 99, 100, 101, 254, 255, 256, 257, 511, 512, 5000]))
    case 1: return noise.bytes(noise.number(1...300)).filter { $0 != 0 }
    case 2: return Array(String(repeating: "d/", count: noise.one(of: [1, 40, 2000])).utf8) + [0x66]
    default: return Array(noise.one(of: words).utf8)
    }
  }
}
