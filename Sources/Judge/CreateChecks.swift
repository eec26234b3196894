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
  func judgeCreate() -> Made<CreatedGuest> {
    stage(.create, with: .made(())) { () throws(Failure) in
      let (disk, swap) = (try newDisk("disk"), try newSwap("swap"))
      let ending = try call(.create(isReinstall: false), instance([disk, swap]))
      guard ending.isSuccess else { return (.fail(ending.words, ending.evidence), nil) }
      if try disk.isBlank() {
        // Small enough that copying all of it takes no time: nothing but zeros would be on it.
        let disk = try newDisk("blank", size: 64 << 20)
        try disk.scribble()
        return (
          .pass(["\(ending.words), and nothing was written to the disk"]),
          CreatedGuest(disk: disk, swap: swap, content: nil, isBlank: true)
        )
      }
      let content = try disk.filesystem()
      let found = content.map { "\($0.type) at \($0.offset) bytes" } ?? "no known filesystem"
      return (
        .pass(["\(ending.words): \(found)"]), CreatedGuest(disk: disk, swap: swap, content: content, isBlank: false)
      )
    }
  }

  /// Reads the files of the guest, where they can be read.
  func judgeFilesystem(_ created: Made<CreatedGuest>) -> Made<ReadableGuest> {
    let formatted = created.flatMap { guest in guest.filesystem.flatMap { .made((guest.disk, $0)) } }
    judge(.filesystem, with: formatted) { formatted throws(Failure) in
      let (disk, content) = formatted
      return .clean(try disk.problems(of: content), ["\(content.type) is clean"])
    }
    return formatted.flatMap { disk, content in
      guard content.isExt else {
        return .missing(
          because: "\(content.words) is not read: only the kernel could, and the definition made it"
        )
      }
      do throws(Failure) {
        return .made(ReadableGuest(disk: disk, content: content, files: try DiskFiles(of: disk, content)))
      } catch {
        let reason = "the files of the guest cannot be read: \(error.message)"
        found(.sameTree, .fail(reason))
        return .missing(because: reason)
      }
    }
  }

  /// What depends on what is around a script, and on its neighbours.
  func judgeSurroundings(_ created: Made<CreatedGuest>) {
    switch created {
    case .made(let guest): judgeEnvironment(guest)
    case .missing(let reason): judgeHome(reason)
    }
    judgePath(created)
    judgeIdentities(created, judgeTogether(created))
    judgeNetwork(created)
    judgeClosedStreams(created)
    judgeSecrets(created)
  }

  private func judgeEnvironment(_ guest: CreatedGuest) {
    judge(.environment) { () throws(Failure) in
      let (disk, swap) = (try newDisk("elsewhere"), try newSwap("elsewhere-swap"))
      // In version 5 the host's own environment comes to the script: then this is a poor one.
      let ending = try call(
        .create(isReinstall: false), instance([disk, swap]),
        environment: ["HOME": "/nonexistent", "PATH": "/sbin:/bin:/usr/sbin:/usr/bin"])
      guard ending.isSuccess else { return .fail("with HOME=/nonexistent \(ending.words)", ending.evidence) }
      return .clean(try problems(of: disk, like: guest), [ending.words])
    }
  }

  /// Tries whether a create that fails needs HOME.
  private func judgeHome(_ reason: String) {
    judge(.environment) { () throws(Failure) in
      let (disk, swap) = (try newDisk("elsewhere"), try newSwap("elsewhere-swap"))
      let home = "\(folder)/home"
      guard mkdir(home, 0o700) == 0 else { throw .system("make the folder", home) }
      let ending = try call(
        .create(isReinstall: false), instance([disk, swap]), environment: ["HOME": home, "TERM": "dumb"])
      return ending.isSuccess
        ? .fail("create succeeds only with HOME in its environment, which hosts do not give", ending.evidence)
        : .notApplicable(reason)
    }
  }

  private func judgePath(_ created: Made<CreatedGuest>) {
    judge(.path, with: created) { _ throws(Failure) in
      let (disk, swap) = (try newDisk("lost"), try newSwap("lost-swap"))
      let ending = try call(
        .create(isReinstall: false), instance([disk, swap]), environment: ["PATH": "/nonexistent"])
      return .require(ending.isSuccess, "with PATH=/nonexistent \(ending.words)", ending.evidence)
    }
  }

  /// Returns the disks of both guests.
  private func judgeTogether(_ created: Made<CreatedGuest>) -> Made<[[ScratchDisk]]> {
    stage(.together, with: created) { guest throws(Failure) in
      let disks = try ["left", "right"].map { name throws(Failure) in
        [try newDisk(name), try newSwap("\(name)-swap")]
      }
      let instances = [instance(disks[0]), instance(disks[1], named: newName, isOther: true)]
      let calls = try instances.map { instance throws(Failure) in
        try scriptCall(.create(isReinstall: false), instance)
      }
      let endings = Mutex<[Int: Ending]>([:])
      try watched("two creates") { () throws(Failure) in
        DispatchQueue.concurrentPerform(iterations: calls.count) { [runner] index in
          let ending = runner.run(calls[index])
          endings.withLock { $0[index] = ending }
        }
      }
      let ended = endings.withLock { found in calls.indices.compactMap { found[$0] } }
      if let bad = ended.first(where: { !$0.isSuccess }) {
        return (.fail("of two at once \(bad.words)", bad.evidence), nil)
      }
      for disk in disks {
        if let problems = try problems(of: disk[0], like: guest) { return (.clean(problems, []), nil) }
      }
      return (.pass(ended.map(\.words)), disks)
    }
  }

  /// What is wrong with a disk that a create made; nil when it is as good as the first one, as far as can be told.
  func problems(of disk: ScratchDisk, like guest: CreatedGuest) throws(Failure) -> [String]? {
    guard let wanted = guest.content else { return nil }
    guard let content = try disk.filesystem(), content.type == wanted.type else {
      return ["there is no filesystem of type \(wanted.type) on the disk"]
    }
    return content.canBeChecked ? try disk.problems(of: content) : nil
  }
}
