// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// All that a program wrote to a disk, which is an image file, in the order in which it did: with it a disk is taken from one
/// moment of the work to the next, as a kill at that moment leaves it.
struct RecordedWrites {
  private enum Change {
    case write(UInt64, [UInt8])
    case clear(ByteRange)
  }

  private let changes: [Change]
  /// What the program said, and how it ended.
  let outcome: Outcome

  /// Of the lines of strace(1), those by which a file changes: how much is written, where, and what.
  private static let reader = """
    import re, struct, sys
    call = re.compile(rb'(\\d+) +(?:(pwrite64|fallocate)\\(\\d+, (.*?)(?:\\) += (-?\\d+).*)?|<\\.\\.\\. fallocate resumed.* += (-?\\d+).*)')
    begun = {}
    for line in open(sys.argv[1], 'rb'):
        found = call.fullmatch(line.rstrip())
        if b'<... pwrite64 resumed' in line: continue
        # A thread that ended with its program before it was told what it called.
        if re.match(rb'\\d+ +\\?\\?\\?\\(', line): continue
        if not found: sys.exit('not known: %r' % line[:200])
        pid, name, rest, status, resumed = found.groups()
        if name == b'pwrite64':
            text, count, place = rest.replace(b' <unfinished ...>', b'').rstrip(b')').rsplit(b', ', 2)
            data = bytes.fromhex(text.strip(b'"').replace(b'\\\\x', b'').decode())
            assert len(data) == int(count), line[:200]
            sys.stdout.buffer.write(struct.pack('<QQ', int(place), len(data)) + data)
            continue
        if name and status is None:
            begun[pid] = rest
            continue
        rest, status = (rest, status) if name else (begun.pop(pid), resumed)
        if int(status) < 0: continue
        mode, place, count = rest.replace(b' <unfinished ...>', b'').rstrip(b')').rsplit(b', ', 2)
        assert b'PUNCH_HOLE' in mode or b'ZERO_RANGE' in mode, mode
        sys.stdout.buffer.write(struct.pack('<QQ', int(place) | 1 << 63, int(count)))
    """

  /// - Parameter line: of shell.
  init(to disk: String, by line: String, in scratch: Scratch) throws {
    let log = scratch("writes")
    outcome = try bash(
      "strace -f -qq -xx -s 33554432 -o '\(log)' -P '\(disk)' -e trace=pwrite64,fallocate -e signal=none /bin/bash "
        + "\(scratch.write(line, to: "line"))")
    try scratch.write(Self.reader, to: "reader.py")
    try shell("python3 '\(scratch("reader.py"))' '\(log)' >'\(log).bytes' && rm '\(log)'")
    let bytes = try readFile("\(log).bytes")
    var changes: [Change] = []
    var place = 0
    func next() -> UInt64 {
      place += 8
      return bytes[(place - 8)..<place].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    while place < bytes.count {
      let (offset, count) = (next(), next())
      if offset >> 63 == 1 {
        changes.append(.clear(ByteRange(offset: offset & ~(1 << 63), length: count)))
      } else {
        changes.append(.write(offset, Array(bytes[place..<(place + Int(count))])))
        place += Int(count)
      }
    }
    self.changes = changes
  }

  var count: Int { changes.count }

  /// Whether a change is where firmware and kernels look for what is on a disk of `size` bytes.
  func isAtAnEnd(_ index: Int, of size: UInt64) -> Bool {
    let range =
      switch changes[index] {
      case .write(let offset, let bytes): ByteRange(offset: offset, length: UInt64(bytes.count))
      case .clear(let range): range
      }
    return range.offset < 4 << 20 || range.end > size - (4 << 20)
  }

  /// Makes one change to a disk.
  func apply(_ index: Int, to disk: String) throws {
    let file = try Descriptor(disk, O_RDWR)
    switch changes[index] {
    case .write(let offset, let bytes): try file.writeAll(bytes, at: offset)
    case .clear(let range): try #require(file.punch(range) == 0)
    }
    try file.close()
  }
}
