// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Glibc
internal import LinuxIO
package import Report

/// A published file, and why it is believed.
package struct Publication: Equatable, Sendable {
  package let place: Location
  package let trust: Trust

  package init(_ place: Location, _ trust: Trust) {
    self.place = place
    self.trust = trust
  }

  /// What is known of the file before it is fetched.
  package struct Pin: Equatable, Sendable {
    package var digest: ContentDigest?
    /// Whose signature over the list of digests was found valid.
    package var signer: Fingerprint?
  }

  /// What was fetched, and found to be what was published.
  package struct Verified: Equatable, Sendable {
    package let digest: ContentDigest
    package let signer: Fingerprint?
    /// In bytes.
    package let size: UInt64
  }

  /// Of a list of digests and a signature, in bytes, and for how many seconds one is waited for.
  private static let (smallLimit, smallDuration) = (4 << 20, 300)

  /// Asks the list of digests, where there is one: what is kept by the digest need not be fetched again.
  package func pin(steps: Steps, limits: DownloadLimits) throws(Failure) -> Pin {
    switch trust {
    case .digest(let digest): return Pin(digest: digest)
    case .sums(let sums, let signature, let signer):
      let (text, key) = try steps.step("asking for the digest of \(place.name)") { _ throws(Failure) in
        try self.text(of: sums, signature: signature, signer: signer, limits)
      }
      let (digest, otherName) = try SumsFile(text).digest(of: place.name, in: sums)
      if let otherName { steps.note("\(sums) calls the file \(Words.printable(otherName).quoted)") }
      return Pin(digest: digest, signer: key)
    case .signature, .nothing: return Pin()
    }
  }

  /// Fetches it.
  ///
  /// - Parameter path: of a new file. It is gone after a failure.
  /// - Throws: `.io` where it is not what was published.
  package func fetch(
    _ pin: Pin, into path: String, steps: Steps, limits: DownloadLimits
  ) throws(Failure) -> Verified {
    let file = try Descriptor(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    let token = Interrupts.onInterrupt { unlink(path) }
    defer { token.cancel() }
    do throws(Failure) {
      let size = try steps.step("fetching \(place.name)") { progress throws(Failure) in
        try Download(place, limits: limits, isVerifiedLater: trust != .nothing).run(into: file, progress: progress)
      }
      let found = try steps.step("verifying \(place.name)") { progress throws(Failure) in
        progress.expect(size)
        return try ContentDigest(of: file.view, pin.digest?.algorithm ?? .sha256, progress: progress)
      }
      if let digest = pin.digest, digest != found {
        throw Failure(
          .io, "\(place) is not what was published: its digest is \(found), and should be \(digest)",
          remedy: "fetch again: the publisher may be changing it right now, or the digest is that of another version")
      }
      var signer = pin.signer
      if case .signature(let signature, let by) = trust {
        signer = try by.verify(try small(signature, limits), over: file, from: place)
      }
      return Verified(digest: found, signer: signer, size: size)
    } catch {
      unlink(path)
      throw error
    }
  }

  private func text(
    of sums: Location, signature: Location?, signer: Signer?, _ limits: DownloadLimits
  ) throws(Failure) -> (text: [UInt8], key: Fingerprint?) {
    let bytes = try small(sums, limits, isVerifiedLater: signer != nil)
    guard let signer else {
      guard !SumsFile.isClearsigned(bytes) else {
        throw Failure(
          .invalid, "\(sums) is signed, and no keyring is named to verify it by",
          remedy: "set keyring to a file with the publisher's key")
      }
      return (bytes, nil)
    }
    guard let signature else { return try signer.text(of: bytes, from: sums, limit: Self.smallLimit) }
    let folder = try ScratchFolder(in: temporaryFolder, prefix: "guestsmith-sums-")
    defer { folder.remove() }
    try folder.folder.write(bytes, to: "sums")
    let file = try folder.folder.open("sums", O_RDONLY)
    return (bytes, try signer.verify(try small(signature, limits), over: file, from: sums))
  }

  private func small(
    _ place: Location, _ limits: DownloadLimits, isVerifiedLater: Bool = true
  ) throws(Failure) -> [UInt8] {
    var limits = limits
    limits.size = UInt64(Self.smallLimit)
    limits.duration = min(limits.duration, Self.smallDuration)
    let file = try Descriptor(inMemory: "what was fetched")
    let size = try Download(place, limits: limits, isVerifiedLater: isVerifiedLater)
      .run(into: file, progress: StepProgress())
    return try file.bytes(at: 0, count: Int(size))
  }
}
