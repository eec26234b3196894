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

  /// The record of a template at /srv/a, and the file, in a guest called `name`.
  private func guest(called name: String, template: String) throws -> MemoryGuest {
    let guest = MemoryGuest(["/etc/hostname": name])
    let filled = try SiteTemplate(Array(template.utf8), file: "a").filled(for: GuestName(name), .standard)
    let record = TemplateRecord([TemplateRecord.Entry("/srv/a", holding: filled.bytes, names: filled.names)])
    #expect(TemplateRecord(parsing: record.render()) == record)
    guest.put(TemplateRecord.path, record.render(), mode: 0o600)
    guest.put("/srv/a", filled.bytes)
    return guest
  }

  private static let template = "driver: db\nhost: {{ fqdn }}, {{name}}-{{ name }} web\n# db.example.com"

  @Test("has that follow alone which was filled in")
  func places() throws {
    let guest = try guest(called: "db.example.com", template: Self.template)
    var old = "db.example.com"
    for (name, host) in [
      ("web.example.com", "web.example.com, web-web"), ("a.b", "a.b, a-a"), ("solo", "solo, solo-solo"),
      ("db.example.com", "db.example.com, db-db"),
    ] {
      try Renaming(from: GuestName(old), to: GuestName(name)).apply(to: guest)
      #expect(guest.text("/srv/a") == "driver: db\nhost: \(host) web\n# db.example.com")
      old = name
    }
    guest.put("/srv/a", Array("host: db.example.com".utf8))
    try Renaming(from: GuestName(old), to: GuestName("a.b")).apply(to: guest)
    #expect(guest.text("/srv/a") == "host: db.example.com", "its administrator has changed it")
  }

  @Test("has the domain follow, which stays where the new name has none")
  func domain() throws {
    let guest = try guest(called: "db.example.com", template: "{{ domain }} {{ name }}@{{domain}} # example.com")
    var old = "db.example.com"
    for (name, text, isNoted) in [
      ("db.example.org", "example.org db@example.org", false), ("web", "example.org web@example.org", true),
      ("a.b", "b a@b", false), ("c.long.example.net", "long.example.net c@long.example.net", false),
    ] {
      var notes: [String] = []
      try Renaming(from: GuestName(old), to: GuestName(name)).apply(to: guest, note: { notes.append($0) })
      #expect(guest.text("/srv/a") == "\(text) # example.com")
      #expect(notes.contains { $0.contains("/srv/a keeps the domain") } == isNoted)
      old = name
    }
  }

  @Test("has the places, too, after a change that was cut off between it and the files")
  func placesOfCut() throws {
    let guest = try guest(called: "db.example.com", template: Self.template)
    let new = try self.guest(called: "longer.example.com", template: Self.template)
    guest.put(TemplateRecord.path, Array(try #require(new.text(TemplateRecord.path)).utf8))
    try Renaming(from: GuestName("db.example.com"), to: GuestName("longer.example.com")).apply(to: guest)
    #expect(guest.text("/srv/a") == new.text("/srv/a"))
    #expect(guest.text(TemplateRecord.path) == new.text(TemplateRecord.path))
  }

  @Test("counts for more than the list of files that have the name, as long as the file is as it was made")
  func listed() throws {
    let guest = try guest(called: "db.example.com", template: Self.template)
    guest.put(ReleaseFile.path, Array("NAME_FILES=/srv/a\n".utf8))
    try Renaming(from: GuestName("db.example.com"), to: GuestName("web.example.com")).apply(to: guest)
    #expect(guest.text("/srv/a") == "driver: db\nhost: web.example.com, web-web web\n# db.example.com")
    guest.put("/srv/a", Array("web: db\n".utf8))
    try Renaming(from: GuestName("web.example.com"), to: GuestName("a.b")).apply(to: guest)
    #expect(guest.text("/srv/a") == "a: db\n")
  }

  @Test("has nothing of a line with places that are not some, and of one with places for what does not know of them")
  func malformed() throws {
    let digest = String(repeating: "a", count: 64)
    for places in [
      "", "1", "1+2", "1+2x", "+2f", "1+f", "-1+2f", "1+-2f", "1+0f", "1++2f", "1+2f ", "1+2ff", "1+2f 2+1s",
      "5+1f 1+1s",
      "9999999999+1f", Array(repeating: "1+1f", count: 300).joined(separator: " "),
    ] {
      #expect(TemplateRecord(parsing: Array("\(digest)  /srv/a \(places)\n".utf8)).entries == [], "\(places)")
    }
    let line = "\(digest)  /srv/a 1+2f 3+1s"
    #expect(TemplateRecord(parsing: Array(line.utf8)).entries.map(\.names.count) == [2])
    #expect(!TemplateRecord.isListable(ByteString(line.utf8.dropFirst(66))))
    // Behind the end of the file.
    let guest = MemoryGuest(["/etc/hostname": "db", "/srv/a": "db"])
    let record = TemplateRecord([
      TemplateRecord.Entry("/srv/a", holding: Array("db".utf8), names: [FilledName(offset: 1, length: 2, form: .short)])
    ])
    guest.put(TemplateRecord.path, record.render())
    try Renaming(from: GuestName("db"), to: new).apply(to: guest)
    #expect(guest.text("/srv/a") == "db")
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
