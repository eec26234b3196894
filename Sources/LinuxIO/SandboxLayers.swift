// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Report
internal import Synchronization

/// One wall around a confined program.
package struct SandboxLayer: Sendable {
  package let name: String
  package let isThere: Bool
  /// What it does, or why it is not there.
  package let detail: String
}

/// What this machine has to confine a program with, for the caller.
package struct SandboxLayers: Sendable {
  let flags: UInt32
  /// Why a layer is not to be had.
  private let refusals: [UInt32: String]

  /// Of tools and workers.
  package static var ofThisMachine: SandboxLayers { of(.worker) }

  /// Found out once, by trying.
  package static func of(_ role: Confinement.Role) -> SandboxLayers { role == .extractor ? forExtraction : forOthers }
  private static let forOthers = found(for: .unpacker, namespaces)
  private static let forExtraction = found(for: .extractor, namespacesForExtraction)
  private static let withoutNamespaces = found(for: .unpacker, [])

  /// Those for work on a file: root in a namespace of users of its own has only what belongs to root.
  func forWork(on file: stat?) -> SandboxLayers {
    guard has(CLINUX_USER_NAMESPACE), geteuid() == 0, let file, file.st_uid != 0 else { return self }
    return Self.withoutNamespaces
  }

  private func has(_ layer: clinux_layer) -> Bool { flags & layer.rawValue != 0 }

  var filters: Bool { has(CLINUX_SECCOMP) }

  /// Each layer, be it there or not.
  package var table: [SandboxLayer] {
    let namespaces = has(CLINUX_NAMESPACES)
    return [
      SandboxLayer(
        name: "namespaces", isThere: namespaces,
        detail: namespaces
          ? "an empty root, and processes, network and IPC of its own"
            + (has(CLINUX_USER_NAMESPACE) ? ", in a namespace of users" : "")
          : "the kernel refuses them: \(reason(CLINUX_NAMESPACES))\(has(CLINUX_LANDLOCK) ? "" : "; \(reach)")"),
      SandboxLayer(
        name: "seccomp", isThere: has(CLINUX_SECCOMP),
        detail: has(CLINUX_SECCOMP)
          ? "only the system calls that the work takes"
          : "every system call: \(reason(CLINUX_SECCOMP))"),
      SandboxLayer(
        name: "landlock", isThere: has(CLINUX_LANDLOCK),
        detail: has(CLINUX_LANDLOCK)
          ? "only the files that the work is on" : "none: \(reason(CLINUX_LANDLOCK))"),
      SandboxLayer(
        name: "user", isThere: has(CLINUX_USER),
        detail: userWords),
    ]
  }

  private func reason(_ layer: clinux_layer) -> String { refusals[layer.rawValue] ?? "the kernel has none" }

  /// What is missing, in words; nil where a program is confined as a whole. Landlock is a second wall behind an empty root,
  /// and an ordinary user has no other user to be.
  package var shortfall: String? {
    var words: [String] = []
    if !has(CLINUX_NAMESPACES) {
      let rest = has(CLINUX_LANDLOCK) ? "Landlock keeps them from other files" : reach
      words.append("have no namespaces of their own (\(reason(CLINUX_NAMESPACES))): \(rest)")
    }
    if !has(CLINUX_SECCOMP) { words.append("may use every system call (\(reason(CLINUX_SECCOMP)))") }
    return words.isEmpty ? nil : "programs that read a guest's bytes \(words.joined(separator: ", and "))"
  }

  /// The files that are open to a program that nothing else keeps from them: unpackers and workers open none to write, as far
  /// as there is a filter of system calls.
  private var reach: String {
    let user = has(CLINUX_USER) ? "\(Self.userName) and the owner of the disk" : geteuid() == 0 ? "root" : "you"
    guard has(CLINUX_SECCOMP) else { return "they can read and change every file that \(user) may" }
    return "they can read every file that \(user) may, and e2fsck and resize2fs can change it too"
  }

  // MARK: What there is

  /// Which namespaces to try, the better ones first.
  private static var namespaces: [UInt32] {
    let ofUsers = CLINUX_NAMESPACES.rawValue | CLINUX_USER_NAMESPACE.rawValue
    return geteuid() == 0 ? [CLINUX_NAMESPACES.rawValue, ofUsers] : [ofUsers]
  }

  /// Root in a namespace of users of its own gives files to nobody else.
  private static var namespacesForExtraction: [UInt32] { [namespaces[0]] }

  /// The layers that a program was seen to run behind, by running one that does nothing.
  private static func found(for role: Confinement.Role, _ namespaces: [UInt32]) -> SandboxLayers {
    // The filter of a program of ours is its own matter: it has one where the others have.
    let known = role == .extractor ? forOthers.flags : clinux_kernel_layers()
    var others = [CLINUX_LANDLOCK, CLINUX_SECCOMP].map(\.rawValue).filter { known & $0 != 0 }
    if geteuid() == 0, role != .extractor { others.insert(CLINUX_USER.rawValue, at: 0) }
    // As a rule all is to be had at once.
    let all = others.reduce(namespaces.first ?? 0, |)
    guard refusal(of: all, to: role) != nil else { return SandboxLayers(flags: all, refusals: [:]) }
    var flags: UInt32 = 0
    var refusals = role == .extractor ? forOthers.refusals : [:]
    for choices in [namespaces] + others.map({ [$0] }) {
      for choice in choices {
        guard let reason = refusal(of: flags | choice, to: role) else {
          flags |= choice
          break
        }
        // Of namespaces the first reason counts.
        let layer = choice & ~CLINUX_USER_NAMESPACE.rawValue
        refusals[layer] = refusals[layer] ?? reason
      }
    }
    return SandboxLayers(flags: flags, refusals: refusals)
  }

  /// Why a program cannot run behind these layers; nil where it can.
  private static func refusal(of flags: UInt32, to role: Confinement.Role) -> String? {
    var command = Command("/bin/true", [])
    command.environment = [:]
    command.output = .null
    command.error = .null
    command.confinement = Confinement(role)
    do throws(Failure) {
      return try command.attempt(SandboxLayers(flags: flags, refusals: [:]))
    } catch {
      return error.message
    }
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

  private static let userName = user.name.map { "the user \($0)" } ?? "the user with the number \(user.id)"

  private var userWords: String {
    if has(CLINUX_USER) {
      return Self.isMapped
        ? Self.userName : "root without rights: \(Self.userName) is not in this namespace of users"
    }
    guard geteuid() == 0 else { return "the caller: only root can be another" }
    if has(CLINUX_USER_NAMESPACE) { return "root without rights, who is alone in its namespace of users" }
    return "root without rights: \(reason(CLINUX_USER))"
  }

  /// Who a program is that works on a file: a file can only be opened by its owner once all rights are gone, while
  /// of a block device there is a node of the program's own.
  func ids(for file: stat?) -> (user: UInt32, group: UInt32) {
    guard has(CLINUX_USER) else { return (geteuid(), getegid()) }
    if let file, !file.isBlockDevice || !has(CLINUX_NAMESPACES), isUser(file.st_uid) {
      return (file.st_uid, file.st_gid)
    }
    return Self.isMapped ? (Self.user.id, Self.user.group) : (0, 0)
  }

  // MARK: The filter of system calls

  private struct FilterKey: Hashable {
    let role: Confinement.Role
    /// The first process of a namespace, which has the number 1.
    let isAlone: Bool
  }

  private static let filters = Mutex<[FilterKey: [UInt8]]>([:])

  /// Empty for a role that sets its own, and where the kernel has none.
  func filter(of role: Confinement.Role) throws(Failure) -> [UInt8] {
    guard has(CLINUX_SECCOMP), role != .worker, role != .extractor else { return [] }
    let key = FilterKey(role: role, isAlone: has(CLINUX_NAMESPACES))
    if let known = Self.filters.withLock({ $0[key] }) { return known }
    var length = 0
    guard let bytes = clinux_make_filter(role.number, key.isAlone, &length) else {
      throw .system("make a filter of system calls for", "a tool")
    }
    defer { free(bytes) }
    let filter = [UInt8](UnsafeRawBufferPointer(start: bytes, count: length))
    Self.filters.withLock { $0[key] = filter }
    return filter
  }
}
