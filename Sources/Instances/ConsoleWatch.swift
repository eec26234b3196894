// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// What ended the watching of a console.
enum ConsoleWatchEnd {
  /// What was looked for.
  case shown
  /// There was nothing new for so long.
  case silent
  /// The time was over.
  case late
  /// KVM gave up on the guest, which stands still from then on.
  case internalError
  /// Qemu ended, with these last words.
  case ended(ExitStatus, String)
}

/// Runs a qemu whose console is its standard output, and hands each piece of that to `look`, until that finds what it
/// looks for; qemu ends with the watching.
func watchConsole(
  of qemu: Command, silence: Duration? = nil, limit: Duration, _ look: ([UInt8]) throws(Failure) -> Bool
) throws(Failure) -> ConsoleWatchEnd {
  let pipe = try Pipe()
  let messages = try Descriptor(inMemory: "the messages of qemu")
  var qemu = qemu
  qemu.output = .descriptor(pipe.writer.view)
  qemu.error = .descriptor(messages.view)
  let child = try Command.needing("qemu-system-x86") { () throws(Failure) in try qemu.start() }
  let console = pipe.keepingReader()
  let started = ContinuousClock.now
  var last = started
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    if console.isReadable(within: 100) {
      let count = try buffer.withUnsafeMutableBufferPointer { (bytes) throws(Failure) in
        try console.read(into: UnsafeMutableRawBufferPointer(bytes))
      }
      if count == 0 { return .ended(try child.wait(), lastLine(of: try messages.bytes(at: 0, count: 65536))) }
      last = .now
      if try look(Array(buffer[..<count])) { return .shown }
    }
    if try messages.bytes(at: 0, count: 65536).contains(Array("KVM internal error".utf8)) { return .internalError }
    let now = ContinuousClock.now
    if let silence, last.duration(to: now) > silence { return .silent }
    if started.duration(to: now) > limit { return .late }
  }
}

private func lastLine(of bytes: [UInt8]) -> String {
  guard let line = bytes.split(separator: UInt8(ascii: "\n")).last else { return "it said nothing" }
  return Words.printable(String(decoding: line, as: UTF8.self))
}
