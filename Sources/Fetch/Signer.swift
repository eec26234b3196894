// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// By whose signature something is believed.
package struct Signer: Equatable, Sendable {
  /// The path of a file with keys.
  package var keyring: String
  /// Those of it that count; nil: all.
  package var fingerprint: Fingerprint?

  package init(keyring: String, fingerprint: Fingerprint?) {
    self.keyring = keyring
    self.fingerprint = fingerprint
  }
}

extension Signer {
  /// How much of what gpgv says is read.
  private static let most = 1 << 16

  /// The text that is signed in a clearsigned message, and by which key; what stands around it is not in it.
  ///
  /// - Parameter limit: of the message, in bytes.
  func text(of message: [UInt8], from place: Location, limit: Int) throws(Failure) -> (
    text: [UInt8], key: Fingerprint
  ) {
    try withFiles { folder throws(Failure) in
      try folder.folder.write(message, to: "message")
      let text = try Descriptor(inMemory: "the signed text")
      let file = try folder.folder.open("message", O_RDONLY)
      let key = try verify(
        "\(place)", ["--output", "-", file.name], [try Confinement.Place(file.name, file, writable: false)],
        in: folder, of: UInt64(message.count), output: .descriptor(text.view))
      return (try text.bytes(at: 0, count: limit), key)
    }
  }

  /// Which key made a signature over a file.
  ///
  /// - Parameter signed: the file, which has a path.
  func verify(
    _ signature: [UInt8], over signed: borrowing Descriptor, from place: Location
  ) throws(Failure) -> Fingerprint {
    let signedPlace = try Confinement.Place(signed.name, signed, writable: false)
    let path = signed.name
    return try withFiles { folder throws(Failure) in
      try folder.folder.write(signature, to: "signature")
      let file = try folder.folder.open("signature", O_RDONLY)
      return try verify(
        "\(place)", [file.name, path],
        [try Confinement.Place(file.name, file, writable: false), signedPlace], in: folder, of: signed.length(),
        output: .null)
    }
  }

  private func withFiles<R>(_ body: (ScratchFolder) throws(Failure) -> R) throws(Failure) -> R {
    let folder = try ScratchFolder(in: temporaryFolder, prefix: "guestsmith-signature-")
    defer { folder.remove() }
    return try body(folder)
  }

  /// Runs gpgv, confined: what it reads is a stranger's.
  private func verify(
    _ signed: String, _ arguments: [String], _ places: [Confinement.Place], in folder: ScratchFolder,
    of length: UInt64, output: Command.Output
  ) throws(Failure) -> Fingerprint {
    try folder.folder.write(try Keyring(keyring).bytes, to: "keyring")
    let keys = try folder.folder.open("keyring", O_RDONLY)
    let status = try Descriptor(inMemory: "gpgv's status")
    let words = try Descriptor(inMemory: "gpgv's words")
    var command = Command.ofSystem(
      "gpgv",
      ["--status-fd", "3", "--weak-digest", "SHA1", "--keyring", keys.name] + arguments)
    // Without one it would ask for that of its user, which a confined program cannot.
    command.environment?["HOME"] = "/"
    command.output = output
    command.error = .descriptor(words.view)
    command.extras = [(3, status.view)]
    // A processor without instructions for SHA-256 takes 10 s for each GiB, and a disk that is cold as long again.
    command.limits = .disk(of: 0)
    command.limits?.processor += 20 * (length >> 30)
    command.limits?.duration += 60 * (length >> 30)
    command.limits?.fileSize = 8 << 20
    command.confinement = Confinement(.unpacker, places + [try .init(keys.name, keys, writable: false)])
    let ended = try Command.needing("gpgv") { () throws(Failure) in try command.run() }
    let found = SignatureStatus(String(decoding: try status.bytes(at: 0, count: Self.most), as: UTF8.self))
    // With a signature that is there and not good it ends with 1.
    guard ended.isSuccess || found.isJudged else {
      let said = Command.lastLines(try words.bytes(at: 0, count: Self.most))
      throw Failure(
        .io, "the signature of \(signed) cannot be verified: gpgv \(ended)\(said.isEmpty ? "" : ":\n  ")\(said)")
    }
    let (key, primary) = try found.signer(of: signed)
    guard ended.isSuccess else { throw Failure(.io, "the signature of \(signed) cannot be verified: gpgv \(ended)") }
    if let fingerprint, fingerprint != key, fingerprint != primary {
      throw Failure(
        .io, "\(signed) is signed by the key \(primary.text), and only \(fingerprint.text) is believed",
        remedy: "correct the fingerprint if the publisher has another key now")
    }
    return primary
  }
}
