// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage

// What import makes of a dump, and of what is not one.

extension Trial {
  /// Returns the dump, where it is one that can be imported.
  func judgeImport(_ exported: Made<ExportedGuest>, _ readable: Made<ReadableGuest>) -> Made<ExportedGuest> {
    let restored = stage(.import, with: exported) { exported throws(Failure) in
      let disk = exported.guest.disk
      let (target, swap) = (try newDisk("restored", size: disk.size), try newSwap("restored-swap"))
      let before = try swap.digest()
      let ending = try restore(exported.dump, target, swap)
      // In version 5 the second disk is the script's too.
      if version > InterfaceVersion.byArguments, try swap.digest() != before {
        note(.otherDisks, "import", ["the second disk was written to when the first was restored"])
      }
      guard ending.isSuccess else { return (.fail(ending.words, ending.evidence), ScratchDisk?.none) }
      return (.pass([ending.words]), target)
    }
    let both = exported.and(restored)
    let formatted = both.flatMap { exported, target in
      exported.guest.filesystem.flatMap { .made((target, $0)) }
    }
    judge(.importFilesystem, with: formatted) { formatted throws(Failure) in
      let (target, content) = formatted
      guard let found = try target.filesystem(), found.type == content.type else {
        return .fail("there is no filesystem of type \(content.type) on the restored disk")
      }
      return .clean(try target.problems(of: found), ["\(found.type) is clean"])
    }
    judge(.sameTree, with: both) { both throws(Failure) in
      let (exported, target) = both
      switch readable {
      case .made(let guest): return try compare(target, with: guest)
      case .missing(let reason): return try compareBytes(target, exported.guest, reason)
      }
    }
    return both.flatMap { exported, _ in .made(exported) }
  }

  /// Imports a dump.
  func restore(
    _ dump: String, _ disk: ScratchDisk, _ swap: ScratchDisk, named name: InstanceName? = nil
  ) throws(Failure) -> Ending {
    let file = try Descriptor(dump, O_RDONLY)
    let ending = try call(.import(disk: 0, from: file.view), instance([disk, swap], named: name))
    try disk.flush()
    return ending
  }

  // MARK: The same guest

  private func compare(_ restored: ScratchDisk, with guest: ReadableGuest) throws(Failure) -> CheckResult {
    guard let found = try restored.filesystem(), found.type == guest.content.type else {
      return .fail("there is no filesystem of type \(guest.content.type) on the restored disk")
    }
    let differences: [DiskFiles.Difference]
    do throws(Failure) {
      differences = try DiskFiles(of: restored, found).differences(from: guest.files)
    } catch {
      return .fail("the files of the restored guest cannot be read: \(error.message)")
    }
    let bad = try seriousDifferences(differences, restored, found, guest)
    let badPaths = Set(bad.map(\.path))
    let others = differences.filter { !badPaths.contains($0.path) }
    let lines = bad.map { "\($0.path): \($0.words)" } + others.map { "may differ: \($0.path): \($0.words)" }
    let evidence = ["\(guest.files.entries.count) files compared"] + lines.prefix(50)
    guard let first = bad.first else { return .pass(evidence) }
    return .fail("\(bad.count) files differ, such as \(first.path): \(first.words)", evidence)
  }

  /// - Parameter reason: why the files are not compared.
  private func compareBytes(
    _ restored: ScratchDisk, _ guest: CreatedGuest, _ reason: String
  ) throws(Failure) -> CheckResult {
    let evidence = ["compared byte by byte: \(reason)"]
    if try restored.digest() == guest.disk.digest() { return .pass(evidence) }
    // The same files can lie on other blocks.
    if guest.content != nil { return .notApplicable("the disks differ, and \(reason)", evidence) }
    return .fail("the restored disk has other bytes", evidence)
  }

  // MARK: What is in a dump

  /// A message is taken out, so that it is one fault and not many: returns the dump without it.
  func judgeDump(_ exported: Made<ExportedGuest>, _ readable: Made<ReadableGuest>) -> Made<ExportedGuest> {
    var left = exported
    judge(.exportData, with: exported) { exported throws(Failure) in
      guard size(of: exported.dump) > 0 else { return .fail("the dump is empty") }
      for suspect in try suspectedMessages(in: exported.dump) {
        // It is a message when the dump is as good without it; else it is a part of the format.
        let part = "\(folder)/part"
        try copy(exported.dump, suspect.rest, to: part)
        let (target, swap) = (try newDisk("part", size: exported.guest.disk.size), try newSwap("part-swap"))
        let ending = try restore(part, target, swap)
        guard ending.isSuccess, try isSameGuest(target, exported.guest, readable) else {
          unlink(part)
          continue
        }
        var cleaned = exported
        cleaned.dump = part
        cleaned.isOnlyData = false
        left = .made(cleaned)
        return .fail(
          "the dump has a line that is not part of it: \(Words.printable(suspect.text, limit: 80).quoted)",
          ["the dump is restored without this line:", suspect.text.escaped])
      }
      return .pass(["\(Words.bytes(size(of: exported.dump))), without a message before or after the data"])
    }
    return left
  }

