// SPDX-License-Identifier: Apache-2.0
import Fetch
import LinuxIO
import Report
import TestSupport
import Testing

@Suite struct PublicationTests {
  private static let limits = {
    var limits = DownloadLimits(size: 1 << 20)
    limits.pause = 1
    return limits
  }()

  /// What fetching `www/image` by this trust comes to; after a failure no file is there.
  private func fetch(
    _ scratch: Scratch, _ image: String = "image", sums: String? = nil, signature: String? = nil,
    keyring: String? = nil, fingerprint: String? = nil, digest: String? = nil, verify: String? = nil
  ) throws(Failure) -> Publication.Verified {
    let publication = Publication(
      try Location(scratch(image)),
      try Trust(
        digest: digest, sums: sums.map { scratch($0) }, signature: signature.map { scratch($0) },
        keyring: keyring.map { scratch($0) }, fingerprint: fingerprint, verify: verify))
    let steps = Steps(.quiet)
    let path = scratch("fetched-\(UInt32.random(in: 0 ... .max))")
    do throws(Failure) {
      let pin = try publication.pin(steps: steps, limits: Self.limits)
      let verified = try publication.fetch(pin, into: path, steps: steps, limits: Self.limits)
      #expect(examine(path).error == 0)
      return verified
    } catch {
      #expect(examine(path).error != 0)
      throw error
    }
  }

  @Test(
    "A list of digests is read in the syntaxes of coreutils, of BSD and as a bare hash",
    arguments: [
      "H256  image\n", "H256 *image\r\nH512  other\r\n", "H256  ./a/image\n",
      "# image: 5 bytes\nSHA256 (image) = H256\n",
      "SHA512 (image) = H512", "SHA256(x/image)= H256\n", "SHA2-256(image)= H256\n", "SHA2-512(image)= H512\n",
      "H256\n", "H512\r\n", "H512  image\nH256  image\n",
      "H256  image\nH256 *image\n", "\\H512  im\\nage\nH256  image\n",
      "d41d8cd98f00b204e9800998ecf8427e  image\nH256  image\n",
    ])
  func syntaxes(list: String) throws {
    try withScratch { scratch in
      try scratch.write("image", to: "image")
      try scratch.write(try Self.filled(list, scratch), to: "SUMS")
      let verified = try fetch(scratch, sums: "SUMS")
      #expect(verified.size == 5)
      #expect(verified.signer == nil)
    }
  }

  @Test(
    "A list that does not say one thing about the image is refused",
    arguments: [
      ("", "has no SHA-256 or SHA-512 of 'image'"), ("H256  images\nH256  x-image\n", "has no SHA-256 or SHA-512"),
      ("H256  image\nX256  image\n", "has two different digests for 'image'"),
      ("H256  a/image\nSHA256 (b/image) = X256\n", "has two different digests for 'image'"),
      ("<html>H256  image</html>", "has no SHA-256 or SHA-512"), ("H256\nH256\n", "has no SHA-256 or SHA-512"),
      ("SHA256 (image) = H512\n", "has no SHA-256 or SHA-512"), ("SHA1 (image) = H256\n", "has no SHA-256 or SHA-512"),
      ("\\H256  image\n", "has no SHA-256 or SHA-512"), ("H256 image\n", "has no SHA-256 or SHA-512"),
      ("X256  image\n", "is not what was published: its digest is sha256:"),
      ("H256  image\nSHA512 (image) = X512\n", "is not what was published: its digest is sha512:"),
    ])
  func badLists(list: String, words: String) throws {
    try withScratch { scratch in
      try scratch.write("image", to: "image")
      try scratch.write(try Self.filled(list, scratch), to: "SUMS")
      let failure = try #require(throws: Failure.self) { _ = try fetch(scratch, sums: "SUMS") }
      #expect(failure.message.contains(words), "\(failure.message)")
    }
  }

