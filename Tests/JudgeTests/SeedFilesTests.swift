// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Judge

@Suite("What cloud-init is told beside the guest's own filesystem")
struct SeedFilesTests {
  private static let size: UInt64 = 8 << 20

  @Test("It is read from a partition, and from a disk that is all seed", arguments: [nil, 1 << 20] as [Int?])
  func read(offset: Int?) throws {
    try withScratch { scratch in
      let disk = try ScratchDisk(scratch("disk"), size: Self.size, isDevice: false)
      if let offset {
        try shell("echo 'start=\(offset >> 10)KiB, size=4MiB' | sfdisk --quiet --label gpt '\(disk.path)'")
      }
      try scratch.write("instance-id: one\nlocal-hostname: vm1\n", to: "meta-data")
      try shell(
        """
        mkfs.fat -n CIDATA --offset \((offset ?? 0) >> 9) '\(disk.path)' 4096 >&2
        mcopy -i '\(disk.path)@@\(offset ?? 0)' '\(scratch("meta-data"))' ::meta-data
        """)
      let texts = try SeedFiles(of: disk).texts
      #expect(texts == ["/meta-data": "instance-id: one\nlocal-hostname: vm1\n"])
    }
  }

  @Test("A disk without one has none")
  func none() throws {
    try withScratch { scratch in
      let disk = try ScratchDisk(scratch("disk"), size: Self.size, isDevice: false)
      #expect(try SeedFiles(of: disk).texts.isEmpty)
      try shell("mkfs.fat -n UEFI '\(disk.path)' >&2")
      #expect(try SeedFiles(of: disk).texts.isEmpty)
    }
  }

  @Test(
    "The instance ID is found in YAML and in JSON",
    arguments: [
      ("instance-id: i-1\nlocal-hostname: a\n", "i-1"), ("instance-id: \"i 1\" # ours", "i 1"),
      ("# the instance-id is made per guest\ninstance-id: b\r\nlocal-hostname: a\r\n", "b"),
      ("instance-ids: c\n\"instance-id\": 'd' \n", "d"), ("{\"instance-id\":\"e\"}\n\n", "e"),
      ("{\"local-hostname\":\"a\",\"instance-id\":\"i-1\"}", "i-1"), ("instance-id:\n", nil),
      ("local-hostname: a", nil),
    ] as [(String, String?)])
  func instanceID(text: String, value: String?) {
    #expect(SeedFiles.instanceID(in: text) == value)
  }
}
