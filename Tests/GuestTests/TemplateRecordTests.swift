// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

@Suite("The record of templates in a guest")
struct TemplateRecordTests {
  private let old = GuestName("vm1.example.com")
  private let new = GuestName("web.example.org")

  private func guest(_ texts: [ByteString: String], changed: [ByteString: String] = [:]) -> MemoryGuest {
    let guest = MemoryGuest([
      "/etc/hostname": "vm1\n", "/etc/hosts": "127.0.1.1 vm1.example.com vm1\n",
    ])
    let entries = texts.sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }.map {
      TemplateRecord.Entry($0.key, holding: Array($0.value.utf8))
    }
    guest.put(TemplateRecord.path, TemplateRecord(entries).render(), mode: 0o600, gid: 0)
    for (path, text) in texts.merging(changed, uniquingKeysWith: { $1 }) {
      guest.put(path, Array(text.utf8), mode: 0o644, gid: 0)
    }
    return guest
  }

  @Test("has those follow a rename that are as they were made, again and again, and no other")
  func follow() throws {
    let guest = guest(["/srv/a": "I am vm1\n", "/srv/b": "vm1\n"], changed: ["/srv/b": "mine: vm1\n"])
    try Renaming(from: old, to: new).apply(to: guest)
    #expect(guest.text("/srv/a") == "I am web\n" && guest.text("/srv/b") == "mine: vm1\n")
    try Renaming(from: new, to: GuestName("db.example.org")).apply(to: guest)
    #expect(guest.text("/srv/a") == "I am db\n")
    guest.put("/srv/a", Array("I was db\n".utf8), mode: 0o644, gid: 0)
    try Renaming(from: GuestName("db.example.org"), to: old).apply(to: guest)
    #expect(guest.text("/srv/a") == "I was db\n")
  }

  @Test("has a change that was cut off between it and the files be finished") func cut() throws {
    let guest = guest(["/srv/a": "I am web\n"], changed: ["/srv/a": "I am vm1\n"])
    try Renaming(from: old, to: new).apply(to: guest)
    #expect(guest.text("/srv/a") == "I am web\n")
  }

  @Test("leaves what has another way of following, and counts only where it is plain")
  func plain() throws {
    let guest = guest(["/etc/hosts": "127.0.1.1 vm1.example.com vm1\n"])
    try Renaming(from: old, to: new).apply(to: guest)
    #expect(guest.text("/etc/hosts") == "127.0.1.1 web.example.org web\n")
    let digest = String(repeating: "a", count: 64)
    for line in ["\(digest)  srv", "\(digest)  /srv/../etc", "\(digest) /srv", "x  /srv", "\(digest)  /a b", ""] {
      #expect(TemplateRecord(parsing: Array(line.utf8)).entries == [], "\(line)")
    }
    let lines = String(repeating: "\(digest)  /srv\n", count: 100)
    #expect(TemplateRecord(parsing: Array(lines.utf8)).entries.count == TemplateRecord.most)
  }
}
