// SPDX-License-Identifier: Apache-2.0
import Fetch
import LinuxIO
import Report
import TestSupport
import Testing

@Suite struct DownloadTests {
  /// Not a whole number of anything.
  private static let content = [UInt8]((0..<300_001).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) })

  private static let limits = {
    var limits = DownloadLimits(size: 1 << 20)
    limits.pause = 1
    limits.stall = 2
    return limits
  }()

  /// What came, or why nothing did, and the requests for it.
  private func download(_ path: String, _ limits: DownloadLimits = limits) throws -> (
    Result<[UInt8], Failure>, [String]
  ) {
    try withScratch { scratch in
      try scratch.write(Self.content, to: "www/image")
      let server = try FaultyServer(of: scratch("www"), in: scratch)
      let place = try Location(server.url(path))
      let file = try Descriptor(inMemory: "file")
      let result = Result<UInt64, Failure> { () throws(Failure) in
        try Download(place, limits: limits, isVerifiedLater: true).run(into: file, progress: StepProgress())
      }
      let bytes = try file.bytes(at: 0, count: 1 << 21)
      if case .success(let size) = result { #expect(bytes.count == Int(size)) }
      return (result.map { _ in bytes }, try server.requests())
    }
  }

  @Test(
    "What a server sends arrives, also behind a redirection and a refusal for now", arguments: ["good", "to", "busy"])
  func arrives(mode: String) throws {
    let (result, _) = try download("\(mode)/image")
    #expect(try result.get() == Self.content)
  }

  @Test("What is not admitted by its length is not taken", arguments: ["good", "cut"])
  func notAdmitted(mode: String) throws {
    var limits = Self.limits
    limits.admit = { length throws(Failure) in throw Failure(.space, "\(length) bytes are too many") }
    let (result, requests) = try download("\(mode)/image", limits)
    let failure = try #require(throws: Failure.self) { _ = try result.get() }
    #expect(failure.code == .space && failure.message == "300001 bytes are too many", "\(failure)")
    #expect(requests.count == 1)
  }

  @Test("A broken line is gone on with where it broke off")
  func resumes() throws {
    let (result, requests) = try download("cut/image")
    #expect(try result.get() == Self.content)
    #expect(requests == ["/cut/image -", "/cut/image bytes=150000-"])
  }

  @Test("After a broken line a file that has changed meanwhile is fetched from its beginning")
  func changedFile() throws {
    let (result, requests) = try download("changed/image")
    #expect(try result.get() == Self.content.reversed() + Array("more".utf8))
    #expect(requests == ["/changed/image -", "/changed/image bytes=150000-"])
  }

  @Test("What a server does not tag is fetched from its beginning after a broken line")
  func noTag() throws {
    let (result, requests) = try download("plain/image")
    #expect(try result.get() == Self.content)
    #expect(requests == ["/plain/image -", "/plain/image -"])
  }

  @Test("A part that begins elsewhere is not joined to what is there")
  func misplacedPart() throws {
    let (result, requests) = try download("misplaced/image")
    #expect(try result.get() == Self.content)
    #expect(requests == ["/misplaced/image -", "/misplaced/image bytes=150000-", "/misplaced/image -"])
  }

  @Test(
    "What a server does wrong is told in one message",
    arguments: [
      ("half/image", "broke off after 146 KiB of 293 KiB; it was tried 5 times"),
      ("stall/image", "stalled: less than 1 KiB a second came for 2 s"),
      ("stallmute/image", "does not answer: no connection in 30 s, or no word in 2 s"),
      ("accepted/image", "the server answers 202 Accepted for http://127.0.0.1:"),
      ("gone/image", "it was tried 5 times"),
      ("endless/image", "/endless/image has 1.0 MiB or more, and at most 1.0 MiB are fetched"),
      ("huge/image", "/huge/image has 1.0 EiB or more, and at most 1.0 MiB are fetched"),
      ("away/image", "redirects to file:///etc/passwd"),
      ("around/image", "/around/image redirects to /around/image"),
      ("refused/image", "the server answers 404 Not Found for http://127.0.0.1:"),
      ("good/other", "the server answers 404 Not Found for http://127.0.0.1:"),
      ("locked/image?token=secret", "the server answers 401 Unauthorized for http://127.0.0.1:"),
    ])
  func faults(path: String, words: String) throws {
    var limits = Self.limits
    if path.hasPrefix("stall") { limits.attempts = 1 }
    let (result, _) = try download(path, limits)
    let failure = try #require(throws: Failure.self) { _ = try result.get() }
    #expect(failure.code == .io)
    #expect(failure.message.contains(words), "\(failure.message)")
    #expect(!failure.description.contains("secret"))
  }

  @Test("The time that a download may take is that of all attempts, and a refusal that does not end in it is told")
  func deadline() throws {
    var limits = Self.limits
    limits.duration = 3
    let (result, requests) = try download("drip/image", limits)
    let failure = try #require(throws: Failure.self) { _ = try result.get() }
    #expect(failure.message.hasSuffix("or it took longer than 3 s; it was tried once"), "\(failure.message)")
    #expect(requests == ["/drip/image -"])
    // Before so much of the page came that no more is waited for.
    limits.duration = 2
    limits.attempts = 1
    let refused = try #require(throws: Failure.self) { _ = try download("refused/image", limits).0.get() }
    #expect(refused.message.hasPrefix("the server answers 404 Not Found for "), "\(refused.message)")
  }

  @Test("A login in a URL opens what is locked, and is in no message")
  func login() throws {
    try withScratch { scratch in
      try scratch.write(Self.content, to: "www/image")
      let server = try FaultyServer(of: scratch("www"), in: scratch)
      let host = "127.0.0.1:\(server.port)"
      let file = try Descriptor(inMemory: "file")
      let place = try Location("http://user:secret@\(host)/locked/image")
      #expect("\(place)" == "http://\(host)/locked/image")
      _ = try Download(place, limits: Self.limits, isVerifiedLater: true).run(into: file, progress: StepProgress())
      #expect(try file.bytes(at: 0, count: 1 << 20) == Self.content)
      let wrong = try Location("http://user:wrong-secret@\(host)/locked/image?key=hidden")
      let failure = try #require(throws: Failure.self) {
        _ = try Download(wrong, limits: Self.limits, isVerifiedLater: true).run(into: file, progress: StepProgress())
      }
      #expect(failure.message == "the server answers 401 Unauthorized for http://\(host)/locked/image")
    }
  }

  @Test("A server whose certificate no authority of this machine has signed is refused")
  func unknownAuthority() throws {
    try withScratch { scratch in
      try scratch.write("content", to: "www/image")
      let server = try TestServer(of: scratch("www"), in: scratch, tls: try TestAuthority(in: scratch))
      let place = try Location("https://127.0.0.1:\(server.port)/image")
      let failure = try #require(throws: Failure.self) {
        _ = try Download(place, limits: Self.limits, isVerifiedLater: true)
          .run(into: try Descriptor(inMemory: "file"), progress: StepProgress())
      }
      #expect(failure.message.contains("certificate"), "\(failure.message)")
      #expect(try server.requests().isEmpty)
    }
  }

  @Test("A server that is not there is told after a few attempts")
  func noServer() throws {
    let place = try Location("http://127.0.0.1:1/image")
    let failure = try #require(throws: Failure.self) {
      _ = try Download(place, limits: Self.limits, isVerifiedLater: true)
        .run(into: try Descriptor(inMemory: "file"), progress: StepProgress())
    }
    #expect(failure.message.hasPrefix("http://127.0.0.1:1/image cannot be fetched: Failed to connect"))
    #expect(failure.message.hasSuffix("it was tried 5 times"))
  }

  @Test("A file of this machine is taken as it is, and nothing else that has a path")
  func localFile() throws {
    try withScratch { scratch in
      let path = try scratch.write(Self.content, to: "a b.img")
      try shell("mkfifo '\(scratch("pipe"))'")
      for place in [path, "file://\(path.replacing(" ", with: "%20"))"] {
        let file = try Descriptor(inMemory: "file")
        let location = try Location(place)
        #expect(location.name == "a b.img")
        _ = try Download(location, limits: Self.limits, isVerifiedLater: true)
          .run(into: file, progress: StepProgress())
        #expect(try file.bytes(at: 0, count: 1 << 20) == Self.content)
      }
      for path in [scratch("pipe"), scratch.path, "/dev/zero"] {
        let failure = try #require(throws: Failure.self) {
          _ = try Download(try Location(path), limits: Self.limits, isVerifiedLater: true)
            .run(into: try Descriptor(inMemory: "file"), progress: StepProgress())
        }
        #expect(failure.message == "\(path) is not a file")
      }
    }
  }

  @Test(
    "A place is a URL of http or https, or an absolute path",
    arguments: [
      "", "image.qcow2", "ftp://host/image", "https:/host", "http:///image", "http://host/a b", "http://host/\nX: y",
      "file:image", "scp://user:secret@host/image",
    ])
  func places(text: String) throws {
    let failure = try #require(throws: Failure.self) { _ = try Location(text) }
    #expect(failure.code == .invalid)
    #expect(!failure.message.contains("secret"))
  }
}
