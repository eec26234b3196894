// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report

// What a script does without the standard streams that a host has closed.

extension Trial {
  /// A life of a guest whose calls have none of the standard streams but those that carry its dump. A script that fails
  /// then has said so; one that succeeds has done what it should.
  func judgeClosedStreams(_ created: Made<CreatedGuest>) {
    judge(.closedStreams, with: created.flatMap { guest in guest.filesystem.flatMap { _ in .made(guest) } }) {
      guest throws(Failure) in
      let (disk, swap) = (try newDisk("streams"), try newSwap("streams-swap"))
      var evidence: [String] = []
      func made(_ ending: Ending, _ disk: ScratchDisk) throws(Failure) -> (isThere: Bool, problem: String?) {
        evidence.append("without standard streams \(ending.words)")
        guard ending.isSuccess else { return (false, nil) }
        if try disk.bootBlock() != guest.disk.bootBlock() {
          return (true, "\(ending.script) writes something else to the first 440 bytes of the disk")
        }
        let problems = try problems(of: disk, like: guest)
        evidence += problems ?? []
        return (true, problems.map { "after \(ending.script) the filesystem is not clean: \($0.first ?? "")" })
      }
      let created = try made(callClosed(.create(isReinstall: false), instance([disk, swap])), disk)
      if let problem = created.problem { return .fail(problem, evidence) }
      guard created.isThere else { return .pass(evidence) }
      let dump = try Descriptor("\(folder)/streams", O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
      defer { unlink(dump.name) }
      try disk.flush()
      let exported = try callClosed(.export(disk: 0, path: disk.path, to: dump.view), instance([disk, swap]))
      evidence.append("without the other standard streams \(exported.words)")
      if exported.isSuccess {
        let target = try newDisk("streams-restored", size: disk.size)
        try dump.rewind()
        let restored = try callClosed(.import(disk: 0, from: dump.view), instance([target, swap]))
        if let problem = try made(restored, target).problem { return .fail(problem, evidence) }
      }
      let renamed = try callClosed(.rename(from: oldName), instance([disk, swap], named: newName))
      return try made(renamed, disk).problem.map { .fail($0, evidence) } ?? .pass(evidence)
    }
  }

  private func callClosed(_ purpose: ScriptCall.Purpose, _ instance: Instance) throws(Failure) -> Ending {
    var call = try scriptCall(purpose, instance)
    call.closesStreams = true
    let ready = call
    return try watched(call.script.rawValue) { runner.run(ready) }
  }
}

extension ScratchDisk {
  /// The code at the beginning of a disk, before the table of one that has partitions: that has identifiers of its own.
  fileprivate func bootBlock() throws(Failure) -> [UInt8] {
    try flush()
    return try Descriptor(path, O_RDONLY).bytes(at: 0, count: 440)
  }
}
