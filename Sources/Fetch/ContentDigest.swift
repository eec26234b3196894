// SPDX-License-Identifier: Apache-2.0
package import Digest
package import LinuxIO
package import Report

/// What a file is, by a digest that its publisher tells: `sha256:…` or `sha512:…`.
package struct ContentDigest: Hashable, Sendable {
  package let algorithm: MessageDigest.Algorithm
  /// In lower case.
  package let hex: String

  /// - Throws: `.invalid` for a text of another form.
  package init(_ text: String) throws(Failure) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let algorithm = MessageDigest.Algorithm(rawValue: String(parts[0])),
      let digest = ContentDigest(algorithm, parts[1])
    else {
      throw Failure(
        .invalid, "\(Words.printable(text).quoted) is not a digest",
        remedy: "write sha256: and 64 hexadecimal digits, or sha512: and 128")
    }
    self = digest
  }

  /// Of hexadecimal digits in either case; nil for others, and for another number of them.
  init?(_ algorithm: MessageDigest.Algorithm, _ digits: some StringProtocol) {
    guard digits.utf8.count == algorithm.length * 2, digits.unicodeScalars.allSatisfy(\.properties.isASCIIHexDigit)
    else { return nil }
    self.algorithm = algorithm
    hex = digits.lowercased()
  }

  /// Of digits whose number tells the algorithm.
  init?(_ digits: some StringProtocol) {
    for algorithm in MessageDigest.Algorithm.allCases {
      guard let digest = ContentDigest(algorithm, digits) else { continue }
      self = digest
      return
    }
    return nil
  }

  /// Of bytes.
  private init(of bytes: [UInt8], _ algorithm: MessageDigest.Algorithm) {
    var sum = MessageDigest(algorithm)
    bytes.withUnsafeBytes { sum.update($0) }
    self.algorithm = algorithm
    hex = sum.hex()
  }

  /// The name of its algorithm, as it is in paths.
  package var word: String { algorithm.rawValue }

  /// Whether bytes have this digest.
  package func matches(_ bytes: [UInt8]) -> Bool { ContentDigest(of: bytes, algorithm) == self }

  /// The SHA-256 of a file.
  package init(of file: DescriptorView, progress: StepProgress) throws(Failure) {
    try self.init(of: file, .sha256, progress: progress)
  }

  /// Of a file.
  package init(
    of file: DescriptorView, _ algorithm: MessageDigest.Algorithm, progress: StepProgress
  ) throws(Failure) {
    var sum = MessageDigest(algorithm)
    try withBuffer(of: 1 << 20) { buffer throws(Failure) in
      var offset: UInt64 = 0
      while true {
        let count = try file.readFull(into: buffer, at: offset)
        if count == 0 { return }
        sum.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        offset += UInt64(count)
        progress.advance(by: UInt64(count))
      }
    }
    self.algorithm = algorithm
    hex = sum.hex()
  }
}

extension ContentDigest: CustomStringConvertible {
  package var description: String { "\(algorithm.rawValue):\(hex)" }
}
