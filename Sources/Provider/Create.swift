// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import Guest
internal import Images
internal import Interface
internal import LinuxIO
internal import Report

extension Provider {
  /// Installs a guest: a copy of the image, grown to the disk, with an identity of its own.
  func create(_ request: Request) throws(Failure) {
    try refuseMissing(request.disks)
    let name = try guestName(request.instance)
    let disks = try GuestDisks(request, configuration)
    let network = try network(of: request)
    let recipe = try ImageRecipe(configuration.imageRequest)
    let options = configuration.filesystemOptions.readable(bySuite: recipe.suite)
    for disk in [disks.root] + disks.data.map(\.disk) { try disk.refuseSectors(of: options) }
    noteUnconfigured(disks.unassigned, request.nics)
    // A guest that is installed anew keeps what is on its other disks, and itself for as long as there is no other.
    let replaced = request.isReinstall ? [disks.root] : disks.all

    let swapUUID = disks.swap == nil ? nil : UUID.random()
    var kept: KeptFiles?
    var isRebuilt = false
    while true {
      let entry = try obtainImage(recipe, forgetting: request.isReinstall ? [] : replaced)
      try refuseSmall(disks.root, for: entry.manifest)
      // Only the first time: later the guest is gone.
      if request.isReinstall, !isRebuilt { kept = try keptFiles(on: disks.root, for: entry) }
      let fault: Failure?
      do throws(Failure) {
        for disk in replaced { try disk.removeSignatures() }
        let wiped = try wipe(disks.root)
        let copied = try copy(entry, to: disks.root)
        fault = copied.fault
        if let superblock = copied.superblock {
          if let swap = disks.swap, let swapUUID {
            try steps.step("make swap on \(swap.path)") { progress throws(Failure) in
              _ = try swap.wipe(configuration.diskWipe, progress: progress)
              try SwapArea.make(on: swap, uuid: swapUUID)
            }
          }
          let data = try prepareData(disks.data, isReinstall: request.isReinstall, options)
          try steps.step("configure \(name.full)") { _ throws(Failure) in
            let filesystem = try grow(superblock, on: disks.root, options, zeroed: wiped != .none)
            var identity = Identity(
              name: name, rootUUID: filesystem.uuid.description, rootType: options.kind.rawValue,
              swapUUID: swapUUID?.description, network: network, accounts: configuration.accounts,
              locale: configuration.guestLocale,
              release: ReleaseFile(
                version: programVersion, installed: Timestamp.now.text, image: "sha256:\(entry.manifest.digest)",
                suite: recipe.suite, wipe: wiped.rawValue))
            identity.data = data
            let guest = GuestTree(filesystem, isInPlace: false)
            for mount in data { try guest.makeDirectory(ByteString(mount.mountPoint)) }
            try identity.apply(to: guest)
            try kept?.write(to: guest.filesystem)
            try guest.commit()
          }
          return
        }
      } catch {
        for disk in replaced { disk.spoil() }
        throw error
      }
      for disk in replaced { disk.spoil() }
      try entry.reject()
      guard let fault, !isRebuilt else { throw fault ?? Failure(.io, "the image is broken") }
      isRebuilt = true
      steps.note("the image is broken and is built anew: \(fault.message)")
    }
  }

  /// Copies the image; returns the superblock that is kept back, or what is wrong with the image.
  private func copy(
    _ entry: borrowing ImageEntry, to disk: Disk
  ) throws(Failure) -> (superblock: [UInt8]?, fault: Failure?) {
    do throws(DeploymentFailure) {
      let copy = try steps.step("copy the image") { progress throws(DeploymentFailure) in
        try Deployment(entry, to: disk, progress: progress)
      }
      return (copy.superblock, nil)
    } catch {
      guard error.isImageBroken else { throw error.failure }
      return (nil, error.failure)
    }
  }

  /// The image to copy. To build it may take minutes and may fail, and a host may start an instance whose create failed:
  /// what an earlier tenant left on the disks is not a guest from before that on.
  private func obtainImage(_ recipe: ImageRecipe, forgetting disks: [Disk]) throws(Failure) -> ImageEntry {
    do throws(Failure) {
      return try configuration.imageStore().obtain(recipe, steps: steps) { () throws(Failure) in
        for disk in disks { try disk.removeSignatures() }
      }
    } catch {
      for disk in disks { disk.spoil() }
      throw error
    }
  }

  private func noteUnconfigured(_ disks: [RequestedDisk], _ nics: [RequestedNIC]) {
    for disk in disks {
      steps.note(
        "disk \(disk.index)\(disk.path.map { ", \($0)," } ?? "") stays as it is: disk_\(disk.index) is not set")
    }
    for nic in nics.dropFirst() {
      let words = [nic.mac, nic.ip].compactMap { $0 }.joined(separator: ", ")
      steps.note(
        "interface \(nic.index)\(words.isEmpty ? "" : ", \(words),") stays unconfigured in the guest: only the first one "
          + "is configured")
    }
  }

  /// A disk that is configured and not there would be missed only when the guest runs.
  private func refuseMissing(_ disks: [RequestedDisk]) throws(Failure) {
    for (index, role) in configuration.diskRoles.sorted(by: { $0.key < $1.key })
    where role != .untouched && index >= disks.count {
      throw Failure(
        .invalid,
        "disk_\(index) is configured, but the instance has \(disks.count) \(disks.count == 1 ? "disk" : "disks")",
        remedy: "give the instance a disk \(index), or set disk_\(index) = none")
    }
  }

  private func grow(
    _ superblock: [UInt8], on disk: Disk, _ options: FilesystemOptions, zeroed: Bool
  ) throws(Failure) -> Filesystem {
    let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path, deferring: superblock)
    let filesystem = try Filesystem(opening: device, writable: true)
    filesystem.renewUUID()
    filesystem.setLabel(options.label)
    filesystem.renewHashSeed()
    try filesystem.grow(to: disk.size, options: options, zeroed: zeroed)
    return filesystem
  }

  private func refuseSmall(_ disk: Disk, for image: ImageManifest) throws(Failure) {
    guard disk.size < image.size else { return }
    throw Failure(
      .device,
      "disk \(disk.path) has \(Words.bytes(disk.size)) (\(disk.size) bytes), too small: the guest needs "
        + "\(Words.bytes(image.size)) (\(image.size) bytes)",
      remedy: "give the instance a larger disk")
  }
}
