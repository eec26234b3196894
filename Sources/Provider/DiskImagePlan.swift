// SPDX-License-Identifier: Apache-2.0
package import Configuration
internal import Guest
internal import Images
package import Interface
internal import LinuxIO
package import Report
internal import Storage
internal import Worker

/// Installs a guest as a copy of a published disk: its table and its root filesystem come to fill the disk, and it
/// becomes a machine of its own.
package struct DiskImagePlan: Plan, ~Copyable {
  private let configuration: Configuration
  private let surroundings: Surroundings
  private let target: ImportTarget
  private let image: DiskImage
  private let isReinstall: Bool
  /// What of the configuration does not reach a guest whose own files are edited.
  private let left: [String]

  package init(
    _ request: Request, _ configuration: Configuration, _ surroundings: Surroundings
  ) throws(Failure) {
    guard let image = try DiskImage(configuration) else { throw Failure(.invalid, "image is not set") }
    let name = try GuestName(of: request.instance)
    try CreatePlan.refuseMissing(request.disks, configuration)
    let disks = try GuestDisks(request, configuration)
    guard disks.data.isEmpty else {
      throw Failure(
        .invalid, "a guest of an image gets no data disks, and disk_N makes one",
        remedy: "set disk_N = \"none\", and make the filesystem in the guest")
    }
    let network = try NetworkPlan(request, configuration, surroundings.resolve)
    var target = ImportTarget(
      root: disks.root, swap: disks.swap, name: request.instance,
      network: network, macs: request.nics.compactMap(\.mac),
      seed: try SeedInstallation(request, network, configuration, surroundings), identity: .clone, seedDisk: disks.seed)
    if configuration.configure == .files || configuration.configure == .auto {
      // A guest that has one interface and asks for a lease of itself is left to do so.
      target.settings = GuestSettings(
        accounts: configuration.accounts, timezone: configuration.timezone,
        network: network.isPlain && configuration.renderer == nil ? nil : network.network,
        renderer: configuration.renderer)
    }
    target.site = try SiteFiles(configuration, for: name, network)
    // It is known from the start how the guest is told.
    if configuration.configure == .seed { try target.seedWithSite().refuseWithoutRoom(onWhole: target.seedDisk) }
    self.target = target
    isReinstall = request.isReinstall
    left = Self.left(configuration, isReinstall: request.isReinstall)
    self.image = image
    self.configuration = configuration
    self.surroundings = surroundings
  }

  private static func left(_ configuration: Configuration, isReinstall: Bool) -> [String] {
    let keys = [
      ("user_data", configuration.userData != nil),
      ("reinstall_keep", isReinstall && !configuration.reinstallKeep.isEmpty),
    ].filter(\.1).map(\.0)
    let identity = [noteOfRestore(configuration)].compactMap { $0 }
    guard !keys.isEmpty, configuration.configure != .seed else { return identity }
    return identity + [
      "\(Words.list(keys)) \(keys.count == 1 ? "does" : "do") not reach it where the guest's own files are edited"
        + (configuration.userData == nil ? "" : "; with cloud-init in it, configure = \"seed\" has user_data reach it")
    ]
  }

  /// Said of every create: an instance keeps its parameters when it is installed anew, so that it is not a fault.
  static func noteOfRestore(_ configuration: Configuration) -> String? {
    configuration.identity == .restore
      ? "identity = restore does not count here: an installed guest is always a new machine" : nil
  }

  private var disk: Disk { target.root }

  /// What the guest becomes.
  private var goal: String {
    switch configuration.configure {
    case .none: "leave the guest as its image has it (configure = none)"
    case .files, .auto: "make the guest a machine of its own: name, UUIDs, machine-id, ssh host keys"
    case .seed: "make the guest a machine of its own, and tell its cloud-init by a seed who it is (configure = seed)"
    }
  }

  package var lines: [String] {
    var lines = [
      "\(isReinstall ? "install" : "create") \(target.name)\(isReinstall ? " anew" : "")",
      "\(disk.words): wipe (\(configuration.diskWipe.rawValue)), copy \(image.words), fit its partitions to the disk, "
        + "grow its root filesystem",
      goal,
    ]
    if let swap = target.swap { lines.append("\(swap.words): make swap") }
    if let disk = target.seedDisk { lines.append("\(disk.words): write the seed, where the guest needs one") }
    if configuration.configure != .none { lines += target.network.lines + target.network.notes }
    if configuration.configure != .none { lines += IdentityTable.words(cleaning: configuration.cleanings) }
    if configuration.configure != .none { lines += configuration.accountLines }
    return lines + (target.site?.lines ?? []) + left
  }

  package consuming func apply(_ steps: Steps) throws(Failure) {
    let entry = try obtain(steps)
    let view = disk.descriptor.view
    let token = Interrupts.onInterrupt { Disk.clearHead(of: view) }
    defer { token.cancel() }
    if configuration.configure != .none { for line in target.network.notes { steps.note(line) } }
    do throws(Failure) {
      try disk.removeSignatures()
      try install(entry, steps)
      try disk.commitMark()
    } catch {
      disk.spoil()
      throw error
    }
  }

  private func obtain(_ steps: Steps) throws(Failure) -> ImageEntry {
    do throws(Failure) {
      if !isReinstall { try disk.removeSignatures() }
      let entry = try image.obtain(
        from: configuration.imageStore(), workers: surroundings.workers, steps: steps)
      try refuseUnfit(entry.manifest)
      return entry
    } catch {
      // A guest that is installed anew stays as long as there is no other.
      if !isReinstall { disk.spoil() }
      throw error
    }
  }

  private func refuseUnfit(_ manifest: ImageManifest) throws(Failure) {
    guard let origin = manifest.origin else { throw Failure(.io, "the image \(manifest.key) is not one of a disk") }
    // Of an image that an earlier version measured it is not known whether a copy of its table comes behind that.
    let isMeasured = manifest.key == ImageStore.key(ofDisk: origin.digest, format: origin.format)
    let needed = isMeasured ? origin.end : max(origin.end, min(manifest.size, origin.end.saturatingAdding(1 << 20)))
    guard disk.size >= needed else { throw .tooSmall(disk, "the image \(image.words) needs", needed) }
    guard origin.root?.hasPrefix("ext") == true || configuration.configure != .files else {
      throw Failure(
        .guest,
        "configure = files, and the root filesystem of \(image.words) is \(origin.root ?? "not known"): its files can't be edited",
        remedy: "set configure to seed where the guest has cloud-init, else to none")
    }
    if let filesystem = origin.root, !filesystem.hasPrefix("ext"), configuration.configure != .none {
      try target.seedWithSite().refuseWithoutRoom(onWhole: target.seedDisk)
    }
  }

  private func install(_ entry: consuming ImageEntry, _ steps: Steps) throws(Failure) {
    let filesystem = entry.manifest.origin?.root ?? "no filesystem that is known"
    let wiped = try disk.wipe(configuration.diskWipe, steps)
    // What the image does not hold is zero.
    if wiped == .none { try disk.clear(ByteRange(offset: 0, length: disk.size)) }
    disk.mark = .awaited
    guard try copy(entry, steps) else {
      let key = entry.manifest.key.prefix(12)
      try entry.reject()
      throw Failure(
        .io, "the image \(key) in the cache differs from its digests",
        remedy: "create the instance again: the image is fetched anew")
    }
    if disk.mark == .awaited { disk.mark = .written }
    switch try disk.findRoot(by: GuestPartitions.fitting, surroundings.workers, steps) {
    case .root: break
    case .noTable where filesystem.hasPrefix("ext"): break
    case .noTable: return try seed("\(filesystem) without partitions", steps)
    case .other(let words): return try seed(words, steps)
    }
    if let obstacle = try disk.filesystemObstacle() { return try seed(obstacle.message, steps) }
    try disk.growFilesystem(surroundings.workers, steps)
    for line in left { steps.note(line) }
    guard configuration.configure != .none else { return try leave(steps) }
    if let unused = target.seed.unused { steps.note(unused) }
    // It belonged to no instance before: whatever it is called, the guest is a copy.
    try target.agree(
      .disk(of: ""), clearing: configuration.diskWipe != .zero, configuration, surroundings, steps)
    try disk.settle()
  }

  /// Has a guest whose own files can't be edited be told by a seed who it is.
  private func seed(_ what: String, _ steps: Steps) throws(Failure) {
    guard configuration.configure != .none else { return try leave(steps) }
    switch try target.seedWithSite().install(on: disk, orOn: target.seedDisk, recorded: nil, isNew: true, steps) {
    case .seeded(let words):
      try target.makeSwap(surroundings.newUUID(), configuration, steps)
      steps.note("the guest is on \(what): \(words)")
    case .left(let reason):
      throw Failure(
        .guest, "nothing can give the guest of \(image.words) its name: \(what), and \(reason)",
        remedy:
          "name an image whose root filesystem is ext4, or one with cloud-init; with configure = none it stays as it is"
      )
    }
  }

  private func leave(_ steps: Steps) throws(Failure) {
    try target.makeSwap(surroundings.newUUID(), configuration, steps)
    steps.note("the guest stays as its image has it, without a name of its own (configure = none)")
  }

  /// Returns whether the image is what its digests say.
  ///
  /// What is behind the end of the disk is the copy of the table.
  private func copy(_ entry: borrowing ImageEntry, _ steps: Steps) throws(Failure) -> Bool {
    let start: Withheld
    do throws(DeploymentFailure) {
      start = try steps.step("copy the image") { progress throws(DeploymentFailure) in
        try Deployment(entry, to: Region(disk), keepingBack: .first(Disk.headSize), progress: progress).head
      }
    } catch {
      guard error.isImageBroken else { throw error.failure }
      return false
    }
    var head = Withheld()
    for part in start.parts {
      try disk.refuseUnfit(part.bytes, at: part.offset)
      head.hold(disk.withholdingMark(of: part.bytes, at: part.offset), at: part.offset)
    }
    try head.commit(to: Region(disk))
    return true
  }
}
