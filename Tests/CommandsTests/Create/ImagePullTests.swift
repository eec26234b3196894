// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

/// `image pull`, over a server on loopback.
@Suite struct ImagePullTests {
  /// A disk with an ext4 in a partition, of which `word` decides the bytes.
  private func publish(_ word: String, _ scratch: Scratch) throws {
    try scratch.write("\(word)\n", to: "tree/etc/os-release")
    try scratch.folder("www")
    try shell(
      """
      cd '\(scratch.path)'; rm -f raw; truncate -s 40M raw
      printf 'label: gpt\\n1: start=2048 size=65536 type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\\n' | /sbin/sfdisk -q raw
      mke2fs -q -F -t ext4 -d tree -E offset=1048576 raw 32768k
      qemu-img convert -f raw -O qcow2 -c raw www/a.qcow2
      cd www; sha256sum a.qcow2 > SUMS
      """)
  }

  private func run(_ arguments: String, in scratch: Scratch, _ environment: [String: String] = [:]) throws -> Outcome {
    try bash("'\(program)' image \(arguments) --config '\(scratch.path)'", environment: environment)
  }

  private func configure(_ scratch: Scratch, host: String, more: String = "") throws {
    try scratch.write(
      """
      cache = "\(scratch("cache"))"
      image = "http://\(host)/a.qcow2"
      sums = "http://\(host)/SUMS"
      \(more)\(sandboxLine)
      """, to: "guestsmith.toml")
  }

  @Test("An image is fetched once for each digest, and what fails leaves the old one in use, with a note")
  func once() throws {
    try withScratch { scratch in
      try publish("one", scratch)
      let server = try TestServer(of: scratch("www"), in: scratch)
      try configure(scratch, host: "127.0.0.1:\(server.port)")
      let first = try run("pull --json", in: scratch)
      #expect(first.status == 0, "\(first)")
      let made = try JSON(parsing: first.bytes)
      #expect(made["fetched"] == true)
      #expect(try run("pull --json", in: scratch).output.contains("\"fetched\": false"))
      #expect(try server.requests() == ["/SUMS", "/a.qcow2", "/SUMS"])
      let image = try #require(made["path"]?.string)
      #expect(try shell("cmp '\(image)' '\(scratch("raw"))'") == "")
      #expect(try run("verify", in: scratch).status == 0)

      let digest = try shell("cut -d ' ' -f 1 '\(scratch("www/SUMS"))'")
      let listed = try JSON(parsing: run("list --json", in: scratch).bytes).array?.first
      #expect(listed?["source"] == .string("http://127.0.0.1:\(server.port)/a.qcow2"))
      #expect(listed?["digest"] == .string("sha256:\(digest)"))
      #expect(listed?["verified_by"] == "sums" && listed?["signer"] == .null)
      #expect(try run("list", in: scratch).output.contains("sums, sha256:\(digest.prefix(12))"))
      let shown = try run("show \(made["key"]?.string ?? "")", in: scratch)
      #expect(shown.output.contains("sha256:\(digest)") && shown.output.contains("ext4"), "\(shown)")

      try publish("two", scratch)
      let second = try JSON(parsing: run("pull --json", in: scratch).bytes)
      #expect(second["fetched"] == true && second["key"] != made["key"])
      try scratch.write("changed", to: "www/a.qcow2")
      try shell("cd '\(scratch("www"))'; echo other | sha256sum | sed 's/-/a.qcow2/' > SUMS")
      let third = try run("pull --json", in: scratch)
      #expect(third.status == 0 && third.errors.contains("is not what was published"), "\(third)")
      #expect(try JSON(parsing: third.bytes)["key"] == second["key"])
      #expect(try shell("ls '\(scratch("cache/tmp"))'") == "")
    }
  }

  @Test("A login of .netrc and a proxy are used, and no login is shown")
  func loginAndProxy() throws {
    try withScratch { scratch in
      try publish("one", scratch)
      let server = try TestServer(of: scratch("www"), in: scratch, login: "user:secret")
      try scratch.write("machine 127.0.0.1 login user password secret\n", to: ".netrc", mode: 0o600)
      try configure(scratch, host: "127.0.0.1:\(server.port)")
      let refused = try run("pull", in: scratch)
      #expect(refused.status == Failure.Code.io.rawValue && refused.errors.contains("401"), "\(refused)")
      let home = try run("pull", in: scratch, ["HOME": scratch.path])
      #expect(home.status == 0, "\(home)")

      let open = try TestServer(of: scratch("www"), in: scratch)
      try configure(scratch, host: "user:hidden@images.example")
      let proxied = try run("pull --json", in: scratch, ["http_proxy": "http://127.0.0.1:\(open.port)"])
      #expect(proxied.status == 0, "\(proxied)")
      #expect(try open.requests() == ["http://images.example/SUMS"])
      let outcomes = try [
        proxied, run("list", in: scratch),
        run("show \(try JSON(parsing: proxied.bytes)["key"]?.string ?? "")", in: scratch),
      ]
      #expect(!outcomes.contains { "\($0)".contains("hidden") || "\($0)".contains("secret") }, "\(outcomes)")
    }
  }

  @Test(
    "A configuration that says too little of an image is refused before anything is fetched",
    arguments: [
      ("image = \"/a.img\"\nverify = \"none\"", "does not tell how the disk is in it"),
      ("image = \"/a.qcow2\"", "nothing tells whether the image is what its publisher made"),
      ("image = \"/a.qcow2\"\nverify = \"none\"\nsums = \"/SUMS\"", "sums says nothing beside verify"),
      ("sums = \"/SUMS\"", "sums is set without image"), ("image = \"ftp://h/a.qcow2\"", "image"),
      ("image = \"/a.iso\"\nformat = \"iso\"", "format"),
      ("suite = \"bookworm\"", "the configuration names no image"),
    ])
  func faults(text: String, words: String) throws {
    try withScratch { scratch in
      try scratch.write("cache = \"\(scratch("cache"))\"\n\(text)\n", to: "guestsmith.toml")
      let outcome = try run("pull", in: scratch)
      #expect(outcome.status == Failure.Code.invalid.rawValue && outcome.errors.contains(words), "\(outcome)")
    }
  }
}
