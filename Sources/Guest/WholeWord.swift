// SPDX-License-Identifier: Apache-2.0

extension [UInt8] {
  /// The same bytes with `name` replaced wherever it stands as a whole host name, in any case of its letters.
  ///
  /// `vm1` is not found in `vm10`, `my-vm1` or `vm1.example.com`; `vm1.example.com` is not found in
  /// `vm1.example.com.au`, but is in `vm1.example.com.` with the dot of the root.
  func replacingName(_ name: String, with replacement: String) -> [UInt8] {
    let name = Array(name.lowercased().utf8)
    guard !name.isEmpty, name.count <= count else { return self }
    var result: [UInt8] = []
    result.reserveCapacity(count)
    var index = 0
    while index < count {
      if hasName(name, at: index) {
        result += Array(replacement.utf8)
        index += name.count
      } else {
        result.append(self[index])
        index += 1
      }
    }
    return result
  }

  func containsName(_ name: String) -> Bool {
    let name = Array(name.lowercased().utf8)
    return !name.isEmpty && indices.contains { hasName(name, at: $0) }
  }

  private func hasName(_ name: [UInt8], at index: Int) -> Bool {
    let end = index + name.count
    guard end <= count, zip(self[index..<end], name).allSatisfy({ $0.lowercase == $1 }) else { return false }
    if index > 0 && self[index - 1].isOfName { return false }
    if end < count && self[end] == UInt8(ascii: ".") { return end + 1 == count || !self[end + 1].isOfName }
    return end == count || !self[end].isOfName
  }
}

extension UInt8 {
  fileprivate var lowercase: UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 32 : self
  }

  /// A byte that makes the word longer: what names consist of, and every byte outside ASCII.
  fileprivate var isOfName: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }
}
