// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Host
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage

// A guest with names that are not UTF-8, and as long as a name can be.

extension Trial {
  /// Two names that become one where they are taken for text, with what would be lost then.
  private static let strange = [ByteString(Array("caf".utf8) + [0xE8]), ByteString(Array("caf".utf8) + [0xE9])]

  /// One of 255 bytes, which is the most.
  private static func longest(_ start: ByteString, _ end: ByteString = "") -> ByteString {
    let room = 255 - start.bytes.count - end.bytes.count
    return "\(start)caf\(ByteString([UInt8](repeating: 0xE9, count: room - 3)))\(end)"
  }

  /// Folders of which a reinstallation may keep files, and how the names begin.
  private static let places: [(folder: ByteString, start: ByteString)] = [
    ("/etc/ssh", "ssh_host_"), ("/etc", ""), ("/home", ""), ("/opt", ""), ("/root", ""), ("/srv", ""),
    ("/usr/local", ""), ("/var/lib", ""), ("/var/www", ""),
  ]

  func judgeImportedNames(_ needed: Made<(ReadableGuest, ExportedGuest)>) {
    judge(.importNames, with: needed) { needed throws(Failure) in
      guard needed.1.isOnlyData else { return .notApplicable("export.only-data failed") }
      let (disk, content) = (needed.0.disk, needed.0.content)
      let (guest, swap) = (try disk.copy(to: "\(folder)/named.img"), try newSwap("named-swap"))
      let before = try plant(on: guest, content) { filesystem throws(Failure) in
        for name in Self.strange {
          try filesystem.write("/judged/\(name)", name.bytes)
          try filesystem.write("/judged/folder-\(name)/\(name)", name.bytes)
          try filesystem.link("/judged/link-\(name)", to: name)
        }
        try filesystem.write("/judged/\(Self.longest(""))", Array("long".utf8))
        try filesystem.write("/judged/\(Self.longest("d"))/\(Self.longest(""))", Array("long".utf8))
      }
      let (exported, dump) = try export(guest, swap, to: "named-dump")
      guard exported.isSuccess else {
        return .fail("a guest with names that are not UTF-8 cannot be exported: \(exported.words)", exported.evidence)
      }
      let target = try newDisk("named-target", size: disk.size)
      let ending = try restore(dump, target, swap)
      guard ending.isSuccess else {
        return .fail("a guest with names that are not UTF-8 cannot be imported: \(ending.words)", ending.evidence)
      }
      return try lost(before, of: "judged/", on: target, content, by: "import")
    }
  }

  func judgeKeptNames(_ readable: Made<ReadableGuest>) {
    judge(.reinstallNames, with: readable) { readable throws(Failure) in
      guard version >= InterfaceVersion.firstWithVariants else {
        return .notApplicable("hosts of version \(version) do not tell a reinstallation from a creation")
      }
      let (disk, content) = (readable.disk, readable.content)
      let (guest, swap) = (try disk.copy(to: "\(folder)/named.img"), try newSwap("named-swap"))
      let names: [ByteString] = Self.places.flatMap { place in
        (["judged-text"] + Self.strange).map { "\(place.folder)/\(place.start)\($0)_key" }
          + ["\(place.folder)/\(Self.longest(place.start, "_key"))"]
      }
      let before = try plant(on: guest, content) { filesystem throws(Failure) in
        for name in names { try filesystem.write(name, name.bytes) }
      }
      let ending = try call(.create(isReinstall: true), instance([guest, swap]))
      guard ending.isSuccess else {
        return .notApplicable("a reinstallation is refused: \(ending.words)", ending.evidence)
      }
      guard let found = try guest.filesystem(), found.isExt else {
        return .notApplicable("a reinstallation makes a filesystem that is not read")
      }
      let after = try DiskFiles(of: guest, found)
      let keeping = Self.places.filter { place in
        let path = Self.key("\(place.folder)/\(place.start)judged-text_key")
        return after.entries[path]?.content == before.entries[path]?.content
      }
      guard !keeping.isEmpty else {
        return .notApplicable("a reinstallation keeps none of the files that the judge makes", [ending.words])
      }
      for place in keeping {
        let result = try lost(
          before, of: Self.key("\(place.folder)/\(place.start)caf"), on: guest, found,
          by: "a reinstallation that keeps others of \(place.folder)")
        if result.outcome != .pass { return result }
      }
      return .pass(["kept in \(keeping.map { "\($0.folder)" }.joined(separator: ", "))"])
    }
  }

  /// What a tree calls an absolute path.
  private static func key(_ path: ByteString) -> ByteString { ByteString(path.bytes.dropFirst()) }

  /// Makes files in a guest; returns all that it has then.
  private func plant(
    on disk: ScratchDisk, _ content: DiskContent, _ body: (borrowing Filesystem) throws(Failure) -> Void
  ) throws(Failure) -> DiskFiles {
    try disk.withFilesystem(content, writable: true, body)
    try disk.flush()
    if let problems = try disk.problems(of: content) {
      throw Failure(.tool, "the judge cannot make files on this filesystem: \(problems.first ?? "")")
    }
    return try DiskFiles(of: disk, content)
  }

  /// What became of the files whose paths begin so.
  private func lost(
    _ before: DiskFiles, of start: ByteString, on disk: ScratchDisk, _ content: DiskContent, by what: String
  ) throws(Failure) -> CheckResult {
    guard let found = try disk.filesystem(), found.type == content.type else {
      return .fail("there is no filesystem of type \(content.type) after \(what)")
    }
    let bad = try DiskFiles(of: disk, found).differences(from: before).filter { $0.path.hasPrefix(start) }
    let lines = bad.map { "\($0.path): \($0.words)" }
    let count = before.entries.keys.count { $0.hasPrefix(start) }
    guard let first = lines.first else { return .pass(["\(count) files compared"]) }
    return .fail(
      "after \(what) \(bad.count) of \(count) files whose names are not UTF-8 differ: \(first)",
      Array(lines.prefix(50)))
  }
}
