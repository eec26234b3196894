// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@Suite("What os-release says of a system")
struct OSReleaseTests {
  @Test("A value is read without its quotes, of the last line that has its key")
  func values() {
    let release = OSRelease(
      "# ID=no\nNAME=\"A \\\"B\\\"\"\n\nID='debian'\nVERSION_ID=\"12\"\nVERSION_ID=13\nlost\nEMPTY=\"\"\nA=b=c")
    #expect(
      ["NAME", "ID", "VERSION_ID", "A"].map { release[$0] } == ["A B", "debian", "13", "b=c"])
    #expect(["EMPTY", "lost", "# ID", "no"].allSatisfy { release[$0] == nil })
    #expect(OSRelease([0xFF, 0x0A, 0x49, 0x44, 0x3D, 0x61])["ID"] == "a")
  }
}
