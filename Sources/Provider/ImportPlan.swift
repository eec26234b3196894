// SPDX-License-Identifier: Apache-2.0
package import Configuration
internal import Guest
internal import Inspection
package import Interface
internal import LinuxIO
package import Report
internal import Sources
internal import Storage
internal import Worker

/// Restores what is on the input, whatever that is: a guest to its root disk, made to agree with its new name and
/// disks, or any other disk as it was.
package struct ImportPlan: Plan, ~Copyable {
  private enum Goal {
    case guest(ImportTarget)
    /// A disk that is for the guest's seed alone.
    case seed(Disk, SeedInstallation)
    /// Further disks have no guest on them that would have to agree with anything.
    case other(Disk)
  }

  private let configuration: Configuration
  private let surroundings: Surroundings
  private let goal: Goal

  package init(
    _ request: Request, _ configuration: Configuration, _ surroundings: Surroundings
  ) throws(Failure) {
    let goal: Goal
    if request.disks.contains(where: { $0.role == .root }) {
      let disks = try GuestDisks(request, configuration)
      let network = try NetworkPlan(request, configuration, surroundings.resolve)
      goal = .guest(
        ImportTarget(
          root: disks.root, swap: disks.swap, name: request.instance,
          network: network,
          macs: request.nics.compactMap(\.mac),
          seed: try SeedInstallation(request, network, configuration, surroundings),
          identity: configuration.identity, seedDisk: disks.seed))
    } else {
      guard let requested = request.disks.first else { throw Failure(.device, "the request names no disk") }
      let disk = try GuestDisks.open(requested)
      if GuestDisks.role(of: requested, configuration) == .seed {
        let network = try NetworkPlan(request, configuration, surroundings.resolve)
        goal = .seed(disk, try SeedInstallation(request, network, configuration, surroundings))
      } else {
        goal = .other(disk)
      }
    }
    self.goal = goal
    self.configuration = configuration
    self.surroundings = surroundings
  }

  private var disk: Disk {
    switch goal {
    case .guest(let target): target.root
    case .seed(let disk, _), .other(let disk): disk
    }
  }

  package var lines: [String] {
    if case .seed = goal {
      return ["restore what comes to \(disk.words), and make the seed agree with the guest's name"]
    }
    guard case .guest(let target) = goal else {
      return ["restore what comes to \(disk.words), as it was"]
    }
    var lines = [
      "restore what comes to \(disk.words): wipe (\(configuration.diskWipe.rawValue)), check and grow the filesystem",
      configuration.configure == .none
        ? "\(Self.left), unless it comes as an archive"
        : "make the guest agree with \(target.name): \(goalWords)",
    ]
    if configuration.identity != .restore, configuration.configure != .none {
      lines += IdentityTable.words(cleaning: configuration.cleanings).map { "of a copy: \($0)" }
    }
    if let swap = target.swap { lines.append("\(swap.words): make swap") }
    if target.network.isFixed, configuration.configure != .none {
      lines += target.network.linesOfChange + target.network.notes
    }
    return lines + (target.nameFault.map { [$0] } ?? [])
  }

  private static let left = "the guest stays as it was, under its old name (configure = none)"

  private var goalWords: String {
    switch configuration.identity {
    case nil:
      "under its own name it stays the machine that it was, under another one it becomes a copy with an identity and UUIDs "
        + "of its own"
    case .clone: "it becomes a copy with an identity and UUIDs of its own (identity = clone)"
    case .restore: "it stays the machine that it was, whatever its name was (identity = restore)"
    }
  }

  package consuming func apply(_ steps: Steps) throws(Failure) {
    // A host may go on after an import that failed: nothing on the disk, not even what was there before, may be taken
    // for the guest.
    let view = disk.descriptor.view
    let token = Interrupts.onInterrupt { Disk.clearHead(of: view) }
    defer { token.cancel() }
    do throws(Failure) {
      try disk.removeSignatures()
      try restore(steps)
      try disk.commitMark()
    } catch {
      disk.spoil()
      throw error
    }
  }

  private func restore(_ steps: Steps) throws(Failure) {
    if case .guest(let target) = goal, let fault = target.nameFault { steps.note(fault) }
    let (stream, kind) = try IncomingStream(reading: SharedDescriptor(surroundings.input())).unpacked(to: disk.size)
    let restoration = DiskRestoration(disk, configuration, workers, steps)
    if case .seed(_, let seed) = goal {
      _ = try restoration.receive(stream, kind, orArchive: false)
      if let words = try seed.restore(onWhole: disk, steps) { steps.note("\(disk.path): \(words)") }
      return
    }
    guard case .guest(let target) = goal else {
      _ = try restoration.receive(stream, kind, orArchive: false)
      // A swap area knows its size: it grows with its disk, and stays the one that the guest's fstab names.
      _ = try workers.run(
        OtherDisk.fitting, nil, [.disk(disk)], .init(.guest, "fits what was restored to \(disk.path)"),
        .worker(onDiskOf: disk.size), steps)
      return
    }
    switch try restoration.receive(stream, kind, orArchive: true) {
    case .archive:
      try target.agree(.archive, clearing: false, configuration, surroundings, steps)
      try disk.confirm(steps)
    case .filesystem(let instance):
      try settle(target, of: instance, steps)
    case .other(let what, let instance):
      switch try disk.findRoot(by: GuestPartitions.fitting, workers, steps) {
      case .root: try settle(target, of: instance, steps)
      case .other(let words): try seed(target, words, of: instance, steps)
      case .noTable:
        if try disk.holdsExt() {
          try settle(target, of: instance, steps)
        } else if target.seed.hasDisk {
          try seed(target, what, of: instance, steps)
        } else {
          try leave(target, what, steps)
        }
      }
    }
  }

  /// Has a guest with a partition table, whose files can't be edited, be told by a seed who it is.
  private func seed(
    _ target: ImportTarget, _ what: String, of instance: String?, _ steps: Steps
  ) throws(Failure) {
    switch try target.seed.install(on: disk, orOn: target.seedDisk, recorded: instance, steps) {
    case .left(let reason): try leave(target, what, steps, reason)
    case .seeded(let words):
      try target.makeSwap(surroundings.newUUID(), configuration, steps)
      steps.note("what was restored is \(what): \(words)")
    }
  }

  /// Leaves a guest whose files can't be edited as it is.
  private func leave(
    _ target: ImportTarget, _ what: String, _ steps: Steps, _ reason: String? = nil
  ) throws(Failure) {
    try target.makeSwap(surroundings.newUUID(), configuration, steps)
    var note = "what was restored is \(what), whose guest stays as it was, under its old name"
    if let reason { note += " (\(reason))" }
    if let root = disk.layout.rootPartition, let filesystem = root.filesystem {
      note +=
        root.isLVM
        ? "; the volumes of the LVM in partition \(root.number) are as large as they were"
        : "; the \(filesystem) in partition \(root.number) grows at its first boot where the guest has cloud-init, "
          + "or x-systemd.growfs in its fstab"
    }
    steps.note(note)
  }

  /// Has a guest in an ext filesystem fill its disk and agree with its name.
  private func settle(_ target: ImportTarget, of instance: String?, _ steps: Steps) throws(Failure) {
    if let obstacle = try disk.filesystemObstacle() {
      try target.makeSwap(surroundings.newUUID(), configuration, steps)
      return steps.note("the guest stays as it was, under its old name: \(obstacle.message)")
    }
    try disk.growFilesystem(workers, steps)
    if configuration.configure == .none {
      try target.makeSwap(surroundings.newUUID(), configuration, steps)
      return steps.note(Self.left)
    }
    if configuration.userData != nil, configuration.configure != .seed {
      steps.note("user_data is not used: the guest's own files are edited, unless configure = seed")
    }
    // On a disk of zeros it costs nothing: holes stay holes.
    try target.agree(
      .disk(of: instance), clearing: configuration.diskWipe != .zero, configuration, surroundings, steps)
    try disk.settle()
  }

  private var workers: Workers { surroundings.workers }
}
