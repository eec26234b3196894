// SPDX-License-Identifier: Apache-2.0
import TestSupport

/// A small guest, and lines of shell that end in the `exec` of a command on it.
struct ConfinedBench {
  let scratch: Scratch
  let guest: SmallGuest
  var scripts: String { guest.definition.folder }
  var swap: String { scratch("swap") }
  var dump: String { scratch("dump") }
  /// Pipes.
  var input: String { scratch("in") }
  var output: String { scratch("out") }

  init(_ scratch: Scratch) throws {
    self.scratch = scratch
    // More than a pipe holds, and not to be compressed; a file for each name takes the extraction its time.
    let noise = try shell("head -c 400000 /dev/urandom | base64 -w 0")
    let small = (0..<500).map { ("/srv/small/\($0)", "\($0)\n") }
    guest = try SmallGuest(in: scratch, files: Dictionary(small + [("/srv/noise", noise)]) { $1 })
    try shell("mkfifo '\(output)'")
    try makeSparseFile(swap, size: 1 << 20)
    try shell("'\(scripts)/export' -i vm1.example.com -b '\(guest.disk)' >'\(dump)' 2>/dev/null")
  }

  /// A line that imports the beginning of what a shell command writes, and waits for the rest of it.
  func importing(_ command: String, to disk: String) -> String {
    "cd /; rm -f '\(input)'; mkfifo '\(input)'; { { \(command); } | head -c 300000; exec sleep 1000; } >'\(input)' & "
      + "exec '\(scripts)/import' -i vm2 -b '\(disk)' -s '\(swap)' <'\(input)'"
  }

  /// A line that exports to a pipe that nobody reads.
  func export(_ disk: String) -> String {
    "cd /; exec '\(scripts)/export' -i vm1.example.com -b '\(disk)' 1<>'\(output)'"
  }

  func target(_ size: UInt64 = 64 << 20) throws -> String { try makeSparseFile(scratch("target"), size: size) }

  func rename(_ disk: String) -> String {
    "cd /; exec '\(scripts)/rename' -o vm1.example.com -n vm2.example.com -b '\(disk)' -s '\(swap)'"
  }

  static func with(_ body: (ConfinedBench) throws -> Void) throws {
    try withScratch { try body(ConfinedBench($0)) }
  }
}
