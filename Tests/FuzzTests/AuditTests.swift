// SPDX-License-Identifier: Apache-2.0
import Ext4
import Glibc
import LinuxIO
import Report
import Storage
import TestSupport
import Testing

/// Before a filesystem gets its superblock it is looked at by guestsmith itself: what passes that passes e2fsck, and what does
/// not, does not.
@Suite("The audit of a filesystem", .serialized) struct AuditTests {
  /// What is in the journal is not looked at: no filesystem is changed that needs it. Nor are the fields of the superblock.
  private static let mutations = ExtMutation.allCases.filter { ![.journal, .superblock].contains($0) }

  @Test("agrees with e2fsck, whatever is wrong", arguments: ExtFuzzTests.forms)
  func agreement(form: String) throws {
    try withScratch { scratch in
      let base = ExtImage(try ExtFuzzTests.make(form, in: scratch))
      let disk = try makeSparseFile(scratch("disk"), size: UInt64(base.bytes.count))
      let file = try Descriptor(disk, O_RDWR)
      try base.bytes.withUnsafeBytes { try file.writeAll($0, at: 0) }
      #expect(fault(on: disk) == nil)
      let extent = Extent(cases: 25)
      let kind = "audit-\(ExtFuzzTests.forms.firstIndex(of: form) ?? 0)"
      var sound = 0
      var last = base.bytes
      try extent.each { index, noise in
        var image = base
        let mutation = Self.mutations[index % Self.mutations.count]
        mutation.apply(to: &image, &noise)
        guard image.bytes[1024..<2048] == base.bytes[1024..<2048] else { return }
        try write(image.bytes, over: &last, to: file)
        let own = fault(on: disk)
        var check = Command("/sbin/e2fsck", ["-fn", disk])
        check.limits = .disk(of: UInt64(image.bytes.count))
        // It has no end for some.
        check.limits?.processor = 2
        check.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]
        let (status, said) = try check.capture(limit: 4096)
        // What it would correct by itself leaves its status 0.
        let words = String(decoding: said, as: UTF8.self)
        let isSound = status.isSuccess && !words.contains("? no")
        if isSound { sound += 1 }
        guard isSound != (own == nil) else { return }
        let difference = "the audit says \(own ?? "nothing"), and e2fsck \(status): \(words.suffix(500))"
        try record("\(mutation): \(difference)", kind, seed: extent.seed, index: index, input: image.bytes)
      }
      #expect(sound > 2, "of some changes nothing comes")
    }
  }

  /// What the audit finds.
  private func fault(on disk: String) -> String? {
    do throws(Failure) {
      try Filesystem(opening: Region(of: Descriptor(disk, O_RDWR)), writable: true).auditAll()
      return nil
    } catch {
      return error.message
    }
  }

  /// Only what differs from what is there.
  private func write(_ bytes: [UInt8], over last: inout [UInt8], to file: borrowing Descriptor) throws {
    for start in stride(from: 0, to: bytes.count, by: 4096) {
      let range = start..<min(start + 4096, bytes.count)
      if bytes[range] != last[range] { try bytes[range].withUnsafeBytes { try file.writeAll($0, at: UInt64(start)) } }
    }
    last = bytes
  }
}
