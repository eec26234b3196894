// SPDX-License-Identifier: Apache-2.0
package import Configuration
internal import Ext4
internal import Guest
internal import Images
package import Interface
internal import LinuxIO
package import Report
internal import Storage
internal import Worker

/// Installs a guest: a copy of the image, grown to the disk, with an identity of its own.
package struct CreatePlan: Plan, ~Copyable {
  let configuration: Configuration
  let surroundings: Surroundings
  private let name: GuestName
  private let disks: GuestDisks
  private let network: NetworkPlan
  private let source: GuestSource
  private let options: FilesystemOptions
  private let site: SiteFiles?
  private let isReinstall: Bool
  /// Nil where one filesystem is the whole disk.
  private let boot: BootInstallation?
  /// What is left out or stays as it is, and why.
  private let left: [String]

  /// - Throws: for a name, a disk, a network or a release that can't be.
  package init(
    _ request: Request, _ configuration: Configuration, _ surroundings: Surroundings
  ) throws(Failure) {
    try Self.refuseMissing(request.disks, configuration)
    let name = try GuestName(of: request.instance)
    let disks = try GuestDisks(request, configuration)
    if let seed = disks.seed {
      throw Failure(
        .invalid,
        "\(seed.path) is for a seed (disk_N = \"seed\"), and only a guest of the image of a disk reads one",
        remedy: "set that disk_N to \"none\", or image to the image of a disk")
    }
    let network = try NetworkPlan(request, configuration, surroundings.resolve)
    let source = try GuestSource(configuration, for: request)
    let site = try SiteFiles(configuration, for: name, network)
    let boot =
      try source.isBootable
      ? BootInstallation(configuration.firmware, on: disks.root, surroundings) : nil
    let options = source.options(configuration)
    for disk in [disks.root] + disks.data.map(\.disk) { try disk.refuseSectors(of: options) }
    self.name = name
    self.disks = disks
    self.network = network
    self.source = source
    self.options = options
    self.site = site
    isReinstall = request.isReinstall
    self.boot = boot
    left =
      Self.left(disks.unassigned) + network.notes
      + [
        DiskImagePlan.noteOfRestore(configuration), boot?.note,
        source.isForeign && boot == nil && !request.hostHasKernel ? Self.kernelless : nil,
      ].compactMap { $0 }
    self.configuration = configuration
    self.surroundings = surroundings
  }

  /// A disk that is configured and not there would be missed only when the guest runs.
  static func refuseMissing(
    _ disks: [RequestedDisk], _ configuration: Configuration
  ) throws(Failure) {
    for (index, role) in configuration.diskRoles.sorted(by: { $0.key < $1.key })
    where role != .untouched && index >= disks.count {
      throw Failure(
        .invalid,
        "disk_\(index) is configured, but the instance has \(disks.count) \(disks.count == 1 ? "disk" : "disks")",
        remedy: "give the instance a disk \(index), or set disk_\(index) = none")
    }
  }

  private static let kernelless =
    "the guest has no boot loader: it boots by a kernel that its host starts, kernel_path of KVM; with a kernel in it "
    + "layout = \"gpt\" adds one"

  private static func left(_ disks: [RequestedDisk]) -> [String] {
    disks.map { disk in
      "disk \(disk.index)\(disk.path.map { ", \($0)," } ?? "") stays as it is: disk_\(disk.index) is not set"
    }
  }

  package var lines: [String] {
    let root = disks.root
    var lines = [
      "\(isReinstall ? "install" : "create") \(name.full)\(isReinstall ? " anew" : "")",
      "\(root.words): wipe (\(configuration.diskWipe.rawValue)), "
        + "copy \(source.words), "
        + "grow \(options.kind.rawValue) to the disk",
    ]
    if let boot { lines.append("\(root.words): \(boot.words)") }
    if isReinstall, !configuration.reinstallKeep.isEmpty {
      lines.append("keep of the guest: \(configuration.reinstallKeep.joined(separator: ", "))")
    }
    if let swap = disks.swap { lines.append("\(swap.words): make swap") }
    for data in disks.data {
      lines.append(
        "\(data.disk.words): \(isReinstall ? "mount" : "make \(options.kind.rawValue), mount") at \(data.mountPoint)")
    }
    lines.append("its own: name, UUIDs, machine-id, ssh host keys")
    return lines + configuration.accountLines + network.lines + (site?.lines ?? []) + left
  }

  package consuming func apply(_ steps: Steps) throws(Failure) {
    for line in left { steps.note(line) }
    // A guest that is installed anew keeps what is on its other disks, and itself for as long as there is no other.
    let replaced = isReinstall ? [disks.root] : disks.all
    let swapUUID = disks.swap == nil ? nil : surroundings.newUUID()
    var kept: KeptFilesSpool?
    var isRebuilt = false
    while true {
      let entry = try obtainImage(forgetting: isReinstall ? [] : replaced, steps)
      guard root.range.length >= entry.manifest.size else {
        throw .tooSmall(disks.root, "the guest needs", entry.manifest.size + disks.root.size - root.range.length)
      }
      let loaders = try source.loaders(configuration)
      // Only the first time: later the guest is gone.
      if isReinstall, !isRebuilt {
        kept = try KeptFilesSpool(of: disks.root, for: entry, configuration, surroundings.workers, steps)
      }
      let fault: Failure?
      do throws(Failure) {
        for disk in replaced { try disk.removeSignatures() }
        fault = try install(entry, loaders, kept, swapUUID, steps)
      } catch {
        for disk in replaced { disk.spoil() }
        throw error
      }
      guard let fault else { return }
      for disk in replaced { disk.spoil() }
      try entry.reject()
      guard !isRebuilt else { throw fault }
      isRebuilt = true
      steps.note("the image is broken, and is built again: \(fault.message)")
    }
  }

  /// Where the root filesystem goes.
  private var root: Region { boot.map { Region(disks.root, $0.root) } ?? Region(disks.root) }

  /// The image to copy. To build it may take minutes and may fail, and a host may start an instance whose create failed:
  /// what an earlier tenant left on the disks is not a guest from before that on.
  private func obtainImage(forgetting disks: [Disk], _ steps: Steps) throws(Failure) -> ImageEntry {
    do throws(Failure) {
      return try source.obtain(from: configuration.imageStore(), surroundings, steps) { () throws(Failure) in
        for disk in disks { try disk.removeSignatures() }
      }
    } catch {
      for disk in disks { disk.spoil() }
      throw error
    }
  }

  /// Puts the guest on its disks; returns what is wrong with the image, where that is broken.
  private func install(
    _ entry: borrowing ImageEntry, _ loaders: HostBootLoaders?, _ kept: KeptFilesSpool?, _ swapUUID: UUID?,
    _ steps: Steps
  ) throws(Failure) -> Failure? {
    let wiped = try disks.root.wipe(configuration.diskWipe, steps)
    let head: Withheld
    do throws(DeploymentFailure) {
      head = try steps.step("copy the image") { progress throws(DeploymentFailure) in
        try Deployment(entry, to: root, progress: progress).head
      }
    } catch {
      guard error.isImageBroken else { throw error.failure }
      return error.failure
    }
    if let loaders {
      if let broken = try boot?.copyLoaders(of: loaders, to: disks.root) { throw broken }
    } else if let broken = try boot?.copyLoaders(of: entry, to: disks.root) {
      return broken
    }
    if let swap = disks.swap, let swapUUID { try swap.makeSwap(swapUUID, configuration, steps) }
    let data = try prepareData(disks.data, isReinstall: isReinstall, options, steps)
    let release = ReleaseFile(
      version: programVersion, installed: surroundings.now().text, image: "sha256:\(entry.manifest.digest)",
      suite: entry.manifest.suite, wipe: wiped.rawValue)
    var identity = Identity(
      name: name, rootUUID: "", rootType: options.kind.rawValue, swapUUID: swapUUID?.description,
      network: network.network,
      accounts: configuration.accounts, locale: configuration.guestLocale, release: release)
    identity.renderer = configuration.renderer
    identity.data = data
    identity.cleaning = source.isForeign ? configuration.cleanings : []
    identity.bootLoader = boot?.loader
    identity.isForeign = source.isForeign
    let spools: [WorkerDescriptor] = kept.map { [.stream($0.contents.view), .stream($0.list.view)] } ?? []
    identity.nameFiles = site?.templates.map(\.path) ?? []
    let made = try surroundings.workers.run(
      GuestInstallation.task,
      GuestInstallation.values(
        identity, in: root.range, head: head, zeroed: wiped != .none, options, keeping: kept != nil, site: site),
      [.disk(disks.root)] + spools + (site?.streams ?? []), .editing(disks.root), .worker(onDiskOf: disks.root.size),
      steps)
    if let loaders {
      try boot?.finish(disks.root, loaders, rootUUID: made.text("uuid"))
    } else {
      try boot?.finish(disks.root, entry, rootUUID: made.text("uuid"))
    }
    return nil
  }
}
