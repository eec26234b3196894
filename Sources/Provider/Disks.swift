// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage

/// The disks of a request that get something to hold, opened for writing, found fit and locked: nothing was written yet.
struct GuestDisks {
  struct Data {
    let disk: Disk
    let mountPoint: String
  }

  let root: Disk
  let swap: Disk?
  let data: [Data]
  /// The one that the guest's cloud-init reads a seed from.
  let seed: Disk?
  /// Those that stay as they are because neither the host nor the configuration says what they are for.
  let unassigned: [RequestedDisk]

  /// All that get something to hold.
  var all: [Disk] { [root] + [swap, seed].compactMap { $0 } + data.map(\.disk) }

  init(_ request: Request, _ configuration: Configuration) throws(Failure) {
    let roles = request.disks.map { ($0, request.isForFirmware($0) ? .untouched : Self.role(of: $0, configuration)) }
    try Self.refuseTwice(roles)
    root = try Self.openRoot(of: request)
    var swap: Disk?
    var seed: Disk?
    var data: [Data] = []
    for (requested, role) in roles {
      switch role {
      case .swap:
        let disk = try Self.open(requested)
        try Self.refuseSmaller(disk, than: SwapArea.smallest, "swap needs")
        swap = disk
      case .data(let mountPoint):
        let disk = try Self.open(requested)
        try Self.refuseSmaller(disk, than: DataDisk.smallest, "a filesystem needs")
        data.append(Data(disk: disk, mountPoint: mountPoint))
      case .seed: seed = try Self.openForSeed(requested)
      case .root, .untouched, nil: break
      }
    }
    self.swap = swap
    self.data = data
    self.seed = seed
    unassigned = roles.filter { $0.1 == nil }.map(\.0)
  }

  /// The root disk alone.
  static func openRoot(of request: Request) throws(Failure) -> Disk {
    guard let root = request.disks.first(where: { $0.role == .root }) else {
      throw Failure(.device, "the instance has no disk")
    }
    return try open(root)
  }

  /// The disk that is for a seed alone; nil where none is.
  static func openSeed(of request: Request, _ configuration: Configuration) throws(Failure) -> Disk? {
    try indexOfSeed(request, configuration).map { index throws(Failure) in try openForSeed(request.instanceDisks[index])
    }
  }

  /// Among the disks of the instance.
  static func indexOfSeed(_ request: Request, _ configuration: Configuration) -> Int? {
    request.instanceDisks.firstIndex { !request.isForFirmware($0) && role(of: $0, configuration) == .seed }
  }

  private static func openForSeed(_ requested: RequestedDisk) throws(Failure) -> Disk {
    let disk = try open(requested)
    try refuseSmaller(disk, than: SeedImage.smallest, "a seed needs")
    return disk
  }

  /// Opens a disk to be written.
  static func open(_ requested: RequestedDisk) throws(Failure) -> Disk {
    let path = try path(of: requested)
    guard requested.access == .readWrite else {
      throw Failure(
        .device,
        "disk \(requested.index), \(path), is read-only for the instance (its access is ro), and stays as it is",
        remedy: requested.index == 0
          ? "give the instance a root disk with mode=rw"
          : "change its mode to rw, or set disk_\(requested.index) = none")
    }
    return try Disk(path, for: .writing)
  }

  static func path(of requested: RequestedDisk) throws(Failure) -> String {
    if let path = requested.path { return path }
    throw Failure(
      .device,
      "disk \(requested.index) has no path on this machine, only the URI \((requested.uri ?? "").quoted), and guestsmith "
        + "reaches disks through the kernel",
      remedy: "have the kernel map the disk: set access to kernelspace in the parameters of its disk template")
  }

  /// What the configuration says of a disk, or else the host; nil where neither does.
  static func role(of disk: RequestedDisk, _ configuration: Configuration) -> RequestedDisk.Role? {
    disk.role == .root ? .root : configuration.role(ofDisk: disk.index) ?? disk.role
  }

  private static func refuseTwice(_ disks: [(RequestedDisk, RequestedDisk.Role?)]) throws(Failure) {
    for (index, (one, role)) in disks.enumerated() {
      for (other, otherRole) in disks[(index + 1)...] {
        guard let path = one.path, let otherPath = other.path, Disk.areSame(path, otherPath) else { continue }
        throw Failure(
          .device, "\(name(one, role)) \(path) and \(name(other, otherRole)) \(otherPath) are the same disk",
          remedy: "name two disks")
      }
    }
  }

  private static func name(_ disk: RequestedDisk, _ role: RequestedDisk.Role?) -> String {
    switch role {
    case .root: "the root disk"
    case .swap: "the swap disk"
    case .seed: "the disk for the seed,"
    case .data, .untouched, nil: "disk \(disk.index)"
    }
  }

  private static func refuseSmaller(_ disk: Disk, than smallest: UInt64, _ what: String) throws(Failure) {
    if disk.size < smallest { throw .tooSmall(disk, what, smallest) }
  }
}