  @Test("A list of the image alone, by its own name, may call it by the name of a build", arguments: ["256", "512"])
  func nameOfBuild(bits: String) throws {
    try withScratch { scratch in
      try scratch.write("image", to: "image")
      let list = try Self.filled("# a build\nH\(bits)  ./image-Build7.4\n", scratch)
      for name in ["image.sha\(bits)", "image.sha\(bits)sum"] {
        try scratch.write(list, to: name)
        #expect(try fetch(scratch, sums: name).size == 5)
      }
      let other = try Self.filled("X\(bits)  image-Build7.4\n", scratch)
      for (name, text) in [
        ("SUMS", list), ("other.sha\(bits)", list), ("image.sha\(bits)", list + other), ("image.sha\(bits)", other),
      ] {
        try scratch.write(text, to: name)
        #expect(throws: Failure.self, "\(name): \(text)") { try fetch(scratch, sums: name) }
      }
    }
  }

  /// With digests of `image` for H256 and H512, and others for X256 and X512.
  private static func filled(_ list: String, _ scratch: Scratch) throws -> String {
    var list = list
    for bits in ["256", "512"] {
      let digest = try shell("sha\(bits)sum '\(scratch("image"))' | cut -d ' ' -f 1")
      list = list.replacing("H\(bits)", with: digest).replacing("X\(bits)", with: String(digest.reversed()))
    }
    return list
  }