  private func isSameGuest(
    _ restored: ScratchDisk, _ guest: CreatedGuest, _ readable: Made<ReadableGuest>
  ) throws(Failure) -> Bool {
    let result =
      switch readable {
      case .made(let guest): try compare(restored, with: guest)
      case .missing(let reason): try compareBytes(restored, guest, reason)
      }
    return result.outcome == .pass
  }

  /// Those that are more than the guest's identity: a file may name the disks' new UUIDs in place of the old ones.
  private func seriousDifferences(
    _ differences: [DiskFiles.Difference], _ restored: ScratchDisk, _ found: DiskContent, _ guest: ReadableGuest
  ) throws(Failure) -> [DiskFiles.Difference] {
    var serious: [DiskFiles.Difference] = []
    for difference in differences {
      // Owners and modes of such a file are the same for every guest.
      if isIdentity(difference.path) && (difference.isOfContent || difference.isNew) { continue }
      if difference.isMissing && isMadeAnew(difference.path) { continue }
      let (after, before) = (
        try restored.text("/\(difference.path)", in: found),
        try guest.disk.text("/\(difference.path)", in: guest.content)
      )
      if difference.isOfContent, let after, let before, after.withoutUUIDs == before.withoutUUIDs { continue }
      serious.append(difference)
    }
    return serious
  }

  private func copy(_ source: String, _ range: Range<UInt64>, to target: String) throws(Failure) {
    let input = try Descriptor(source, O_RDONLY)
    let output = try Descriptor(target, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    var offset = range.lowerBound
    while offset < range.upperBound {
      let piece = try input.bytes(at: offset, count: Int(min(1 << 20, range.upperBound - offset)))
      guard !piece.isEmpty else { break }
      try output.writeAll(piece)
      offset += UInt64(piece.count)
    }
    try output.close()
  }

  // MARK: Bad dumps

  func judgeBadDumps(_ created: Made<CreatedGuest>) {
    for (check, bytes, words) in [
      (Check.emptyDump, [UInt8](), "an empty dump"), (.garbageDump, randomBytes(1 << 20), "1 MiB of random bytes"),
    ] {
      judge(check, with: created) { guest throws(Failure) in
        let path = "\(folder)/bad"
        let file = try Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try file.writeAll(bytes)
        try file.close()
        defer { unlink(path) }
        return try refusal(of: path, words, guest.disk.size)
      }
    }
  }

  /// Cuts the dump itself: after all that needs it.
  func judgeCutDumps(_ importable: Made<ExportedGuest>) {
    let whole = importable.flatMap { exported -> Made<(ExportedGuest, size: UInt64)> in
      let size = size(of: exported.dump)
      return size > 1 ? .made((exported, size)) : .missing(because: "the dump has \(size) bytes")
    }
    for (check, length, words) in [
      (Check.shortDump, { $0 - 1 }, "a dump without its last byte"), (.halfDump, { $0 / 2 }, "half a dump"),
    ] as [(Check, (UInt64) -> UInt64, String)] {
      judge(check, with: whole) { whole throws(Failure) in
        let (exported, size) = whole
        guard truncate(exported.dump, off_t(length(size))) == 0 else { throw .system("cut", exported.dump) }
        return try refusal(of: exported.dump, words, exported.guest.disk.size)
      }
    }
  }

  private func refusal(of dump: String, _ what: String, _ size: UInt64) throws(Failure) -> CheckResult {
    let (target, swap) = (try newDisk("target", size: size), try newSwap("target-swap"))
    let ending = try restore(dump, target, swap)
    return .require(ending.isRefusal, "given \(what) \(ending.words)", ending.evidence)
  }
}

extension String {
  /// The text with the same word for each UUID.
  fileprivate var withoutUUIDs: String {
    let lengths = [8, 4, 4, 4, 12]
    let bytes = Array(utf8)
    func isHex(_ byte: UInt8) -> Bool {
      (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }
    func isUUID(at start: Int) -> Bool {
      guard start + 36 <= bytes.count else { return false }
      var position = start
      for (index, length) in lengths.enumerated() {
        guard bytes[position..<position + length].allSatisfy(isHex) else { return false }
        position += length
        if index < 4 && bytes[position] != 0x2D { return false }
        position += 1
      }
      return true
    }
    var left: [UInt8] = []
    var position = 0
    while position < bytes.count {
      let isOne = isUUID(at: position)
      left += isOne ? Array("UUID".utf8) : [bytes[position]]
      position += isOne ? 36 : 1
    }
    return String(decoding: left, as: UTF8.self)
  }
}
