// SPDX-License-Identifier: Apache-2.0
import Digest
import Report
import Testing

@testable import Dump

@Suite("The manifest of a dump")
struct ManifestTests {
  @Test("reads back as it is written")
  func roundTrip() throws {
    var manifest = try RoundTripTests.disks[6].manifest
    manifest.variant = nil
    manifest.instance = "quote \" backslash \\ newline \n bell \u{7} delete \u{7F} snowman \u{2603} face \u{1F600}"
    manifest.filesystems.append(.init(offset: 1 << 20, type: "swap", uuid: nil, label: "täglich"))
    #expect(try Manifest(json: Array(manifest.json.utf8)) == manifest)
  }

  /// The disk of the documentation's examples.
  private let golden = Disk("golden", size: 1 << 20, extents: [ByteRange(offset: 0, length: 4096)]) { _ in 1 }

  @Test("and all of the plain dump are those that the documentation shows")
  func documented() throws {
    let dump = try golden.dump(.none)
    #expect(dump.count == 9216)
    #expect(SHA256.hex(of: dump) == "b52fa360850d44927b28ff37ce1200912736f97051d27dc36c180cc140cf7a7e")
    #expect(
      String(decoding: dump[(dump.count - 1536)...].prefix { $0 != 0 }, as: UTF8.self) == """
        {
          "bytes": 7168,
          "sha256": "1ab7cba2cf60649e84a94670a684602baf1634309e9fe50f3c6ae725ac1d0b3e"
        }

        """)
    #expect(
      try golden.manifest.json == """
        {
          "format": "guestsmith-dump",
          "version": 2,
          "program": "guestsmith 0.0",
          "created": 1700000000,
          "instance": "web1.example.org",
          "os": "debian",
          "variant": "bookworm",
          "disk": {
            "size": 1048576,
            "used": 4096,
            "extents": 1,
            "selection": "used-blocks",
            "map": 19,
            "frame": 262144,
            "frames": 1
          },
          "filesystems": [
            {
              "offset": 0,
              "type": "ext4",
              "uuid": "6f3a2a2e-2f25-4d5c-9c3a-000000000001",
              "label": null
            }
          ]
        }

        """)
  }

  @Test("with names of a later program is read, one of a later version is refused")
  func later() throws {
    let text = try RoundTripTests.disks[6].manifest.json
    let more = text.replacing("\"version\": 2,", with: "\"version\": 2, \"mood\": [true, {\"x\": null}],")
    #expect(try Manifest(json: Array(more.utf8)) == RoundTripTests.disks[6].manifest)
    let later = text.replacing("\"version\": 2,", with: "\"version\": 3,")
    let failure = #expect(throws: Failure.self) { try Manifest(json: Array(later.utf8)) }
    #expect(failure?.message == "the dump has version 3 of the format, this program reads versions 1 to 2")
  }

  @Test(
    "is refused when a value is missing or out of range",
    arguments: [
      ("\"os\": \"debian\"", "\"os\": 7"), ("\"size\": 9437184", "\"size\": 0"),
      ("\"size\": 9437184", "\"size\": 1152921504606846977"), ("\"frame\": 262144", "\"frame\": 262145"),
      ("\"frame\": 262144", "\"frame\": 131072"), ("\"frame\": 262144", "\"frame\": 16777216"),
      ("\"frames\": ", "\"frames\": 9999999999"), ("\"frames\"", "\"f\""),
      ("\"used-blocks\"", "\"some\""), ("\"uuid\": \"6f3a", "\"u\": \"6f3a"), ("\"filesystems\": [", "\"f\": ["),
      ("guestsmith-dump", "tar"), ("\"version\": 2,", ""), ("\"created\": 1700000000", "\"created\": 8589934592"),
    ])
  func refused(_ old: String, _ new: String) throws {
    let text = try RoundTripTests.disks[6].manifest.json
    #expect(text.contains(old))
    let failure = #expect(throws: Failure.self) { try Manifest(json: Array(text.replacing(old, with: new).utf8)) }
    #expect(failure?.code == .dump)
  }

  @Test("that is too long for its place cannot be written")
  func long() throws {
    let disk = DamageTests.small
    var manifest = try disk.manifest
    manifest.instance = String(repeating: "x", count: 40000)
    #expect(throws: Failure.self) { try DumpWriter(manifest, try disk.map, compression: .none, workers: 1) }
  }

  @Test("Frames of version 1 grow with what a disk uses")
  func frameSize() {
    #expect(Manifest.frameSize(used: 0) == 2 << 20)
    #expect(Manifest.frameSize(used: 4 << 40) == 2 << 20)
    #expect(Manifest.frameSize(used: 5 << 40) == 4 << 20)
    #expect(Manifest.frameSize(used: 1 << 60) == 8 << 20)
  }
}