  @Test("A digest that the administrator knows is enough, and no other fits")
  func knownDigest() throws {
    try withScratch { scratch in
      try scratch.write("image", to: "image")
      for bits in ["256", "512"] {
        let hex = try shell("sha\(bits)sum '\(scratch("image"))' | cut -d ' ' -f 1")
        #expect(try fetch(scratch, digest: "sha\(bits):\(hex)").digest.description == "sha\(bits):\(hex)")
        let failure = try #require(throws: Failure.self) {
          _ = try fetch(scratch, digest: "sha\(bits):\(String(hex.reversed()))")
        }
        #expect(failure.message.contains("is not what was published"))
      }
      #expect(try fetch(scratch, verify: "none").digest.description.hasPrefix("sha256:"))
    }
  }

  @Test("A file that changes between its list of digests and itself is refused")
  func changesBetween() throws {
    try withScratch { scratch in
      try scratch.write("image", to: "www/image")
      try shell("cd '\(scratch("www"))'; sha256sum image > SUMS")
      let server = try FaultyServer(of: scratch("www"), in: scratch)
      let publication = Publication(
        try Location(server.url("good/image")), .sums(try Location(server.url("good/SUMS")), signature: nil, by: nil))
      let pin = try publication.pin(steps: Steps(.quiet), limits: Self.limits)
      try scratch.write("other", to: "www/image")
      let failure = try #require(throws: Failure.self) {
        _ = try publication.fetch(pin, into: scratch("file"), steps: Steps(.quiet), limits: Self.limits)
      }
      #expect(failure.message.contains("is not what was published"))
      #expect(examine(scratch("file")).error != 0)
    }
  }

  // MARK: Signatures

  @Test("A signature over the list, in it, and over the image itself is verified, by the key that is asked for")
  func signatures() throws {
    try withScratch { scratch in
      try scratch.write("image", to: "image")
      try shell("cd '\(scratch.path)'; sha256sum image > SUMS")
      try TestKeys.with(["one", "two"], in: scratch) { keys in
        try keys.gpg("-u one@example.com --output SUMS.sig --detach-sign SUMS")
        try keys.gpg("-u one@example.com --armor --output SUMS.asc --detach-sign SUMS")
        try keys.gpg("-u one@example.com --output CHECKSUM --clearsign SUMS")
        try keys.gpg("-u one@example.com --output image.sig --detach-sign image")
        try keys.gpg("--armor --output both.asc --export")
        let one = try keys.fingerprint("one")
        for keyring in ["one.gpg", "both.asc"] {
          for fingerprint in [nil, one] {
            for (sums, signature) in [
              ("SUMS", "SUMS.sig"), ("SUMS", "SUMS.asc"), ("CHECKSUM", nil), (nil, "image.sig"),
            ] {
              let verified = try fetch(
                scratch, sums: sums, signature: signature, keyring: keyring, fingerprint: fingerprint)
              #expect(verified.signer?.text == one)
            }
          }
        }
        try keys.gpg("--digest-algo SHA1 -u one@example.com --output SUMS.sha1 --detach-sign SUMS")
        let weak = try #require(throws: Failure.self) {
          _ = try fetch(scratch, sums: "SUMS", signature: "SUMS.sha1", keyring: "one.gpg")
        }
        #expect(
          weak.message.contains("is by the key \(one), with an algorithm that is not believed"), "\(weak.message)")
        let two = try keys.fingerprint("two")
        for (sums, signature) in [("SUMS", "SUMS.sig"), ("CHECKSUM", nil), (nil, "image.sig")] {
          let other = try #require(throws: Failure.self) {
            _ = try fetch(scratch, sums: sums, signature: signature, keyring: "two.gpg")
          }
          #expect(other.message.contains("is by the key \(one), which is not in the keyring"), "\(other.message)")
          let wanted = try #require(throws: Failure.self) {
            _ = try fetch(scratch, sums: sums, signature: signature, keyring: "both.asc", fingerprint: two)
          }
          #expect(wanted.message.contains("is signed by the key \(one), and only \(two) is believed"))
        }
      }
    }
  }

  @Test("Of a list that is signed in place, only the signed text counts")
  func textAround() throws {
    try withScratch { scratch in
      try scratch.write("image", to: "image")
      try shell("cd '\(scratch.path)'; echo text > other; sha256sum other > SUMS")
      try TestKeys.with(["one"], in: scratch) { keys in
        try keys.gpg("--output CHECKSUM --clearsign SUMS")
        try shell(
          "cd '\(scratch.path)'; { sha256sum image; cat CHECKSUM; } > before; { cat CHECKSUM; sha256sum image; } > behind"
        )
        for list in ["before", "behind"] {
          #expect(throws: Failure.self) { try fetch(scratch, sums: list, keyring: "one.gpg") }
        }
        let unverified = try #require(throws: Failure.self) { _ = try fetch(scratch, sums: "CHECKSUM") }
        #expect(unverified.message.contains("is signed, and no keyring is named"))
      }
    }
  }

  @Test("A signature that is damaged, expired, doubled, missing or by an expired key is refused")
  func badSignatures() throws {
    try withScratch { scratch in
      try scratch.write("image", to: "image")
      try shell("cd '\(scratch.path)'; sha256sum image > SUMS; sed 's/image/imago/' SUMS > OTHER")
      try TestKeys.with(["one", "two"], in: scratch) { keys in
        try keys.gpg("--output both.gpg --export")
        try keys.gpg("-u one@example.com --output good --detach-sign SUMS")
        try keys.gpg("-u one@example.com -u two@example.com --output doubled --detach-sign SUMS")
        let past = "--faked-system-time 20200101T000000"
        try keys.gpg("\(past) --quick-generate-key past@example.com ed25519 sign never")
        try keys.gpg("\(past) -u past@example.com --default-sig-expire 1d --output expired --detach-sign SUMS")
        try keys.gpg("--output past.gpg --export past@example.com")
        try keys.gpg("\(past) --quick-generate-key old@example.com ed25519 sign 1d")
        try keys.gpg("\(past) -u old@example.com --output old --detach-sign SUMS")
        try keys.gpg("--output old.gpg --export old@example.com")
        try keys.gpg("-u one@example.com -u two@example.com --output CHECKSUM --clearsign SUMS")
        try scratch.write("nothing", to: "nothing")
        func reason(_ sums: String, _ signature: String?, _ keyring: String) throws -> String {
          try #require(throws: Failure.self) {
            _ = try fetch(scratch, sums: sums, signature: signature, keyring: keyring)
          }.message
        }
        #expect(try reason("OTHER", "good", "one.gpg").contains("does not fit"))
        #expect(try reason("SUMS", "doubled", "both.gpg").contains("has 2 signatures, and must have exactly one"))
        #expect(try reason("CHECKSUM", nil, "both.gpg").contains("has 2 signatures, and must have exactly one"))
        #expect(try reason("SUMS", "expired", "past.gpg").contains("has expired"))
        #expect(try reason("SUMS", "old", "old.gpg").contains("is by a key that has expired"))
        #expect(try reason("SUMS", "nothing", "one.gpg").contains("cannot be verified: gpgv ended with exit status 2"))
        #expect(try reason("SUMS", nil, "one.gpg").contains("cannot be verified: gpgv ended with exit status 2"))
        #expect(try reason("SUMS", "good", "nothing").contains("is not a keyring"))
      }
    }
  }
}
