// SPDX-License-Identifier: Apache-2.0

/// What os-release(5) says of a system, by its keys.
package struct OSRelease: Sendable {
  private var values: [Substring: String] = [:]

  /// Lines that assign nothing are passed over; the last one of a key counts.
  package init(_ text: some StringProtocol) {
    for line in String(text).split(separator: "\n") {
      guard line.first != "#", let equals = line.firstIndex(of: "=") else { continue }
      values[line[..<equals]] = line[line.index(after: equals)...].filter { !"\"'\\".contains($0) }
    }
  }

  package init(_ bytes: [UInt8]) { self.init(String(decoding: bytes, as: UTF8.self)) }

  /// Without its quotes; nil where the key is missing or its value is empty.
  package subscript(_ key: String) -> String? {
    values[key[...]].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Where it is, below the folder that stands for `/`: the first that can be read counts.
  package static let paths = ["/etc/os-release", "/usr/lib/os-release"]
}
