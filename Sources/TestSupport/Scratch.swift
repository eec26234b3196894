// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// Whether the tests that need root can run.
package let isRoot = geteuid() == 0

/// How long those tests are to go on that have no end of their own, each: `GUESTSMITH_FUZZ_SECONDS`, or else a moment.
package let fuzzSeconds = ownEnvironment()["GUESTSMITH_FUZZ_SECONDS"].flatMap { Int($0) } ?? 3

/// Whether guests can be bootstrapped: others than root need more ids than their own.
package let canBootstrap = isRoot || (try? shell("grep -qE \"^($(id -un)|$(id -u)):\" /etc/subuid")) != nil

/// A folder of one test, which goes with all that is in it when the test ends.
package struct Scratch: Sendable {
  /// Absolute, without symbolic links in it.
  package let path: String

  /// A folder that is there, and that the caller removes.
  package init(path: String) {
    self.path = path
  }

  /// The path of something in the folder.
  package func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

  /// Makes a folder and those above it, and returns its path.
  @discardableResult
  package func folder(_ name: String) throws -> String {
    try makeFolders(self(name))
    return self(name)
  }

  /// Writes a small file, with its folder, and returns its path.
  @discardableResult
  package func write(_ text: String, to name: String, mode: UInt32 = 0o644) throws -> String {
    try write(Array(text.utf8), to: name, mode: mode)
  }

  @discardableResult
  package func write(_ bytes: [UInt8], to name: String, mode: UInt32 = 0o644) throws -> String {
    if let slash = name.lastIndex(of: "/") { try folder(String(name[..<slash])) }
    let file = try Descriptor(self(name), O_WRONLY | O_CREAT | O_TRUNC)
    try file.writeAll(bytes)
    try file.setMode(mode)
    try file.close()
    return self(name)
  }

  package func read(_ name: String) throws -> String {
    String(decoding: try readFile(self(name)), as: UTF8.self)
  }
}

/// Runs `body` with a folder of its own, below `TMPDIR` or `/tmp`, which is removed in any case.
package func withScratch<R>(_ body: (Scratch) throws -> R) throws -> R {
  _ = leftIsRemoved
  let folder = try ScratchFolder(in: scratchParent, prefix: scratchPrefix)
  defer { clear(folder) }
  return try body(Scratch(path: folder.path))
}

/// The same for a test that awaits.
package func awaitingWithScratch<R>(_ body: (Scratch) async throws -> R) async throws -> R {
  _ = leftIsRemoved
  let folder = try ScratchFolder(in: scratchParent, prefix: scratchPrefix)
  defer { clear(folder) }
  return try await body(Scratch(path: folder.path))
}

/// A folder for what one test makes and others read; it goes when the process ends.
package func sharedScratch() throws -> Scratch { Scratch(path: try kept.get().path) }

private let kept: Result<ScratchFolder, any Error> = Result {
  _ = leftIsRemoved
  let folder = try ScratchFolder(in: scratchParent, prefix: scratchPrefix)
  atexit { if let folder = try? kept.get() { clear(folder) } }
  return folder
}

private let scratchParent = inherited["TMPDIR"] ?? "/tmp"
private let scratchPrefix = "guestsmith-test."

/// What tests that were killed have left, loop devices and mounts among it, goes before the first test makes its own.
private let leftIsRemoved: Void = {
  for folder in ScratchFolder.left(in: scratchParent, prefix: scratchPrefix) { clear(folder) }
}()

private func clear(_ folder: ScratchFolder) {
  // Folders that may not be entered are a part of some tests.
  if !isRoot { _ = try? shell("chmod -R u+rwX '\(folder.path)'") }
  folder.remove()
}

/// All of a small file.
package func readFile(_ path: String) throws -> [UInt8] {
  let file = try Descriptor(path, O_RDONLY)
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
    if count == 0 { return bytes }
    bytes.append(contentsOf: buffer[..<count])
  }
}

/// What a shell command printed on standard output and error, without the last newline.
///
/// - Throws: what it printed, when it fails.
@discardableResult
package func shell(_ script: String) throws -> String {
  let (status, output) = try Command("/bin/sh", ["-c", script]).capture(limit: 1 << 20)
  var text = String(decoding: output, as: UTF8.self)
  if text.hasSuffix("\n") { text.removeLast() }
  guard status.isSuccess else { throw Failure(.tool, "\(script): \(status): \(text)") }
  return text
}

/// Waits until something holds that another process brings about, and tells whether it came to hold.
///
/// The limit is for what hangs: on a busy machine a process that is well may take a minute to begin.
package func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<12000 {
    if try condition() { return true }
    usleep(10000)
  }
  return try condition()
}
