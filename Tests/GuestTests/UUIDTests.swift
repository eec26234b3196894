// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

private let old = "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9"
private let new = "99999999-aaaa-4bbb-8ccc-dddddddddddd"

private func escaped(_ text: String, _ hyphen: String = #"\x2d"#) -> String {
  text.split(separator: "-").joined(separator: hyphen)
}

private func replaced(_ text: String) throws -> String {
  let (old, new) = (try #require(UUID(old)), try #require(UUID(new)))
  let bytes = Array(text.utf8)
  let result = old.replaced(by: new, in: bytes)
  #expect(
    bytes.withUnsafeBytes { UUID.named(among: [old, new], in: $0).contains(old) } == (result != bytes), "\(text)")
  return String(decoding: result, as: UTF8.self)
}

@Suite("UUIDs in texts")
struct UUIDTests {
  @Test(
    "another takes the place wherever one is named, in the form that stands there",
    arguments: [
      "UUID=@", "linux /vmlinuz root=UUID=@ ro", "search --no-floppy --fs-uuid --set=root @\n", "/dev/disk/by-uuid/@",
      "UUID=\"@\"", "'@'", "@", "@@", "@ and @ again", "resume=UUID=@,other", "\u{e9}@\u{fc}",
    ])
  func everywhere(text: String) throws {
    func with(_ uuid: String) -> String {
      text.split(separator: "@", omittingEmptySubsequences: false).joined(separator: uuid)
    }
    #expect(try replaced(with(old)) == with(new))
    #expect(try replaced(with(old.uppercased())) == with(new.uppercased()))
    #expect(try replaced(with(escaped(old))) == with(escaped(new)))
    #expect(try replaced(with(escaped(old, #"\\x2d"#))) == with(escaped(new, #"\\x2d"#)))
  }

  @Test("the form of each hyphen stays, and with it the length")
  func mixedForm() throws {
    let text = old.replacing("-4e", with: #"\x2d4e"#).replacing("-a4", with: #"\\x2da4"#)
    #expect(try replaced(text) == new.replacing("-aa", with: #"\x2daa"#).replacing("-dd", with: #"\\x2ddd"#))
  }

  @Test("what is another UUID, or less than one, stays")
  func others() throws {
    for text in [
      "", "-", #"\"#, new, String(old.dropLast()), String(old.dropFirst()), escaped(old, ""), escaped(old, #"\x2e"#),
    ] {
      #expect(try replaced(text) == text)
    }
  }

  @Test(
    "only whole UUIDs are taken for some",
    arguments: [
      "", "0", "0a1b2c3d", escaped(old, ""), old + "0", "00000000-0000-0000-0000-000000000000", "g" + old.dropFirst(),
    ])
  func wrong(text: String) {
    #expect(UUID(text) == nil)
  }
}
