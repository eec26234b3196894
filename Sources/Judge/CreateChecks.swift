// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage
internal import Synchronization

// What create makes.

extension Trial {
  func judgeCreate() {
    judge(.create) {
      let (disk, swap) = (try newDisk("disk"), try newSwap("swap"))
      let ending = try call(.create(isReinstall: false), instance([disk, swap]))
      guard ending.isSuccess else { return (.fail(ending.words), ending.evidence) }
      self.disk = disk
      self.swap = swap
      isBlank = try disk.isBlank()
      if isBlank {
        // Small enough that copying all of it takes no time: nothing but zeros would be on it.
        self.disk = try newDisk("blank", size: 64 << 20)
        try self.disk?.scribble()
        return (.pass, ["\(ending.words), and nothing was written to the disk"])
      }
      content = try disk.filesystem()
      let found = content.map { "\($0.type) at \($0.offset) bytes" } ?? "no filesystem that is known"
      return (.pass, ["\(ending.words): \(found)"])
    }
    guard let disk else {
      judge(.environment) {
        let disks = [try newDisk("elsewhere"), try newSwap("elsewhere-swap")]
        let home = "\(folder)/home"
        guard mkdir(home, 0o700) == 0 else { throw Failure.system("make the folder", home) }
        let ending = try call(
          .create(isReinstall: false), instance(disks), environment: ["HOME": home, "TERM": "dumb"])
        return ending.isSuccess
          ? (.fail("create succeeds only with HOME in its environment, which hosts do not give"), ending.evidence)
          : (.notApplicable("create failed"), [])
      }
      return skip(Check.allCases.filter(isAfterCreate), "create failed")
    }
    guard let content else {
      let reason = isBlank ? "create writes nothing to the disk" : "there is no filesystem on the disk that is known"
      return skip(
        [
          .filesystem, .importFilesystem, .bootFiles, .features, .renamedTo, .renamedOnly, .hostileCreate,
          .hostileImport,
          .hostileRename,
        ],
        reason)
    }
    judge(.filesystem) {
      let problems = try disk.problems(of: content)
      return (problems.map { .fail($0.first ?? "") } ?? .pass, problems ?? ["\(content.type) is clean"])
    }
    guard content.isExt else {
      return skip(
        [.bootFiles, .features, .renamedTo, .renamedOnly, .hostileCreate, .hostileImport, .hostileRename],
        "a filesystem of type \(content.type) is not read: only the kernel could, and the definition made it")
    }
    do {
      tree = try DiskFiles(of: disk, content)
    } catch {
      found(.sameTree, .fail("the files of the guest cannot be read: \(error.message)"))
    }
  }

  /// Whether a check means nothing when create fails.
  private func isAfterCreate(_ check: Check) -> Bool {
    check == .secrets
      || ["create.", "export.", "import.", "rename.", "refuses.", "hostile."].contains { check.rawValue.hasPrefix($0) }
  }

  /// What depends on what is around a script, and on its neighbours.
  func judgeSurroundings() {
    guard disk != nil else { return }
    judge(.environment) {
      let (disk, swap) = (try newDisk("elsewhere"), try newSwap("elsewhere-swap"))
      // In version 5 the host's own environment comes to the script: then this is a poor one.
      let ending = try call(
        .create(isReinstall: false), instance([disk, swap]),
        environment: ["HOME": "/nonexistent", "PATH": "/sbin:/bin:/usr/sbin:/usr/bin"])
      guard ending.isSuccess else { return (.fail("with HOME=/nonexistent \(ending.words)"), ending.evidence) }
      let problems = try self.problems(of: disk)
      return (problems.map { .fail($0.first ?? "") } ?? .pass, problems ?? [ending.words])
    }
    judge(.path) {
      let (disk, swap) = (try newDisk("lost"), try newSwap("lost-swap"))
      let ending = try call(
        .create(isReinstall: false), instance([disk, swap]), environment: ["PATH": "/nonexistent"])
      return (ending.isSuccess ? .pass : .fail("with PATH=/nonexistent \(ending.words)"), ending.evidence)
    }
    judge(.together) {
      let disks = try ["left", "right"].map { name throws(Failure) in
        [try newDisk(name), try newSwap("\(name)-swap")]
      }
      let names = [oldName, newName]
      let calls = try zip(disks, names).map { disks, name throws(Failure) in
        try scriptCall(.create(isReinstall: false), instance(disks, named: name))
      }
      let endings = Mutex<[Int: Ending]>([:])
      try watched("two creates") { () throws(Failure) in
        DispatchQueue.concurrentPerform(iterations: calls.count) { [runner] index in
          let ending = runner.run(calls[index])
          endings.withLock { $0[index] = ending }
        }
      }
      let ended = endings.withLock { found in calls.indices.compactMap { found[$0] } }
      if let bad = ended.first(where: { !$0.isSuccess }) { return (.fail("of two at once \(bad.words)"), bad.evidence) }
      for disk in disks {
        if let problems = try problems(of: disk[0]) { return (.fail(problems.first ?? ""), problems) }
      }
      return (.pass, ended.map(\.words))
    }
    judgeClosedStreams()
    judgeSecrets()
  }

  /// What is wrong with a disk that a create made; nil when it is as good as the first one.
  func problems(of disk: ScratchDisk) throws(Failure) -> [String]? {
    guard let wanted = content else { return nil }
    guard let content = try disk.filesystem(), content.type == wanted.type else {
      return ["there is no filesystem of type \(wanted.type) on the disk"]
    }
    return try disk.problems(of: content)
  }
}
