// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
internal import Host
internal import LinuxIO
internal import Report
internal import Storage

// What a restored guest boots by: files that name the filesystem by its UUID, and that a tiny guest does not have.

extension Trial {
  /// Files that guests boot by, with a line of the sort that they hold.
  private static let bootFiles: [(path: ByteString, before: String, after: String)] = [
    ("/boot/grub/grub.cfg", "linux /boot/vmlinuz root=UUID=", " ro\n"),
    ("/boot/grub/custom.cfg", "search --no-floppy --fs-uuid --set=root ", "\n"),
    ("/boot/extlinux/extlinux.conf", "APPEND root=UUID=", " ro\n"),
    ("/boot/loader/entries/judged.conf", "options root=UUID=", " ro\n"),
    ("/etc/kernel/cmdline", "root=UUID=", " ro\n"),
  ]

  /// Restores a guest with such files under its own name and under another, and looks for the UUID that its filesystem
  /// had.
  func judgeBootFiles(_ needed: Made<(ReadableGuest, ExportedGuest)>) {
    judge(.bootFiles, with: needed) { needed throws(Failure) in
      let (disk, content) = (needed.0.disk, needed.0.content)
      guard let uuid = content.uuid else { return .notApplicable("the filesystem has no UUID") }
      let (guest, swap) = (try disk.copy(to: "\(folder)/booting.img"), try newSwap("booting-swap"))
      try guest.withFilesystem(content, writable: true) { filesystem throws(Failure) in
        for file in Self.bootFiles where try filesystem.find(file.path) == nil {
          try filesystem.write(file.path, Array("\(file.before)\(uuid)\(file.after)".utf8))
        }
      }
      let (exported, dump) = try export(guest, swap, to: "booting-dump")
      defer { unlink(dump) }
      guard exported.isSuccess else {
        return .notApplicable("such a guest cannot be exported: \(exported.words)", exported.evidence)
      }
      var evidence: [String] = []
      for name in [oldName, newName] {
        let target = try newDisk("booting-target", size: disk.size)
        let ending = try restore(dump, target, swap, named: name)
        guard ending.isSuccess else {
          return .notApplicable(
            "such a guest is not restored as \(name): \(ending.words)", evidence + ending.evidence)
        }
        let left = try left(of: uuid, on: target)
        evidence.append("as \(name): \(left.words)")
        if let path = left.paths.first {
          return .fail("restored as \(name) the filesystem has another UUID, and \(path) names the old one", evidence)
        }
      }
      return .pass(evidence)
    }
  }

  /// The files that name a UUID that the filesystem of the guest does not have any more.
  private func left(of uuid: String, on disk: ScratchDisk) throws(Failure) -> (paths: [ByteString], words: String) {
    guard let found = try disk.filesystem(), found.isExt else { return ([], "no ext filesystem was found") }
    guard found.uuid?.lowercased() != uuid.lowercased() else { return ([], "the filesystem has the UUID that it had") }
    var paths: [ByteString] = []
    for file in Self.bootFiles {
      let text = try disk.text(file.path, in: found) ?? ""
      if text.lowercased().contains(uuid.lowercased()) { paths.append(file.path) }
    }
    let named = paths.isEmpty ? "no file" : paths.map(\.description).joined(separator: ", ")
    return (paths, "the filesystem has another UUID, and the old one is named in \(named)")
  }
}
