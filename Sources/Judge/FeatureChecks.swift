// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import LinuxIO
internal import Report
internal import Storage

// What a restored guest's boot loader and kernel have to understand: the features of its filesystem.

extension Trial {
  /// Features that a mke2fs turns on and that no file needs: without them the filesystem is one that this machine would
  /// not make.
  private static let usual = ["dir_nlink", "huge_file"]

  /// Restores a guest whose filesystem has other features than one that is made here, and compares them.
  func judgeFeatures(_ needed: Made<(ReadableGuest, ExportedGuest)>) {
    judge(.features, with: needed) { needed throws(Failure) in
      let (disk, content) = (needed.0.disk, needed.0.content)
      let (guest, swap) = (try disk.copy(to: "\(folder)/of-another-time.img"), try newSwap("of-another-time-swap"))
      try guest.turnOff(Self.usual, of: content)
      let before = try guest.features(of: content)
      let (exported, dump) = try export(guest, swap, to: "of-another-time-dump")
      defer { unlink(dump) }
      guard exported.isSuccess else {
        return .notApplicable("such a guest cannot be exported: \(exported.words)", exported.evidence)
      }
      let target = try newDisk("of-another-time-target", size: disk.size)
      let ending = try restore(dump, target, swap)
      guard ending.isSuccess else {
        return .notApplicable("such a guest is not restored: \(ending.words)", ending.evidence)
      }
      guard let found = try target.filesystem(), found.isExt else {
        return .fail("there is no filesystem of type \(content.type) on the restored disk")
      }
      let after = try target.features(of: found)
      let evidence = [("before", before), ("after", after)].map { "\($0): \($1.sorted().joined(separator: " "))" }
      let (lost, added) = (before.subtracting(after).sorted(), after.subtracting(before).sorted())
      let words = [("lost", lost), ("gained", added)].filter { !$0.1.isEmpty }
        .map { "\($0) \($1.joined(separator: ", "))" }
      return .require(
        words.isEmpty, "the restored filesystem has \(words.joined(separator: " and "))", evidence)
    }
  }
}

extension ScratchDisk {
  /// The features of an ext filesystem, by the names of ext4(5).
  fileprivate func features(of content: DiskContent) throws(Failure) -> Set<String> {
    let output = try run("dumpe2fs", ["-h"], content)
    let line = String(decoding: output, as: UTF8.self).split(separator: "\n").first {
      $0.hasPrefix("Filesystem features:")
    }
    let names = line?.dropFirst("Filesystem features:".count).split(separator: " ").map(String.init) ?? []
    // These two come and go while it is in use.
    return Set(names).subtracting(["needs_recovery", "orphan_present"])
  }

  fileprivate func turnOff(_ features: [String], of content: DiskContent) throws(Failure) {
    _ = try run("debugfs", ["-w", "-R", "feature " + features.map { "-" + $0 }.joined(separator: " ")], content)
  }
}
