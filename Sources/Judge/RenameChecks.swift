// SPDX-License-Identifier: Apache-2.0
internal import Host
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage

// What rename changes.

extension Trial {
  /// After all that needs the guest under its first name.
  func judgeRename() {
    guard let disk, let swap else { return }
    var known: DiskContent?
    judge(.rename) {
      known = try disk.filesystem()
      let ending = try call(.rename(from: oldName), instance([disk, swap], named: newName))
      guard ending.isSuccess else {
        skip([.renamedTo, .renamedOnly], "rename failed")
        return (.fail(ending.words), ending.evidence)
      }
      return (.pass, [ending.words])
    }
    guard told(.rename) == .pass, let content = known, let before = tree else {
      return skip([.renamedTo, .renamedOnly], "the files of the guest are not known")
    }
    judge(.renamedTo) {
      let after = try DiskFiles(of: disk, content)
      let differences = after.differences(from: before)
      judgeRenamedOnly(disk, content, differences)
      guard !differences.isEmpty else {
        return (.notApplicable("rename does nothing, which the manual allows: the guest keeps its old name"), [])
      }
      let hostname = try disk.text("/etc/hostname", in: content)?.trimmed
      let names = [newName.text, String(newName.text.prefix { $0 != "." })]
      guard let hostname else { return (.notApplicable("the guest has no /etc/hostname"), []) }
      return (
        names.contains(hostname) ? .pass : .fail("the guest's /etc/hostname is \(hostname.quoted) after the rename"),
        ["/etc/hostname: \(hostname.escaped)"]
      )
    }
  }

  /// Only files that hold the name may be others, and the folders in which they lie.
  private func judgeRenamedOnly(
    _ disk: ScratchDisk, _ content: DiskContent, _ differences: [DiskFiles.Difference]
  ) {
    judge(.renamedOnly) {
      let names = [oldName, newName].map { String($0.text.prefix { $0 != "." }) }
      let problems = try disk.problems(of: content)
      var bad: [String] = []
      var good: [String] = []
      for difference in differences {
        let text = try disk.text("/\(difference.path)", in: content) ?? ""
        let isNamed =
          difference.isOfContent && (isIdentity(difference.path) || names.contains { text.contains($0) })
        let line = "\(difference.path): \(difference.words)"
        if isNamed { good.append(line) } else { bad.append(line) }
      }
      if let problems { return (.fail(problems.first ?? ""), problems) }
      let (uuid, label) = (try disk.filesystem()?.uuid, try disk.filesystem()?.label)
      if uuid != content.uuid {
        bad.append("the filesystem has the UUID \(uuid ?? "none"), not \(content.uuid ?? "none")")
      }
      if label != content.label {
        bad.append("the filesystem has the label \(label ?? "none"), not \(content.label ?? "none")")
      }
      return (bad.first.map { .fail($0) } ?? .pass, Array((bad + good).prefix(50)))
    }
  }
}
