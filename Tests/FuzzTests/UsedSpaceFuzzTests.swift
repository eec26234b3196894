// SPDX-License-Identifier: Apache-2.0
import Filesystems
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// What filesystems say of what they use, changed where the reader looks: it only reads, so that this is done in memory.
@Suite("Filesystems whose records were made to hurt") struct UsedSpaceFuzzTests {
  @Test(
    "What is believed lies inside, and ascends",
    arguments: [
      ("xfs", 300, "mkfs.xfs -q"), ("btrfs", 128, "mkfs.btrfs -q"), ("vfat", 4, "mkfs.vfat -F 12"),
      ("vfat", 16, "mkfs.vfat -F 16"), ("vfat", 64, "mkfs.vfat -F 32 -s 1"),
    ] as [(String, UInt64, String)])
  func records(type: String, mebibytes: UInt64, make: String) throws {
    try withScratch { scratch in
      let size = mebibytes << 20
      let disk = try Descriptor(makeSparseFile(scratch("disk"), size: size), O_RDONLY)
      try shell("\(make) '\(scratch("disk"))' >/dev/null 2>&1")
      let file = disk.view
      /// What is read of it, which is where a change counts.
      var places: [ByteRange] = []
      let whole = UsedSpace(of: type, size: size) { range throws(Failure) in
        places.append(range)
        return try file.bytes(at: range.offset, count: Int(range.length))
      }
      #expect(whole?.ranges.isEmpty == false)
      let found = FileSearch.has("/etc/file", in: type, size: size) { range throws(Failure) in
        places.append(range)
        return try file.bytes(at: range.offset, count: Int(range.length))
      }
      #expect(found == (type == "vfat" ? nil : false))
      // The log of XFS is read in pieces of a MiB.
      places = places.filter { $0.length < 1 << 20 }
      Extent(cases: 300).each { _, noise in
        var changes: [(place: UInt64, value: [UInt8])] = []
        for _ in 0..<noise.one(of: [1, 1, 2, 4]) {
          let place = noise.one(of: places)
          let value = noise.value()
          let width = noise.one(of: [1, 2, 4, 8])
          let reach = min(Int(place.length), noise.one(of: [128, 1024, 65536]))
          let bytes = (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
          changes.append(
            (
              place.offset + UInt64(noise.number(0...max(0, reach - width))),
              noise.chance(50) ? bytes : bytes.reversed()
            ))
        }
        let read: UsedSpace.Reading = { range throws(Failure) in
          var bytes = try file.bytes(at: range.offset, count: Int(range.length))
          for change in changes {
            for (index, byte) in change.value.enumerated() {
              let place = change.place + UInt64(index)
              if place >= range.offset, place < range.offset + UInt64(bytes.count) {
                bytes[Int(place - range.offset)] = byte
              }
            }
          }
          return bytes
        }
        // Whatever it says, it comes to an end.
        _ = FileSearch.has("/etc/file", in: type, size: size, read)
        guard let ranges = UsedSpace(of: type, size: size, read)?.ranges else { return }
        #expect(ranges.allSatisfy { $0.length > 0 && $0.end <= size })
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.end < $1.offset })
      }
    }
  }
}
