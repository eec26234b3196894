// SPDX-License-Identifier: Apache-2.0
import Fetch
import Report
import Testing

@Suite struct TrustTests {
  private static let digest = "sha256:\(String(repeating: "0a", count: 32))"

  private func trust(_ keys: KeyValuePairs<String, String>) throws(Failure) -> Trust {
    func value(_ key: String) -> String? { keys.first { $0.key == key }?.value }
    return try Trust(
      digest: value("digest"), sums: value("sums"), signature: value("signature"), keyring: value("keyring"),
      fingerprint: value("fingerprint"), verify: value("verify"))
  }

  @Test("Each way to trust a file is named by its keys")
  func ways() throws {
    let key = String(repeating: "AB", count: 20)
    let signer = Signer(keyring: "/k", fingerprint: try Fingerprint(key))
    #expect(
      try trust(["digest": Self.digest.uppercased().replacing("SHA256", with: "sha256")])
        == .digest(ContentDigest(Self.digest)))
    #expect(
      try trust(["sums": "https://h/SUMS"]) == .sums(Location("https://h/SUMS"), signature: nil, by: nil))
    #expect(
      try trust(["sums": "/s", "signature": "/s.sig", "keyring": "/k", "fingerprint": "0x" + key.lowercased()])
        == .sums(.file("/s"), signature: .file("/s.sig"), by: signer))
    #expect(
      try trust(["sums": "/s", "keyring": "/k"])
        == .sums(.file("/s"), signature: nil, by: Signer(keyring: "/k", fingerprint: nil)))
    #expect(
      try trust(["signature": "/i.sig", "keyring": "/k"])
        == .signature(.file("/i.sig"), by: Signer(keyring: "/k", fingerprint: nil)))
    #expect(try trust(["verify": "none"]) == .nothing)
  }

  @Test(
    "Keys that say too little, or two things, are refused",
    arguments: [
      [:], ["verify": "yes"], ["verify": "none", "digest": digest], ["verify": "none", "sums": "/s"],
      ["digest": digest, "sums": "/s"], ["digest": digest, "keyring": "/k"], ["digest": "sha256:00"],
      ["digest": "md5:d41d8cd98f00b204e9800998ecf8427e"], ["signature": "/s"], ["sums": "/s", "signature": "/x"],
      ["keyring": "/k"], ["sums": "/s", "fingerprint": "AB"],
      ["sums": "/s", "keyring": "/k", "fingerprint": "0123456789ABCDEF"],
    ])
  func refused(keys: [String: String]) throws {
    let failure = try #require(throws: Failure.self) {
      _ = try Trust(
        digest: keys["digest"], sums: keys["sums"], signature: keys["signature"], keyring: keys["keyring"],
        fingerprint: keys["fingerprint"], verify: keys["verify"])
    }
    #expect(failure.code == .invalid)
  }
}
