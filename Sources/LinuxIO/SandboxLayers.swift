// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report
internal import Synchronization

/// Whether programs that read a guest's bytes are confined.
package enum SandboxMode: String, Sendable, CaseIterable {
  /// As far as this machine lets us; what is missing is told.
  case auto
  /// As a whole, or not at all.
  case required
  case off
}

/// One wall around a confined program.
package struct SandboxLayer: Sendable {
  package let name: String
  package let isThere: Bool
  /// What it does, or why it is not there.
  package let detail: String
}

/// What this machine has to confine a program with, for the caller.
package struct SandboxLayers: Sendable, Equatable {
  let flags: UInt32
  /// Why there are no namespaces, as an errno; 0 where there are some.
  private let namespaceError: Int32

  /// Found out once, by trying.
  package static let ofThisMachine: SandboxLayers = {
    var error: Int32 = 0
    let flags = clinux_layers(&error)
    return SandboxLayers(flags: flags, namespaceError: error)
  }()

  private func has(_ layer: clinux_layer) -> Bool { flags & layer.rawValue != 0 }

  /// Each layer, be it there or not.
  package var table: [SandboxLayer] {
    let namespaces = has(CLINUX_NAMESPACES)
    let reason = String(cString: strerror(namespaceError))
    return [
      SandboxLayer(
        name: "namespaces", isThere: namespaces,
        detail: namespaces
          ? "an empty root, and processes, network and IPC of its own"
            + (has(CLINUX_USER_NAMESPACE) ? ", in a namespace of users" : "")
          : "the kernel refuses them: \(reason)"),
      SandboxLayer(
        name: "seccomp", isThere: has(CLINUX_SECCOMP),
        detail: has(CLINUX_SECCOMP)
          ? "only the system calls that the work takes" : "the kernel has no filter of system calls"),
      SandboxLayer(
        name: "landlock", isThere: has(CLINUX_LANDLOCK),
        detail: has(CLINUX_LANDLOCK)
          ? "only the files that the work is on" : "the kernel has no Landlock, or it is turned off"),
      SandboxLayer(
        name: "user", isThere: has(CLINUX_USER),
        detail: has(CLINUX_USER)
          ? Self.isMapped
            ? Self.user.name.map { "the user \($0)" } ?? "the user with the number \(Self.user.id)"
            : "root without rights: the user with the number \(Self.user.id) is not in this namespace of users"
          : "the caller: only root can be another"),
    ]
  }

  /// What is missing, in words; nil where a program is confined as a whole. Landlock is a second wall behind an empty root,
  /// and an ordinary user has no other user to be.
  package var shortfall: String? {
    if !has(CLINUX_NAMESPACES) {
      let reason = String(cString: strerror(namespaceError))
      let rest = has(CLINUX_LANDLOCK) ? "Landlock keeps them from other files" : "they see the machine's files"
      return "programs that read a guest's bytes have no namespaces of their own (\(reason)): \(rest)"
    }
    if !has(CLINUX_SECCOMP) {
      return "programs that read a guest's bytes may use every system call: the kernel has no seccomp"
    }
    return nil
  }

  // MARK: The user of a confined program

  /// The user of the Debian package, or a number that belongs to nobody where there is none.
  private static let user: (id: UInt32, group: UInt32, name: String?) = {
    let name = "_guestsmith"
    for line in (fileText("/etc/passwd") ?? "").split(separator: "\n") where line.hasPrefix("\(name):") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      if fields.count > 3, let id = UInt32(fields[2]), let group = UInt32(fields[3]), id > 0 {
        return (id, group, name)
      }
    }
    return (number, number, nil)
  }()

  /// In the range that Debian's policy keeps for no one (65000 to 65533).
  private static let number: UInt32 = 65187

  private static let isMapped = isUser(user.id)

  /// Who a program is that works on a file: a file can only be opened by its owner once all rights are gone, while
  /// of a block device there is a node of the program's own.
  func ids(for file: stat?) -> (user: UInt32, group: UInt32) {
    guard has(CLINUX_USER) else { return (geteuid(), getegid()) }
    if let file, !file.isBlockDevice || !has(CLINUX_NAMESPACES) { return (file.st_uid, file.st_gid) }
    return Self.isMapped ? (Self.user.id, Self.user.group) : (0, 0)
  }

  // MARK: The filter of system calls

  private static let filters = Mutex<[Confinement.Role: [UInt8]]>([:])

  /// Empty for a role that sets its own, and where the kernel has none.
  func filter(of role: Confinement.Role) throws(Failure) -> [UInt8] {
    guard has(CLINUX_SECCOMP), role != .worker, role != .extractor else { return [] }
    if let known = Self.filters.withLock({ $0[role] }) { return known }
    var length = 0
    guard let bytes = clinux_make_filter(role.number, has(CLINUX_NAMESPACES), &length) else {
      throw .system("make a filter of system calls for", "a tool")
    }
    defer { free(bytes) }
    let filter = [UInt8](UnsafeRawBufferPointer(start: bytes, count: length))
    Self.filters.withLock { $0[role] = filter }
    return filter
  }
}

/// How this process confines others, for as long as it runs.
package enum Sandbox {
  private static let state = Mutex<(mode: SandboxMode, told: Bool)>((.auto, false))

  package static var mode: SandboxMode { state.withLock { $0.mode } }

  /// The layers in use; nil where nothing is confined.
  package static var layers: SandboxLayers? { mode == .off ? nil : .ofThisMachine }

  /// Sets the mode for all that is started from here on.
  ///
  /// - Returns: a note, once, on what is missing.
  /// - Throws: `.tool` where it is required and this machine lacks a part of it.
  package static func use(_ mode: SandboxMode) throws(Failure) -> String? {
    let told = state.withLock { state in
      defer { state = (mode, true) }
      return state.told
    }
    switch mode {
    case .off: return nil
    case .required:
      if let shortfall = SandboxLayers.ofThisMachine.shortfall {
        throw Failure(
          .tool, "sandbox = required, and \(shortfall)",
          remedy: "see guestsmith config check for what this machine has, or set sandbox = auto")
      }
      return nil
    case .auto: return told ? nil : SandboxLayers.ofThisMachine.shortfall
    }
  }
}
