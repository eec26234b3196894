// SPDX-License-Identifier: Apache-2.0
package import Report

/// Of an image that somebody publishes: what it was made from, and what is known of it.
package struct ImageOrigin: Equatable, Sendable {
  /// The URL, without a login, or the path.
  package var source: String
  /// `qcow2.xz`
  package var format: String
  /// Of the file that was fetched: `sha256:…` or `sha512:…`.
  package var digest: String
  /// By what it was verified: `digest`, `sums`, `signature` or `none`.
  package var trust: String
  /// The fingerprint of the key whose signature was verified; nil where none was.
  package var signer: String?
  /// How large a disk has to be, in bytes: up to where the last partition ends, and the copy of a GPT behind it.
  package var end: UInt64
  /// The type of the root filesystem; nil where none is known.
  package var root: String?
  /// It is one filesystem, of which a guest's is made as of a bootstrapped one; else it is a disk.
  package var isTree: Bool

  package init(
    source: String, format: String, digest: String, trust: String, signer: String?, end: UInt64, root: String?,
    isTree: Bool = false
  ) {
    self.source = source
    self.format = format
    self.digest = digest
    self.trust = trust
    self.signer = signer
    self.end = end
    self.root = root
    self.isTree = isTree
  }

  package var json: JSON {
    [
      "source": .string(source), "format": .string(format), "digest": .string(digest),
      "verified_by": .string(trust), "signer": .optional(signer),
      "end": .integer(Int(clamping: end)), "root": .optional(root), "tree": .bool(isTree),
    ]
  }

  /// Nil where it is not one.
  init?(_ json: JSON) {
    guard let source = json["source"]?.string, let format = json["format"]?.string,
      let digest = json["digest"]?.string, let trust = json["verified_by"]?.string, let end = json["end"]?.integer,
      end >= 0
    else { return nil }
    self.init(
      source: source, format: format, digest: digest, trust: trust, signer: json["signer"]?.string, end: UInt64(end),
      root: json["root"]?.string, isTree: json["tree"] == true)
  }
}
