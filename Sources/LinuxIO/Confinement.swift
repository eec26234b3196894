// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report
internal import Synchronization

/// What a program can reach that reads what a guest or a stranger wrote: its descriptors, the libraries, and the places
/// that are named here; no other file, process, network or right of root's.
package struct Confinement: Sendable {
  /// What it does, and so which system calls it needs.
  package enum Role: Sendable {
    /// Unpacks a stream from its input to its output.
    case unpacker
    /// Works on a guest's disk, which it opens by its path.
    case checker
    /// Our own program, with what it has open. It puts itself under a filter of system calls when it has started.
    case worker
    /// The same, with files that it makes in a folder that it has open.
    case extractor

    var number: clinux_role {
      switch self {
      case .unpacker: CLINUX_UNPACKER
      case .checker: CLINUX_CHECKER
      case .worker: CLINUX_WORKER
      case .extractor: CLINUX_EXTRACTOR
      }
    }
  }

  /// A file or block device that is there under its own path.
  package struct Place: Sendable {
    fileprivate let path: String
    let status: stat
    fileprivate let writable: Bool

    /// - Parameter file: what has to be found at the path when the program starts.
    package init(_ path: String, _ file: borrowing Descriptor, writable: Bool) throws(Failure) {
      self.path = absolute(path)
      status = try file.status()
      self.writable = writable
    }

    /// A folder that is open, under the path that it was opened by.
    package init(of folder: DescriptorView) throws(Failure) {
      var status = stat()
      guard fstat(folder.raw, &status) == 0 else { throw .system("examine", folder.name) }
      self.status = status
      path = absolute(folder.name)
      writable = true
    }
  }

  package var role: Role
  package var places: [Place]
  /// The number that the folder to make files in has in the child; the one place is that folder.
  private var target: Int32 = -1

  package init(_ role: Role, _ places: [Place] = []) {
    self.role = role
    self.places = places
  }

  /// Of an extractor, which makes files in a folder and has no other place.
  ///
  /// - Parameter number: the folder's descriptor in the child.
  package init(making number: Int32, _ folder: Place) {
    self.init(.extractor, [folder])
    target = number
  }
}

extension Confinement {
  /// The libraries of the system, where the dynamic linker looks for them.
  private static let libraries = [
    "/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/etc/ld.so.cache",
  ]

  /// What is shown to a program: the libraries that there are, and itself.
  private func shown(to program: String?) -> [String] {
    let isOurs = role == .worker || role == .extractor
    return Self.libraries.filter { examine($0).error == 0 } + (isOurs ? Self.ownLibraries : [])
      + (program.map { [$0] } ?? [])
  }

  /// The libraries of this program that are elsewhere, as those of a toolchain are.
  private static let ownLibraries: [String] = {
    let lines = (fileText("/proc/self/maps") ?? "").split(separator: "\n")
    let paths = lines.compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }
    return Set(paths).filter { path in path.contains(".so") && !libraries.contains { path.hasPrefix("\($0)/") } }
      .sorted()
  }()

  /// Calls `body` with what a child of ours is confined by.
  ///
  /// - Parameter program: nil is this program itself, which needs no path.
  func withRequest<R: ~Copyable>(
    executing program: String?, in folder: String, layers: SandboxLayers,
    _ body: (clinux_confinement) throws(Failure) -> R
  ) throws(Failure) -> R {
    let layers = layers.forWork(on: places.first?.status)
    let filter = try layers.filter(of: role)
    let (user, group) = layers.ids(for: places.first?.status)
    let arena = CArena()
    let shown = arena.copy(shown(to: program).map { UnsafePointer(arena.copy($0)) } + [nil])
    let given = arena.copy(
      places.map { place in
        let status = place.status
        return clinux_place(
          path: arena.copy(place.path), device: UInt64(status.isBlockDevice ? status.st_rdev : status.st_dev),
          inode: UInt64(status.st_ino), is_block_device: status.isBlockDevice, writable: place.writable,
          user: isUser(status.st_uid) ? status.st_uid : geteuid(),
          group: isUser(status.st_uid) ? status.st_gid : getegid())
      })
    let request = clinux_confinement(
      role: role.number, layers: layers.flags, shown: shown, places: given, place_count: Int32(places.count),
      target: target, folder: arena.copy(folder), user: user, group: group,
      filter: filter.isEmpty ? nil : UnsafeRawPointer(arena.copy(filter)), filter_length: filter.count)
    defer { withExtendedLifetime(arena) {} }
    return try body(request)
  }
}

/// What C is to read, for as long as this lives.
private final class CArena {
  private var blocks: [UnsafeMutableRawPointer] = []

  func copy(_ text: String) -> UnsafePointer<CChar> { UnsafePointer(copy(ByteString(argument: text).cString)) }

  func copy<T>(_ values: [T]) -> UnsafeMutablePointer<T> {
    let block = UnsafeMutablePointer<T>.allocate(capacity: max(1, values.count))
    block.initialize(from: values, count: values.count)
    blocks.append(UnsafeMutableRawPointer(block))
    return block
  }

  deinit { for block in blocks { block.deallocate() } }
}

/// Puts this process under the filter of a worker's system calls: from here on it opens and executes nothing.
///
/// - Parameter role: `.worker` or `.extractor`.
package func restrictOwnCalls(to role: Confinement.Role) throws(Failure) {
  guard clinux_restrict(role.number) == 0 else { throw .system("set a filter of system calls for", "this process") }
}
