// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage

// A guest whose administrator attacks the host: its links lead to a bait among the host's files.

extension Trial {
  /// The files of a guest that scripts use to write to.
  private static let targets = [
    "hostname", "hosts", "fstab", "mailname", "resolv.conf", "machine-id", "network/interfaces", "shadow", "passwd",
    "ssh/sshd_config",
  ]

  func judgeHostility(_ readable: Made<ReadableGuest>, _ exported: Made<ExportedGuest>) {
    judge(.hostileRename, with: readable) { readable throws(Failure) in
      var evidence: [String] = []
      for way in [Way.files, .folder] {
        let (guest, swap, bait) = try hostileGuest(readable, way, "rename-\(way.rawValue)")
        // It may fail, and may be right to.
        let ending = try call(.rename(from: oldName), instance([guest, swap], named: newName))
        evidence.append("with \(way.words) \(ending.words)")
        let changes = bait.changes()
        if !changes.isEmpty {
          return .fail("rename followed links of the guest to the host: \(changes[0])", evidence + changes)
        }
      }
      return .pass(evidence)
    }
    judge(.hostileImport, with: readable.and(exported)) { needed throws(Failure) in
      let (guest, swap, bait) = try hostileGuest(needed.0, .files, "import")
      let (exported, dump) = try export(guest, swap, to: "hostile-dump")
      defer { unlink(dump) }
      var changes = bait.changes()
      if !changes.isEmpty {
        return .fail("export followed links of the guest to the host: \(changes[0])", changes)
      }
      guard exported.isSuccess else {
        return .notApplicable("such a guest cannot be exported: \(exported.words)", exported.evidence)
      }
      let target = try newDisk("hostile-target", size: guest.size)
      let ending = try restore(dump, target, swap)
      changes = bait.changes()
      return changes.isEmpty
        ? .pass([ending.words])
        : .fail("import followed links of the guest to the host: \(changes[0])", [ending.words] + changes)
    }
    judge(.hostileCreate, with: readable) { readable throws(Failure) in
      let (guest, swap, bait) = try hostileGuest(readable, .files, "create")
      let ending = try call(
        .create(isReinstall: version >= InterfaceVersion.firstWithVariants), instance([guest, swap]))
      let changes = bait.changes()
      return changes.isEmpty
        ? .pass([ending.words])
        : .fail("create followed links of the last guest to the host: \(changes[0])", [ending.words] + changes)
    }
  }

  /// A copy of the guest with links to a bait.
  private func hostileGuest(
    _ readable: ReadableGuest, _ way: Way, _ name: String
  ) throws(Failure) -> (ScratchDisk, ScratchDisk, Bait) {
    let bait = try Bait(in: "\(folder)/bait-\(name)", name: oldName.text)
    let (guest, swap) = (try readable.disk.copy(to: "\(folder)/hostile.img"), try newSwap("hostile-swap"))
    try plant(way, bait, on: guest, readable.content)
    return (guest, swap, bait)
  }

  private enum Way: String {
    /// Each file is a link.
    case files
    /// All of /etc is one.
    case folder

    var words: String { self == .files ? "links in place of files" : "a link in place of /etc" }
  }

  private func plant(_ way: Way, _ bait: Bait, on disk: ScratchDisk, _ content: DiskContent) throws(Failure) {
    switch way {
    case .files:
      try disk.withFilesystem(content, writable: true) { filesystem throws(Failure) in
        for target in Self.targets {
          let number = try filesystem.find("/etc/\(target)", followingLast: false)
          if let number, try filesystem.kind(number) == .directory { continue }
          try filesystem.link("/etc/\(target)", to: "\(bait.folder)/\(target)")
        }
      }
    case .folder:
      // Only the name goes: the folder then has none, and the checker would find it.
      for words in ["unlink /etc", "symlink /etc \(bait.folder)"] {
        _ = try disk.run("debugfs", ["-w", "-R", words], content)
      }
      // It ends with 1: it has corrected what was to be corrected.
      _ = try? disk.run("e2fsck", ["-fy"], content)
      // debugfs ends well whatever came of it: without the link the check could not fail.
      try disk.withFilesystem(content, writable: false) { filesystem throws(Failure) in
        guard let number = try filesystem.find("/etc", followingLast: false),
          try filesystem.kind(number) == .symbolicLink
        else { throw Failure(.tool, "debugfs did not make /etc a symbolic link") }
      }
    }
    try disk.flush()
  }
}

/// Files among the host's, to which links in a guest lead.
private struct Bait {
  let folder: String
  private let before: [String: String]

  /// - Parameter name: what the guest is called: a script may look for it.
  init(in folder: String, name: String) throws(Failure) {
    self.folder = folder
    for folder in [folder, "\(folder)/network", "\(folder)/ssh"] {
      guard mkdir(folder, 0o755) == 0 else { throw .system("make the folder", folder) }
    }
    for (file, text) in [
      ("hostname", "\(name)\n"), ("hosts", "127.0.0.1 localhost \(name)\n"),
      ("fstab", "/dev/sda / ext4 defaults 0 1\n"),
      ("mailname", "\(name)\n"), ("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("shadow", "root:*:1::::::\n"),
    ] {
      let file = try Descriptor("\(folder)/\(file)", O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
      try file.writeAll(Array(text.utf8))
      try file.close()
    }
    before = Self.state(of: folder)
  }

  /// What changed, in words.
  func changes() -> [String] {
    let after = Self.state(of: folder)
    return Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }.sorted().map { path in
      let what = before[path] == nil ? "was made" : after[path] == nil ? "was removed" : "was written"
      return "the host's \(path) \(what)"
    }
  }

  /// By name below the folder; a folder ends in a slash.
  private static func state(of folder: String, _ path: String = "") -> [String: String] {
    var state: [String: String] = [:]
    for name in allEntries(of: "\(folder)/\(path)").names {
      let full = path + name
      let (status, _) = examine("\(folder)/\(full)", itself: true)
      let traces = "\(status.st_mode) \(status.st_ino) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
      if status.isFolder {
        state["\(full)/"] = "\(status.st_mode)"
        state.merge(Self.state(of: folder, "\(full)/")) { $1 }
      } else {
        state[full] = traces + (fileText("\(folder)/\(full)") ?? "")
      }
    }
    return state
  }
}
