// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report

// What export writes, and what it leaves alone.

extension Trial {
  func judgeExport(_ created: Made<CreatedGuest>) -> Made<ExportedGuest> {
    let exported = stage(.export, with: created) { guest throws(Failure) in
      let before = [try guest.disk.digest(), try guest.swap.digest()]
      let (ending, dump) = try export(guest.disk, guest.swap, to: "dump")
      guard ending.isSuccess else { return (.fail(ending.words, ending.evidence), ExportedGuest?.none) }
      let after = [try guest.disk.digest(), try guest.swap.digest()]
      return (
        .pass(["\(ending.words): \(Words.bytes(size(of: dump)))"]),
        ExportedGuest(guest: guest, dump: dump, digests: (before, after))
      )
    }
    judge(.exportReadsOnly, with: exported) { exported throws(Failure) in
      let (before, after) = exported.digests
      let changed = zip(["first", "second"], zip(before, after)).filter { $0.1.0 != $0.1.1 }.map(\.0)
      return .require(
        changed.isEmpty, "the export changed the \(changed.first ?? "") disk",
        ["SHA-256 of the disks before and after"] + before + after)
    }
    judge(.exportFull, with: exported) { exported throws(Failure) in
      // Each write to it fails as on a disk without room.
      let full = try Descriptor("/dev/full", O_WRONLY)
      let (disk, swap) = (exported.guest.disk, exported.guest.swap)
      let ending = try call(.export(disk: 0, path: disk.path, to: full.view), instance([disk, swap]))
      return .require(ending.isRefusal, "where nothing can be written \(ending.words)", ending.evidence)
    }
    return exported
  }

  /// Exports the first disk into a new file.
  func export(_ disk: ScratchDisk, _ swap: ScratchDisk, to name: String) throws(Failure) -> (Ending, String) {
    let path = "\(folder)/\(name)"
    let file = try Descriptor(path, O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
    let sizes = try Descriptor(inMemory: "the expected size")
    let instance = instance([disk, swap])
    try disk.flush()
    var call = try scriptCall(.export(disk: 0, path: disk.path, to: file.view), instance)
    if version > InterfaceVersion.byArguments { call.sizeDescriptor = sizes.view }
    let ready = call
    let ending = try watched("export") { runner.run(ready) }
    try file.close()
    return (ending, path)
  }

  /// A line of text at the start or the end of a dump, before or after what is not text: most likely a message.
  ///
  /// Returns the text, and the range of the file that is left without it.
  func suspectedMessages(in dump: String) throws(Failure) -> [(text: String, rest: Range<UInt64>)] {
    let size = size(of: dump)
    let limit = Int(min(4096, size))
    let start = try readFile(dump, limit: limit)
    let end = try readFile(dump, from: size - UInt64(limit), limit: limit)
    var found: [(String, Range<UInt64>)] = []
    func text(_ bytes: some Collection<UInt8>) -> String? {
      let isText = bytes.count >= 4 && bytes.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x09 }
      return isText ? String(decoding: bytes, as: UTF8.self) : nil
    }
    if let newline = start.firstIndex(of: 0x0A), let line = text(start[..<newline]) {
      found.append((line, UInt64(newline) + 1..<size))
    }
    if end.last == 0x0A {
      let line = end.dropLast().reversed().prefix { (0x20..<0x7F).contains($0) || $0 == 0x09 }.reversed()
      if let text = text(line) { found.append((text, 0..<size - UInt64(line.count) - 1)) }
    }
    return found
  }
}

func size(of path: String) -> UInt64 {
  let (status, error) = examine(path)
  return error == 0 ? UInt64(max(0, status.st_size)) : 0
}
