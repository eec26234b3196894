// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Guest
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// A disk after the first that carries a filesystem of its own.
enum DataDisk {
  /// What makes sense with a journal.
  static let smallest: UInt64 = 8 << 20

  enum Contents: Equatable {
    case nothing
    /// A filesystem that a guest can mount by its UUID.
    case filesystem(type: String, uuid: String)
    /// Something else, in libblkid's word for it.
    case other(String)
  }

  /// What a worker finds on a disk.
  static func contents(of disk: Disk, _ workers: Workers) throws(Failure) -> Contents {
    let found = try disk.probe(Self.task, by: workers)
    guard let words = found["other"]?.string else {
      guard let type = found["type"]?.string, let uuid = found["uuid"]?.string else { return .nothing }
      // What is made by the guest's administrator becomes a line of the new guest's fstab.
      return isPlain(uuid) && isPlain(type) ? .filesystem(type: type, uuid: uuid) : .other(type)
    }
    return .other(words)
  }

  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"\\\"'#".utf8.contains($0) }
  }

  /// A filesystem has `type` and `uuid`, anything else `other`.
  static let task = WorkerTask("use", .prober) { context throws(Failure) in
    switch try context.disk(0).use() {
    case .nothing: return [:]
    case .several: return ["other": "several things"]
    case .partitions(let table): return ["other": .string("partitions (\(table))")]
    case .one(let content):
      guard content.isFilesystem, let uuid = content.uuid else { return ["other": .string(content.type)] }
      return ["type": .string(content.type), "uuid": .string(uuid)]
    }
  }

  /// Makes an empty filesystem on the whole disk.
  ///
  /// The features are named one by one: those of this machine's mke2fs may be more than a guest of an older release
  /// knows.
  static func format(_ disk: Disk, uuid: UUID, _ options: FilesystemOptions) throws(Failure) {
    let path = disk.path
    let (status, output) = try disk.withoutClaim { () throws(Failure) in
      try Command.mke2fs(
        "-q", "-F", "-t", options.kind.rawValue, "-O", "none,\(features(options))", "-b",
        "\(options.blockSize)", "-i", "\(options.inodeRatio)", "-I", "256", "-m", "\(options.reservedPercent)", "-U",
        uuid.description, "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1", path
      ).capture(on: disk)
    }
    guard status.isSuccess else {
      throw Failure(.tool, "mke2fs can't make a filesystem on \(path): \(Command.lastLines(output))")
    }
  }

  /// As a list for mke2fs(8).
  private static func features(_ options: FilesystemOptions) -> String {
    let later = ["resize_inode"] + (options.kind == .ext2 ? [] : ["has_journal"])
    return (options.features.sorted().map(\.rawValue) + later).joined(separator: ",")
  }
}

extension CreatePlan {
  /// Gives the data disks their filesystems. On a reinstallation those that have one keep it, with all that is in it.
  func prepareData(
    _ disks: [GuestDisks.Data], isReinstall: Bool, _ options: FilesystemOptions, _ steps: Steps
  ) throws(Failure) -> [DataMount] {
    var mounts: [DataMount] = []
    for data in disks {
      let disk = data.disk
      switch isReinstall ? try DataDisk.contents(of: disk, surroundings.workers) : .nothing {
      case .nothing:
        let uuid = surroundings.newUUID()
        try steps.step("make \(options.kind.rawValue) on \(disk.path) for \(data.mountPoint)") {
          progress throws(Failure) in
          let wiped = try disk.wipe(configuration.diskWipe, progress: progress)
          try DataDisk.format(disk, uuid: uuid, options)
          if wiped == .none {
            _ = try surroundings.workers.run(
              Disk.clearing, nil, [.disk(disk)], .editing(disk), .worker(onDiskOf: disk.size), steps)
          }
        }
        mounts.append(
          DataMount(uuid: uuid.description, type: options.kind.rawValue, mountPoint: data.mountPoint))
      case .filesystem(let type, let uuid):
        steps.note("\(disk.path) keeps its \(type) filesystem, and is mounted at \(data.mountPoint)")
        mounts.append(DataMount(uuid: uuid, type: type, mountPoint: data.mountPoint))
      case .other(let what):
        steps.note("\(disk.path) keeps what it holds, \(what), and is not mounted at \(data.mountPoint)")
      }
    }
    return mounts
  }
}

extension Disk {
  /// Refuses a disk that a filesystem made with these options could not be mounted from.
  func refuseSectors(of options: FilesystemOptions) throws(Failure) {
    try refuseSectors(largerThan: UInt64(options.blockSize), remedy: "set block_size = \(sectorSize)")
  }
}
