// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// The inside of the sandbox: a root made of overlays, so that whatever a script changes lands in folders of the judge.
///
/// The kernel's filesystems are new ones, /sys for reading only. In /dev the disks of the machine are covered.
struct SandboxRoot {
  /// What is under the sandbox's own files, by where it is mounted.
  private(set) var layers: [HostLayer] = []

  /// Makes it, and has this process live in it; `scratch` stays what it is.
  init(scratch: String) throws(Failure) {
    guard getppid() == 1 else {
      throw Failure(.usage, "this is not the inside of a sandbox", remedy: "leave the option --inside-of out")
    }
    let root = "\(scratch)/root"
    try makeFolder(root)
    try overlay("/", at: root, scratch)
    for mount in Self.otherMounts(except: scratch) {
      let target = root + mount
      guard examine(mount).status.isFolder else {
        try Mounting.bind(mount, at: target, readOnly: true)
        continue
      }
      do {
        try overlay(mount, at: target, scratch)
      } catch {
        // Not every filesystem can be under an overlay: then nothing there can be changed at all.
        try Mounting.bind(mount, at: target, readOnly: true)
      }
    }
    try overlay("/dev", at: "\(root)/dev", scratch)
    if examine("\(root)/dev/pts").status.isFolder {
      try Mounting.new("devpts", at: "\(root)/dev/pts", options: "newinstance,ptmxmode=0666,mode=0620")
    }
    if examine("\(root)/dev/shm").status.isFolder { try Mounting.new("tmpfs", at: "\(root)/dev/shm") }
    for device in Self.disksOfTheMachine { try Mounting.bind("/dev/null", at: "\(root)\(device)") }
    try Mounting.new("proc", at: "\(root)/proc")
    try Mounting.new("sysfs", at: "\(root)/sys", readOnly: true)
    // The scratch disks lie outside of the overlay: an overlay copies a file when it is first written.
    try Mounting.bind(scratch, at: root + scratch)
    try Mounting.enterRoot(root)
  }

  private mutating func overlay(_ folder: String, at target: String, _ scratch: String) throws(Failure) {
    let place = "\(scratch)/layer\(layers.count)"
    for name in ["", "/changed", "/work"] { try makeFolder(place + name) }
    let layer = try HostLayer(folder, changed: "\(place)/changed")
    try Mounting.overlay(folder, upper: "\(place)/changed", work: "\(place)/work", at: target)
    layers.append(layer)
  }

  private func makeFolder(_ path: String) throws(Failure) {
    // As a root folder is: the scripts may run programs under other users.
    guard mkdir(path, 0o755) == 0, chmod(path, 0o755) == 0 else { throw .system("make the folder", path) }
  }

  /// Where other filesystems are mounted that hold files, parents first.
  private static func otherMounts(except scratch: String) -> [String] {
    let kernels = ["/proc", "/sys", "/dev"]
    var found: [String] = []
    for line in (fileText("/proc/self/mountinfo") ?? "").split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 4 else { continue }
      let place = String(fields[4])
      // A path with such characters cannot be given to an overlay; nobody keeps what a definition needs there.
      if place == "/" || place.contains(where: { ["\\", ",", ":"].contains($0) }) { continue }
      if kernels.contains(where: { place == $0 || place.hasPrefix("\($0)/") }) { continue }
      if !found.contains(place) { found.append(place) }
    }
    return found.sorted()
  }

  /// The block devices that are there now: no script has any business with them. Loop devices are shared: one that is
  /// in use now may be a script's in a moment.
  private static var disksOfTheMachine: [String] {
    allEntries(of: "/sys/class/block").names.filter { !$0.hasPrefix("loop") }.compactMap { name in
      // Names of the kernel have ! where the path has /.
      let path = "/dev/" + name.map { $0 == "!" ? "/" : String($0) }.joined()
      return examine(path).error == 0 ? path : nil
    }
  }
}

/// A filesystem of the machine under an overlay, and the folder that has what was changed on it.
struct HostLayer {
  /// Where it is mounted: "" for the root.
  let place: String
  private let changed: Int32
  private let original: Int32

  /// The descriptors stay open for as long as the process lives.
  init(_ folder: String, changed: String) throws(Failure) {
    place = folder == "/" ? "" : folder
    self.changed = open(changed, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    original = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard self.changed >= 0, original >= 0 else { throw .system("open", folder) }
  }

  /// The paths, as the scripts see them, of what was made, changed or removed; of a new folder only itself.
  func changes() -> [HostChange] {
    var found: [HostChange] = []
    look(below: "", &found)
    return found
  }

  private func look(below path: String, _ found: inout [HostChange]) {
    let (upper, lower) = ("/proc/self/fd/\(changed)\(path)", "/proc/self/fd/\(original)\(path)")
    for name in allEntries(of: "\(upper)/").names {
      let (mine, error) = examine("\(upper)/\(name)", itself: true)
      guard error == 0 else { continue }
      let (before, missing) = examine("\(lower)/\(name)", itself: true)
      let full = "\(place)\(path)/\(name)"
      if mine.kind == S_IFCHR && mine.st_rdev == 0 {
        // This is how an overlay notes that a file is removed; one that was never there is no change.
        if missing == 0 { found.append(HostChange(path: full, kind: .removed, mine)) }
      } else if missing != 0 {
        found.append(HostChange(path: full, kind: .made, mine))
      } else if mine.isFolder && before.isFolder {
        if mine.st_mode != before.st_mode || mine.st_uid != before.st_uid || mine.st_gid != before.st_gid {
          found.append(HostChange(path: full, kind: .changed, mine))
        }
        look(below: "\(path)/\(name)", &found)
      } else if isOther(mine, before, "\(upper)/\(name)", "\(lower)/\(name)") {
        found.append(HostChange(path: full, kind: .changed, mine))
      }
    }
  }

  /// A file that was only opened for writing is copied, and is the same.
  private func isOther(_ mine: stat, _ before: stat, _ upper: String, _ lower: String) -> Bool {
    if mine.st_mode != before.st_mode || mine.st_uid != before.st_uid || mine.st_gid != before.st_gid { return true }
    if mine.isLink { return linkTarget(upper) != linkTarget(lower) }
    guard mine.isRegular else { return false }
    let limit = 1 << 20
    guard mine.st_size == before.st_size, mine.st_size <= limit else { return true }
    return (try? readFile(upper, limit: limit)) != (try? readFile(lower, limit: limit))
  }
}

/// One thing that a script did to the files of the machine.
struct HostChange: Hashable {
  enum Kind: String { case made, changed, removed }

  let path: String
  let kind: Kind
  /// What is another when a script does it again.
  private let stamp: [Int]

  init(path: String, kind: Kind, _ status: stat) {
    self.path = path
    self.kind = kind
    // A folder is another with each file in it; those are told by themselves.
    stamp =
      kind == .changed && status.isFolder
      ? [Int(status.st_mode), Int(status.st_uid), Int(status.st_gid)]
      : [Int(status.st_ino), Int(status.st_size), Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
  }

  /// Where files are kept for a moment.
  var isTemporary: Bool {
    ["/tmp", "/var/tmp", "/run", "/var/run", "/var/lock", "/dev"].contains { path.hasPrefix("\($0)/") }
  }

  var words: String { "\(path.escaped) was \(kind.rawValue)" }
}
