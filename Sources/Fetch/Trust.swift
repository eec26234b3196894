// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
package import Report

/// Why a file is believed to be what its publisher made.
package enum Trust: Equatable, Sendable {
  /// The administrator knows its digest.
  case digest(ContentDigest)
  /// A list of digests has it: one that is signed in place or, with a signature, beside it; or, without a signer, whoever
  /// answers for the place that it comes from.
  case sums(Location, signature: Location?, by: Signer?)
  /// It is signed itself.
  case signature(Location, by: Signer)
  /// It is not, and is taken all the same.
  case nothing

  /// The key of the configuration that it goes by, or `none`.
  package var word: String {
    switch self {
    case .digest: "digest"
    case .sums: "sums"
    case .signature: "signature"
    case .nothing: "none"
    }
  }

  /// - Parameters: the values of the keys of these names; nil where one is not set.
  /// - Throws: `.invalid` where they say less than one thing, or more.
  package init(
    digest: String?, sums: String?, signature: String?, keyring: String?, fingerprint: String?, verify: String?
  ) throws(Failure) {
    let others = [
      ("sums", sums), ("signature", signature), ("keyring", keyring), ("fingerprint", fingerprint),
    ].compactMap { $0.1 == nil ? nil : $0.0 }
    if let verify {
      guard verify == "none" else {
        throw Failure(.invalid, "verify is \(Words.printable(verify).quoted), and can only be none")
      }
      try Self.refuse((digest == nil ? [] : ["digest"]) + others, beside: "verify = \"none\"")
      self = .nothing
    } else if let digest {
      try Self.refuse(others, beside: "digest")
      self = .digest(try ContentDigest(digest))
    } else {
      let signer = try Self.signer(keyring, fingerprint)
      let signature = try signature.map { text throws(Failure) in try Location(text) }
      if signature != nil, signer == nil { throw Self.missing("keyring", "signature") }
      if let sums {
        self = .sums(try Location(sums), signature: signature, by: signer)
      } else if let signature, let signer {
        self = .signature(signature, by: signer)
      } else if keyring != nil {
        throw Self.missing("sums or signature", "keyring")
      } else {
        throw Failure(
          .invalid, "nothing tells whether the image is what its publisher made",
          remedy: "set digest, sums or signature, or say verify = \"none\"")
      }
    }
  }

  private static func signer(_ keyring: String?, _ fingerprint: String?) throws(Failure) -> Signer? {
    guard let keyring else {
      if fingerprint != nil { throw missing("keyring", "fingerprint") }
      return nil
    }
    return Signer(
      keyring: keyring, fingerprint: try fingerprint.map { text throws(Failure) in try Fingerprint(text) })
  }

  private static func refuse(_ keys: [String], beside key: String) throws(Failure) {
    guard let one = keys.first else { return }
    throw Failure(.invalid, "\(one) says nothing beside \(key)", remedy: "leave one of them out")
  }

  private static func missing(_ key: String, _ other: String) -> Failure {
    Failure(.invalid, "\(other) needs \(key)", remedy: "set \(key)")
  }
}

extension Trust {
  /// What is said of a copy of the file on this machine, beside what the configuration says of it.
  package struct Local: Sendable {
    /// A path of a copy of the list of digests, and of the signature.
    package var sums: String?
    package var signature: String?
    /// In place of all that the configuration says.
    package var digest: String?
    package var verify: String?

    package init(digest: String? = nil, sums: String? = nil, signature: String? = nil, verify: String? = nil) {
      self.digest = digest
      self.sums = sums
      self.signature = signature
      self.verify = verify
    }
  }

  /// Why a copy on this machine is believed.
  ///
  /// - Throws: `.invalid` where both say different things.
  package func local(_ local: Local) throws(Failure) -> Trust {
    if local.digest != nil || local.verify != nil {
      return try Trust(
        digest: local.digest, sums: local.sums, signature: local.signature, keyring: nil, fingerprint: nil,
        verify: local.verify)
    }
    let sums = try local.sums.map { path throws(Failure) in try Location(absolute(path)) }
    let signature = try local.signature.map { path throws(Failure) in try Location(absolute(path)) }
    switch self {
    case .sums(let list, let beside, let signer):
      guard signature == nil || beside != nil else { throw Self.unnamed("signature") }
      return .sums(sums ?? list, signature: signature ?? beside, by: signer)
    case .signature(let place, let signer):
      guard sums == nil else { throw Self.unnamed("sums") }
      return .signature(signature ?? place, by: signer)
    case .digest, .nothing:
      guard sums == nil else { throw Self.unnamed("sums") }
      guard signature == nil else { throw Self.unnamed("signature") }
      return self
    }
  }

  private static func unnamed(_ key: String) -> Failure {
    Failure(
      .invalid, "the configuration does not name \(key), of which --\(key) is a copy",
      remedy: "leave --\(key) out, or set \(key)")
  }
}
