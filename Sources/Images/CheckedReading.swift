// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Report

/// Reads what has a digest, and tells at the end whether it is that.
final class CheckedReading {
  private let name: String
  private let digest: String?
  private let source: TarStream.Read
  private var sum: MessageDigest

  /// - Parameter digest: `sha256:…` or `sha512:…`; nil where nothing is compared.
  init(_ name: String, _ digest: String?, _ source: @escaping TarStream.Read) throws(Failure) {
    let word = digest.map { $0.prefix { $0 != ":" } } ?? "sha256"
    guard let algorithm = MessageDigest.Algorithm(rawValue: String(word)) else {
      throw Failure(.guest, "the digest of \(name) is neither a sha256 nor a sha512")
    }
    self.name = name
    self.digest = digest
    self.source = source
    sum = MessageDigest(algorithm)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    let count = try source(buffer)
    if digest != nil { sum.update(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
    return count
  }

  /// Reads the rest.
  func finish() throws(Failure) {
    guard let digest else { return }
    try withBuffer(of: 1 << 18) { buffer throws(Failure) in while try read(into: buffer) > 0 {} }
    guard digest.hasSuffix(":" + sum.hex()) else {
      throw Failure(
        .guest, "\(name) is not what it should be: it differs from its digest", remedy: "copy or fetch the image again")
    }
  }
}
