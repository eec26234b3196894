// SPDX-License-Identifier: Apache-2.0
internal import Host
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage

// What rename changes.

extension Trial {
  /// After all that needs the guest under its first name.
  func judgeRename(_ created: Made<CreatedGuest>, _ readable: Made<ReadableGuest>) {
    // As it is now, in front of the rename.
    let renamed = stage(.rename, with: created) { guest throws(Failure) in
      let content = try guest.disk.filesystem()
      let ending = try call(.rename(from: oldName), instance([guest.disk, guest.swap], named: newName))
      guard ending.isSuccess else { return (.fail(ending.words, ending.evidence), DiskContent??.none) }
      return (.pass([ending.words]), .some(content))
    }
    let known = renamed.flatMap { content -> Made<DiskContent> in
      content.map { .made($0) } ?? .missing(because: "no known filesystem is on the disk")
    }
    let changed = stage(.renamedOnly, with: readable.and(known)) { needed throws(Failure) in
      let (guest, content) = needed
      if let problems = try guest.disk.problems(of: content) {
        return (.clean(problems, []), [DiskFiles.Difference]?.none)
      }
      let differences = try DiskFiles(of: guest.disk, content).differences(from: guest.files)
      return (try onlyNamed(differences, guest.disk, content), differences)
    }
    judge(.renamedTo, with: readable.and(known).and(changed)) { needed throws(Failure) in
      let ((guest, content), differences) = needed
      guard !differences.isEmpty else {
        return .notApplicable("rename does nothing, which the manual allows: the guest keeps its old name")
      }
      guard let hostname = try guest.disk.text("/etc/hostname", in: content)?.trimmed else {
        return .notApplicable("the guest has no /etc/hostname")
      }
      let names = [newName.text, String(newName.text.prefix { $0 != "." })]
      return .require(
        names.contains(hostname), "the guest's /etc/hostname is \(hostname.quoted) after the rename",
        ["/etc/hostname: \(hostname.escaped)"])
    }
  }

  /// Only files that hold the name may differ, and the folders that they are in; the filesystem stays the same.
  private func onlyNamed(
    _ differences: [DiskFiles.Difference], _ disk: ScratchDisk, _ content: DiskContent
  ) throws(Failure) -> CheckResult {
    let names = [oldName, newName].map { String($0.text.prefix { $0 != "." }) }
    var bad: [String] = []
    var good: [String] = []
    for difference in differences {
      let text = try disk.text("/\(difference.path)", in: content) ?? ""
      let isNamed = difference.isOfContent && (isIdentity(difference.path) || names.contains { text.contains($0) })
      let line = "\(difference.path): \(difference.words)"
      if isNamed { good.append(line) } else { bad.append(line) }
    }
    let found = try disk.filesystem()
    if found?.uuid != content.uuid {
      bad.append("the filesystem has the UUID \(found?.uuid ?? "none"), not \(content.uuid ?? "none")")
    }
    if found?.label != content.label {
      bad.append("the filesystem has the label \(found?.label ?? "none"), not \(content.label ?? "none")")
    }
    return .require(bad.isEmpty, bad.first ?? "", Array((bad + good).prefix(50)))
  }
}
