// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import LinuxIO
internal import Report

// What export writes, and what it leaves alone.

extension Trial {
  func judgeExport() {
    guard let disk, let swap else { return }
    judge(.export) {
      let before = [try disk.digest(), try swap.digest()]
      let (ending, dump) = try export(disk, swap, to: "dump")
      guard ending.isSuccess else { return (.fail(ending.words), ending.evidence) }
      self.dump = dump
      let after = [try disk.digest(), try swap.digest()]
      let changed = zip(["first", "second"], zip(before, after)).filter { $0.1.0 != $0.1.1 }.map(\.0)
      let words = changed.first.map { "the \($0) disk is another after the export" }
      found(
        .exportReadsOnly, words.map { .fail($0) } ?? .pass, ["SHA-256 of the disks before and after"] + before + after)
      return (.pass, ["\(ending.words): \(Words.bytes(size(of: dump)))"])
    }
    guard dump != nil else {
      return skip(
        [
          .exportReadsOnly, .exportData, .exportFull, .import, .sameTree, .importFilesystem, .bootFiles, .features,
          .halfDump,
          .shortDump,
          .hostileImport,
        ], "export failed")
    }
    judge(.exportFull) {
      // Each write to it fails as on a disk without room.
      let full = try Descriptor("/dev/full", O_WRONLY)
      let ending = try call(.export(disk: 0, path: disk.path, to: full.raw), instance([disk, swap]))
      return (ending.isRefusal ? .pass : .fail("where nothing can be written \(ending.words)"), ending.evidence)
    }
  }

  /// Exports the first disk into a new file.
  func export(_ disk: ScratchDisk, _ swap: ScratchDisk, to name: String) throws(Failure) -> (Ending, String) {
    let path = "\(folder)/\(name)"
    let file = try Descriptor(path, O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
    let sizes = try Descriptor(inMemory: "the expected size")
    let instance = instance([disk, swap])
    try disk.flush()
    var call = try scriptCall(.export(disk: 0, path: disk.path, to: file.raw), instance)
    if version >= 10 { call.sizeDescriptor = sizes.raw }
    let ready = call
    let ending = try watched("export") { runner.run(ready) }
    try file.close()
    return (ending, path)
  }

  /// A line of text at the start or the end of a dump, in front of or behind what is not text: most likely a message.
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
