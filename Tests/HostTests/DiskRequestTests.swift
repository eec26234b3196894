// SPDX-License-Identifier: Apache-2.0
import Host
import Report
import TestSupport
import Testing

@Suite struct DiskRequestTests {
  @Test(
    arguments: [
      ("10G", 10 << 30), ("512M", 512 << 20), ("512", 512 << 20), ("1.5g", 1536 << 20), ("2T", 2 << 40),
      ("1GiB", 1 << 30), ("4mb", 4 << 20), ("1", 4 << 20), ("5", 8 << 20), ("0.1", 4 << 20), ("1000.5M", 1004 << 20),
    ] as [(String, UInt64)])
  func `a size is read as gnt-instance reads it, up to the next 4 MiB`(_ text: String, _ bytes: UInt64) throws {
    #expect(try DiskRequest(parsing: "/x/disk:\(text)") == DiskRequest(path: "/x/disk", size: bytes))
  }

  @Test(arguments: [
    "", "0", "-1", "G", "10K", "10 G", "1e3", "10GG", "nan", "inf", "1.2.3", "9999999999T", "0x10", "+4",
  ])
  func `what is no size is refused as a wrong command line`(_ text: String) {
    let failure = #expect(throws: Failure.self) { try DiskRequest(parsing: "/x/disk:\(text)") }
    #expect(failure?.code == .usage)
  }

  @Test func `a path that is there is taken as it stands, with its colons`() throws {
    try withScratch { folder in
      let path = try folder.write("", to: "pci-0000:00:1f:2")
      #expect(try DiskRequest(parsing: path) == DiskRequest(path: path, size: nil))
      #expect(try DiskRequest(parsing: path + ":8") == DiskRequest(path: path, size: 8 << 20))
    }
  }
}
