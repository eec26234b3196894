// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// The inside of the sandbox: a root made of overlays, so that whatever a script changes lands in folders of the judge.
///
/// The kernel's filesystems are new ones, /sys for reading only. In /dev the disks of the machine are covered. What cannot
/// be under an overlay can be read only.
struct SandboxRoot {
  /// What is under the sandbox's own files, by where it is mounted.
  private(set) var layers: [HostLayer] = []
  /// What is not under an overlay.
  private(set) var covered: [CoveredMount] = []

  private let scratch: String
  private var root: String { "\(scratch)/root" }
  /// Of the folders of overlays, those that could not be made among them.
  private var made = 0

  /// Makes it, and has this process live in it; `scratch` stays what it is.
  init(scratch: String) throws(Failure) {
    guard getppid() == 1 else {
      throw Failure(.usage, "this is not the inside of a sandbox", remedy: "leave the option --inside-of out")
    }
    self.scratch = scratch
    let mounts = Mount.all()
    try makeFolder(root)
    try overlay("/", at: root, of: "/")
    try overlay("/dev", at: "\(root)/dev", of: "/dev")
    if examine("\(root)/dev/pts").status.isFolder {
      try Mounting.new("devpts", at: "\(root)/dev/pts", options: "newinstance,ptmxmode=0666,mode=0620")
    }
    if examine("\(root)/dev/shm").status.isFolder { try Mounting.new("tmpfs", at: "\(root)/dev/shm") }
    for device in Self.disksOfTheMachine { try Mounting.bind("/dev/null", at: "\(root)\(device)") }
    try Mounting.new("proc", at: "\(root)/proc")
    try Mounting.new("sysfs", at: "\(root)/sys", readOnly: true)
    addOthers(mounts)
    // The scratch disks lie outside of the overlay: an overlay copies a file when it is first written.
    try Mounting.bind(scratch, at: root + scratch)
    try Mounting.enterRoot(root)
  }

  private mutating func overlay(_ folder: String, at target: String, of place: String) throws(Failure) {
    made += 1
    let layer = "\(scratch)/layer\(made)"
    for name in ["", "/changed", "/work"] { try makeFolder(layer + name) }
    let found = try HostLayer(folder, place: place, changed: "\(layer)/changed")
    try Mounting.overlay(folder, upper: "\(layer)/changed", work: "\(layer)/work", at: target)
    layers.append(found)
  }

  private func makeFolder(_ path: String) throws(Failure) {
    // As a root folder is: the scripts may run programs under other users.
    guard mkdir(path, 0o755) == 0, chmod(path, 0o755) == 0 else { throw .system("make the folder", path) }
  }

  /// Adds what else is mounted on the machine, parents first.
  private mutating func addOthers(_ mounts: [Mount]) {
    var own = ["/proc", "/sys", "/dev"]
    for mount in mounts.sorted(by: { ByteString(argument: $0.place) < ByteString(argument: $1.place) })
    where mount.place != "/" && !own.contains(where: { mount.place == $0 || mount.place.hasPrefix("\($0)/") }) {
      // Only what can be seen at its place: another mount may be over it. By its descriptor it has no characters that
      // mean something to an overlay.
      guard let file = mount.open() else { continue }
      if let words = add(mount, file.view.path) {
        covered.append(CoveredMount(place: mount.place, type: mount.type, words: words))
      }
      if Self.kernels[mount.type] != nil { own.append(mount.place) }
    }
  }

  /// The filesystems of which there is only one, by where the sandbox has its own: through that of the machine scripts
  /// would reach its processes and disks.
  private static let kernels = ["proc": "/proc", "sysfs": "/sys", "devtmpfs": "/dev"]

  /// - Parameter source: a path of what is mounted.
  /// - Returns: what the scripts see of it; nil where it is under an overlay.
  private mutating func add(_ mount: Mount, _ source: String) -> String? {
    let target = root + mount.place
    do throws(Failure) {
      if let own = Self.kernels[mount.type] {
        let isDevices = own == "/dev"
        try Mounting.bind(root + own, at: target, readOnly: !isDevices, isRecursive: isDevices)
        return "\(own) of the sandbox\(isDevices ? "" : ", read-only")"
      }
      if examine(source).status.isFolder, (try? overlay(source, at: target, of: mount.place)) != nil { return nil }
      try Mounting.bind(source, at: target, readOnly: true)
      return "all of it, read-only"
    } catch {
      return "nothing: \(error.message)"
    }
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

  /// The descriptors stay open as long as the process lives.
  ///
  /// - Parameters:
  ///   - folder: a path of what is mounted.
  ///   - place: where that is.
  ///   - changed: the folder of the overlay.
  init(_ folder: String, place: String, changed: String) throws(Failure) {
    self.place = place == "/" ? "" : place
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
      if mine.kind == .characterDevice && mine.st_rdev == 0 {
        // An overlay marks a removed file so; a file that was never there is not a change.
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
  /// What differs when a script does it again.
  private let stamp: [Int]

  init(path: String, kind: Kind, _ status: stat) {
    self.path = path
    self.kind = kind
    // A folder changes with each file in it; those are reported by themselves.
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
