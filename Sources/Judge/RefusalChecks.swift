// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import LinuxIO
internal import Report

// Disks on which no guest can be.

extension Trial {
  func judgeRefusals(_ created: Made<CreatedGuest>, _ importable: Made<ExportedGuest>) {
    let written = created.flatMap(\.written)
    judge(.smallDisk, with: written) { _ throws(Failure) in
      let (small, swap) = (try newDisk("small", size: 4 << 20), try newSwap("small-swap"))
      return try refusal(of: small, swap, "a disk of 4 MiB")
    }
    judge(.missingDisk, with: written) { _ throws(Failure) in
      let (gone, swap) = (try newDisk("gone"), try newSwap("gone-swap"))
      var instance = instance([gone, swap])
      instance.disks[0].path = "\(folder)/no-such-disk"
      let ending = try call(.create(isReinstall: false), instance)
      if examine(instance.disks[0].path, itself: true).error == 0 {
        unlink(instance.disks[0].path)
        return .fail("create made a file in place of the missing disk", ending.evidence)
      }
      return .require(ending.isRefusal, "given a disk that is not there \(ending.words)", ending.evidence)
    }
    judge(.readOnlyDisk, with: written) { _ throws(Failure) in
      // A device: root writes to a file whatever its mode says.
      let (sealed, swap) = (try newDisk("sealed", readOnly: true), try newSwap("sealed-swap"))
      return try refusal(of: sealed, swap, "a disk that is read-only")
    }
    judge(.smallImport, with: written.and(importable)) { needed throws(Failure) in
      let (exported, dump) = try export(needed.0.disk, try newSwap("fit-swap"), to: "fit-dump")
      defer { unlink(dump) }
      guard exported.isSuccess else { return .notApplicable("export failed", exported.evidence) }
      let (small, swap) = (try newDisk("small", size: 4 << 20), try newSwap("small-swap"))
      let ending = try restore(dump, small, swap)
      return .require(ending.isRefusal, "given a disk of 4 MiB \(ending.words)", ending.evidence)
    }
  }

  private func refusal(
    of disk: ScratchDisk, _ swap: ScratchDisk, _ what: String
  ) throws(Failure) -> CheckResult {
    let ending = try call(.create(isReinstall: false), instance([disk, swap]))
    return .require(ending.isRefusal, "given \(what) \(ending.words)", ending.evidence)
  }
}
