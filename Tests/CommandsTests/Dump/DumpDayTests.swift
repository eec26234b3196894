// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("Dumps of one guest on two days")
struct DumpDayTests {
  /// What is stored of each frame, without those of the manifest and the trailer.
  private func frames(_ path: String) throws -> [[UInt8]] {
    let dump = try readFile(path)
    func number(_ place: Int) -> Int { dump[place..<place + 4].reversed().reduce(0) { $0 << 8 | Int($1) } }
    let count = number(dump.count - 9)
    var (start, frames) = (0, [[UInt8]]())
    for entry in 0..<count - 1 {
      let length = number(dump.count - 9 - 8 * (count - entry))
      frames.append(Array(dump[start..<start + length]))
      start += length
    }
    return frames.dropFirst().dropLast()
  }

  @Test("have the same frames but of the windows in which the filesystem has changed, of 256 KiB each")
  func sameFrames() throws {
    try withScratch { scratch in
      let files = (0..<40).map { file in
        ("/srv/file\(file)", (0..<300_000).map { UInt8(truncatingIfNeeded: ($0 ^ file &* 977) &* 31 >> 3) })
      }
      let guest = try SmallGuest(in: scratch, bytes: Dictionary(uniqueKeysWithValues: files))
      // What is a hole of the file is not held, and may not stay one when the file is read.
      try shell("cp --sparse=never '\(guest.disk)' '\(scratch("whole"))'; mv '\(scratch("whole"))' '\(guest.disk)'")
      func export(_ name: String) throws -> [[UInt8]] {
        let outcome = try bash(
          "'\(guest.definition.folder)/export' -i vm1.example.com -b '\(guest.disk)' >'\(scratch(name))'")
        #expect(outcome.status == 0, "\(outcome)")
        return try frames(scratch(name))
      }
      let before = try export("before.dump")
      let disk = try readFile(guest.disk)
      try scratch.write([UInt8](repeating: 7, count: 9000), to: "new")
      try shell("debugfs -w -R 'write \(scratch("new")) /etc/new' '\(guest.disk)' 2>/dev/null")
      #expect(try problems(of: guest.disk) == nil)
      let after = try export("after.dump")
      let changed = try readFile(guest.disk)
      let windows = stride(from: 0, to: disk.count, by: 256 << 10).count { start in
        disk[start..<start + (256 << 10)] != changed[start..<start + (256 << 10)]
      }
      let old = Set(before)
      // One more is that of the sparse map.
      let fresh = after.count { !old.contains($0) }
      #expect(before.count > 40 && windows > 0, "\(before.count) frames, \(windows) windows")
      #expect(fresh > 1 && fresh <= windows + 1, "\(fresh) of \(after.count) frames are new, of \(windows) windows")
    }
  }
}
