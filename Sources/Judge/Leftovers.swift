// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import LinuxIO
internal import Report

/// What a call can leave of the kernel's things, seen at one moment.
struct Leftovers {
  private var processes: [Int32: String] = [:]
  private var mounts: [Int: String] = [:]
  private var loops: Set<LoopDevice.Attached> = []
  private var mappings: [String: String] = [:]

  /// - Parameter folder: whose files' loop devices count: others of the machine make theirs.
  init(below folder: String) {
    processes = Self.runningProcesses()
    for mount in Mount.all() { mounts[mount.id] = mount.place }
    loops = Set(LoopDevice.all(below: folder))
    let devices = Set(loops.map { String($0.path.dropFirst("/dev/".count)) })
    for name in allEntries(of: "/sys/block").names where name.hasPrefix("dm-") {
      guard !devices.isDisjoint(with: allEntries(of: "/sys/block/\(name)/slaves").names) else { continue }
      mappings[name] = fileText("/sys/block/\(name)/dm/name")?.trimmed ?? name
    }
  }

  /// Those in this namespace that are not dead yet, by number.
  static func runningProcesses() -> [Int32: String] {
    var found: [Int32: String] = [:]
    for name in allEntries(of: "/proc").names {
      guard let pid = Int32(name), let status = fileText("/proc/\(name)/stat"),
        let end = status.lastIndex(of: ")")
      else { continue }
      // Behind the name, which may hold anything, comes the state.
      let state = status[status.index(after: end)...].trimmingStart.first
      if state == "Z" || state == "X" { continue }
      let words = (fileText("/proc/\(name)/cmdline") ?? "").split(separator: "\0").joined(separator: " ")
      found[pid] = words.isEmpty ? String(status[..<end].split(separator: "(").last ?? "") : words
    }
    return found
  }

  /// What is here and was not in `before`, by the check that it belongs to; and removes it.
  func takeAway(since before: Leftovers) -> [Check: [String]] {
    var found: [Check: [String]] = [:]
    for (pid, words) in processes where before.processes[pid] == nil {
      found[.processes, default: []].append("process \(pid): \(Words.printable(words))")
      kill(pid, SIGKILL)
    }
    for (id, place) in mounts.sorted(by: { $0.value > $1.value }) where before.mounts[id] == nil {
      found[.mounts, default: []].append("a mount at \(place.escaped)")
      try? Mounting.unmount(place)
    }
    for (device, name) in mappings where before.mappings[device] == nil {
      found[.mappings, default: []].append("the mapping \(name.escaped)")
      _ = try? Command("dmsetup", ["remove", "--retry", name]).capture(limit: 4096)
    }
    for loop in loops.subtracting(before.loops) {
      found[.loopDevices, default: []].append("\(loop.path) on \(loop.file.escaped)")
      try? LoopDevice.detach(loop.path)
    }
    return found
  }

  /// Whether there are processes that were not there in `before`.
  func hasNewProcesses(since before: Leftovers) -> Bool { processes.keys.contains { before.processes[$0] == nil } }

  func hasNewLoops(since before: Leftovers) -> Bool { !loops.isSubset(of: before.loops) }
}

extension Substring {
  fileprivate var trimmingStart: Substring { drop { $0 == " " } }
}
