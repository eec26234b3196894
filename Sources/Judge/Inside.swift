// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import LinuxIO
package import Report

extension Judge {
  /// The part of the processes in the sandbox: tries the scripts, and tells the process outside what it found.
  ///
  /// - Parameter command: how this process was called.
  package func tryScripts(inside scratch: String, command: [String]) throws(Failure) {
    Interrupts.beSilent()
    // The first process waits for the judge, as init does; only the kernel can end it.
    if getpid() == 1, let program = command.first {
      var judge = Command(program, Array(command.dropFirst()))
      let records = try Records.inherited()
      judge.extras = [(Records.number, records.view)]
      _ = try judge.run()
      return
    }
    let records = try Records()
    let options = TrialOptions(records.request)
    var judge = self
    judge.trial = options
    do throws(Failure) {
      let root = try SandboxRoot(scratch: scratch)
      records.tell(root.covered)
      // As for a daemon, which has no home.
      for name in ["HOME", "USER", "LOGNAME", "MAIL", "TERM", "TMPDIR", "XDG_RUNTIME_DIR"] { unsetenv(name) }
      limitFiles(to: 4 * options.diskSize + (4 << 30))
      // The first child brings a process of its own that stays: it is not the definition's.
      _ = try Command("true", []).run()
      for version in judge.versions {
        let host = HostWatch(root, scratch: scratch, mayChange: options.mayChange)
        let trial = try Trial(definition, version, options, scratch: scratch, host: host, steps: steps)
        trial.tell = { records.tell($0) }
        trial.tellStart = { records.tell($0, version, $1) }
        trial.judgeAll()
      }
      records.tellEnd()
    } catch {
      records.tell(error)
    }
  }
}

/// No process writes a larger file than that: an export that does not end must not fill the machine's disk. One that takes the limit
/// away may: xfs_repair does, and gives up where it can't.
private func limitFiles(to bytes: UInt64) {
  let resource = __rlimit_resource_t(UInt32(RLIMIT_FSIZE.rawValue))
  var limit = rlimit()
  guard getrlimit(resource, &limit) == 0 else { return }
  limit.rlim_cur = min(limit.rlim_max, rlim_t(bytes))
  setrlimit(resource, &limit)
}

/// The changes that scripts make to the machine's files, each reported once.
final class HostWatch {
  private let root: SandboxRoot
  private let scratch: String
  private let mayChange: [String]
  /// What libraries of the system write on their own: libblkid's cache.
  private static let ofTheSystem = ["/run/blkid", "/dev/.blkid.tab", "/etc/blkid.tab"]
  private var known: Set<HostChange>

  init(_ root: SandboxRoot, scratch: String, mayChange: [String]) {
    self.root = root
    self.scratch = scratch
    self.mayChange = mayChange + Self.ofTheSystem
    known = []
    known = Set(all())
  }

  /// What changed since the last call of this function.
  func newChanges() -> [HostChange] {
    let found = all().filter { !known.contains($0) }
    known.formUnion(found)
    return found.sorted { $0.path < $1.path }
  }

  /// The regular files that scripts made or changed, those that they may change too, as they are now.
  func changedFiles() -> [String] {
    root.layers.flatMap { $0.changes() }.map(\.path).filter { !$0.hasPrefix(scratch) }.flatMap(files)
  }

  private func files(at path: String) -> [String] {
    let (status, error) = examine(path, itself: true)
    if error == 0 && status.isRegular { return [path] }
    return status.isFolder ? allEntries(of: path).names.flatMap { files(at: "\(path)/\($0)") } : []
  }

  private func all() -> [HostChange] {
    root.layers.flatMap { $0.changes() }.filter { change in
      !change.path.hasPrefix(scratch) && !mayChange.contains { change.path == $0 || change.path.hasPrefix("\($0)/") }
    }
  }
}
