// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage

// What import makes of a dump: of a whole one, and of what is not one.

extension Trial {
  func judgeImport() {
    judgeBadDumps()
    guard let disk, dump != nil else { return }
    judge(.exportData) { try judgeData(disk) }
    guard let dump else { return }
    judge(.import) {
      let (target, swap) = (try newDisk("restored", size: disk.size), try newSwap("restored-swap"))
      let before = try swap.digest()
      let ending = try restore(dump, target, swap)
      // In version 5 the second disk is the script's too.
      if version > 5, try swap.digest() != before {
        note(.otherDisks, "import", ["the second disk was written to when the first was restored"])
      }
      guard ending.isSuccess else {
        skip([.sameTree, .importFilesystem], "import failed")
        return (.fail(ending.words), ending.evidence)
      }
      try compare(target, with: disk)
      return (.pass, [ending.words])
    }
    judgeCutDumps(dump, disk)
  }

  /// Imports a dump.
  func restore(
    _ dump: String, _ disk: ScratchDisk, _ swap: ScratchDisk, named name: InstanceName? = nil
  ) throws(Failure) -> Ending {
    let file = try Descriptor(dump, O_RDONLY)
    let ending = try call(.import(disk: 0, from: file.raw), instance([disk, swap], named: name))
    try disk.flush()
    return ending
  }

  // MARK: The same guest

  private func compare(_ restored: ScratchDisk, with disk: ScratchDisk) throws(Failure) {
    guard let content, let tree else {
      let isSame = try restored.digest() == disk.digest()
      found(
        .sameTree, isSame ? .pass : .fail("the bytes of the restored disk are others"),
        ["compared byte by byte: \(isBlank ? "what the judge wrote" : "no filesystem that is read was found")"])
      return
    }
    guard let found = try restored.filesystem(), found.type == content.type else {
      self.found(.sameTree, .fail("there is no filesystem of type \(content.type) on the restored disk"))
      self.found(.importFilesystem, .fail("there is no filesystem of type \(content.type) on the restored disk"))
      return
    }
    let problems = try restored.problems(of: found)
    self.found(
      .importFilesystem, problems.map { .fail($0.first ?? "") } ?? .pass, problems ?? ["\(found.type) is clean"])
    let differences: [DiskFiles.Difference]
    do {
      differences = try DiskFiles(of: restored, found).differences(from: tree)
    } catch {
      self.found(.sameTree, .fail("the files of the restored guest cannot be read: \(error.message)"))
      return
    }
    let bad = try seriousDifferences(differences, restored, found, disk, content)
    let badPaths = Set(bad.map(\.path))
    let others = differences.filter { !badPaths.contains($0.path) }
    let evidence =
      ["\(tree.entries.count) files compared"]
      + (bad.map { "\($0.path): \($0.words)" } + others.map { "may differ: \($0.path): \($0.words)" })
      .prefix(50)
    let words = bad.first.map { "\(bad.count) files differ, such as \($0.path): \($0.words)" }
    self.found(.sameTree, words.map { .fail($0) } ?? .pass, evidence)
  }

  // MARK: What is in a dump

  /// A message is taken out, so that it is one fault and not many.
  private func judgeData(_ disk: ScratchDisk) throws -> (Finding.Outcome, [String]) {
    guard let dump, size(of: dump) > 0 else { return (.fail("the dump is empty"), []) }
    for suspect in try suspectedMessages(in: dump) {
      // It is a message when the dump is as good without it; else it is a part of the format.
      let part = "\(folder)/part"
      try copy(dump, suspect.rest, to: part)
      let (target, swap) = (try newDisk("part", size: disk.size), try newSwap("part-swap"))
      let ending = try restore(part, target, swap)
      guard try ending.isSuccess && isSameGuest(target, disk) else {
        unlink(part)
        continue
      }
      self.dump = part
      return (
        .fail("the dump has a line that is not part of it: \(Words.printable(suspect.text, limit: 80).quoted)"),
        ["the dump is restored without this line:", suspect.text.escaped]
      )
    }
    return (.pass, ["\(Words.bytes(size(of: dump))), without a message in front of or behind them"])
  }

  private func isSameGuest(_ restored: ScratchDisk, _ disk: ScratchDisk) throws(Failure) -> Bool {
    guard let content, let tree else { return try restored.digest() == disk.digest() }
    guard let found = try restored.filesystem(), found.type == content.type else { return false }
    let differences = try DiskFiles(of: restored, found).differences(from: tree)
    return try seriousDifferences(differences, restored, found, disk, content).isEmpty
  }

  /// Those that are more than who the guest is: a file may name the disks' new UUIDs in the place of the old ones.
  private func seriousDifferences(
    _ differences: [DiskFiles.Difference], _ restored: ScratchDisk, _ found: DiskContent, _ disk: ScratchDisk,
    _ content: DiskContent
  ) throws(Failure) -> [DiskFiles.Difference] {
    var serious: [DiskFiles.Difference] = []
    for difference in differences {
      // Who may read such a file is the same for every guest.
      if isIdentity(difference.path) && (difference.isOfContent || !difference.isInBoth) { continue }
      let (after, before) = (
        try restored.text("/\(difference.path)", in: found), try disk.text("/\(difference.path)", in: content)
      )
      if difference.isOfContent, let after, let before, after.withoutUUIDs == before.withoutUUIDs { continue }
      serious.append(difference)
    }
    return serious
  }

  private func copy(_ source: String, _ range: Range<UInt64>, to target: String) throws(Failure) {
    let input = try Descriptor(source, O_RDONLY)
    let output = try Descriptor(target, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var offset = range.lowerBound
    while offset < range.upperBound {
      let wanted = Int(min(UInt64(buffer.count), range.upperBound - offset))
      let count = try input.readFull(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: offset)
      guard count > 0 else { return }
      try output.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += UInt64(count)
    }
    try output.close()
  }

  // MARK: Bad dumps

  private func judgeBadDumps() {
    guard disk != nil else { return }
    for (check, bytes, words) in [
      (Check.emptyDump, [UInt8](), "an empty dump"), (.garbageDump, randomBytes(1 << 20), "1 MiB of random bytes"),
    ] {
      judge(check) {
        let path = "\(folder)/bad"
        let file = try Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try file.writeAll(bytes)
        try file.close()
        defer { unlink(path) }
        return try refusal(of: path, words)
      }
    }
  }

  /// Cuts the dump itself: it is not needed any more.
  private func judgeCutDumps(_ dump: String, _ disk: ScratchDisk) {
    let whole = size(of: dump)
    guard whole > 1 else { return skip([.shortDump, .halfDump], "the dump has \(whole) bytes") }
    guard told(.import) == .pass else { return skip([.shortDump, .halfDump], "import fails for whole dumps too") }
    for (check, length, words) in [
      (Check.shortDump, whole - 1, "a dump without its last byte"), (.halfDump, whole / 2, "half a dump"),
    ] {
      judge(check) {
        guard truncate(dump, off_t(length)) == 0 else { throw Failure.system("cut", dump) }
        return try refusal(of: dump, words)
      }
    }
  }

  private func refusal(of dump: String, _ what: String) throws -> (Finding.Outcome, [String]) {
    let (target, swap) = (try newDisk("target", size: disk?.size), try newSwap("target-swap"))
    let ending = try restore(dump, target, swap)
    return (ending.isRefusal ? .pass : .fail("given \(what) \(ending.words)"), ending.evidence)
  }
}

extension String {
  /// The text with each UUID replaced by one and the same word.
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
