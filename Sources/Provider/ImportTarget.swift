// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Guest
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// What a guest is restored to.
struct ImportTarget {
  let root: Disk
  let swap: Disk?
  let name: InstanceName
  let network: NetworkPlan
  /// Of the network interfaces, as far as the host tells.
  let macs: [String]
  /// For a guest that comes out of an image.
  var settings: GuestSettings?
  /// For the same.
  var site: SiteFiles?
  /// For a guest whose files can't be edited.
  let seed: SeedInstallation
  /// Whether it is the machine that it was; nil: as its name says.
  var identity: Configuration.Identity?
  /// What it goes to instead of a partition, where it is written together with the root disk.
  var seedDisk: Disk?

  /// What is to be told of a name that no guest can carry.
  var nameFault: String? {
    GuestName(name.text).fault.map {
      "the guest is restored, but cannot call itself \(name) when it runs: \($0)"
    }
  }

  /// The seed, with what the site adds.
  ///
  /// - Throws: `.invalid` for what no seed carries.
  func seedWithSite() throws(Failure) -> SeedInstallation {
    var seed = seed
    seed.site = try site?.ofSeed()
    return seed
  }

  func makeSwap(_ uuid: UUID, _ configuration: Configuration, _ steps: Steps) throws(Failure) {
    try swap?.makeSwap(uuid, configuration, steps)
  }

  /// Has the guest agree with its name and its disks, and makes its swap.
  ///
  /// - Parameter clearing: what the new parts of the filesystem call used is cleared first.
  func agree(
    _ restored: Agreement.Restored, clearing: Bool, _ configuration: Configuration, _ surroundings: Surroundings,
    _ steps: Steps
  ) throws(Failure) {
    let newSwapUUID = swap == nil ? nil : surroundings.newUUID()
    let instanceID = surroundings.newUUID()
    var unsound: JSON = nil
    func run(isAgain: Bool) throws(Failure) -> JSON {
      let (isArchive, recorded): (Bool, String?) =
        switch restored {
        case .archive: (true, nil)
        case .disk(let instance): (false, instance)
        }
      return try surroundings.workers.run(
        Agreement.task,
        [
          "name": .string(name.text), "network": network.network.json, "macs": .array(macs.map { .string($0) }),
          "newSwap": .optional(newSwapUUID?.description), "archive": .bool(isArchive),
          "recorded": .optional(recorded), "clear": .bool(clearing && !isAgain && unsound == .null),
          "again": .bool(isAgain), "unsound": unsound, "instance": .string(instanceID.description),
          "seed": seed.filesInGuest(instanceID), "settings": settings?.json ?? nil,
          "identity": .optional(identity?.rawValue), "clean": .array(configuration.clean.map { .string($0) }),
          "site": site?.json(behind: 1) ?? nil,
        ], [.disk(root)] + (site?.streams ?? []), .editing(root), .worker(onDiskOf: root.size), steps)
    }
    var made = try run(isAgain: false)
    if let numbers = made["check"]?.array {
      unsound = .array(
        try root.checkPartitions(numbers.compactMap(\.integer), surroundings.workers, steps).map { .integer($0) })
      made = try run(isAgain: false)
    }
    if let uuid = made["uuid"]?.string.flatMap({ UUID($0) }) {
      try root.identify(as: uuid)
      made = try run(isAgain: true)
    }
    guard let newSwapUUID else { return }
    try makeSwap(made["swap"]?.string.flatMap { UUID($0) } ?? newSwapUUID, configuration, steps)
  }
}

extension Disk {
  /// Gives the filesystem on it another UUID.
  fileprivate func identify(as uuid: UUID) throws(Failure) {
    // It writes all checksums anew.
    let (status, words) = try withoutClaim { () throws(Failure) in
      try Command.tune2fs("-U", uuid.description, rootPath).capture(on: self)
    }
    guard status.isSuccess else {
      throw Failure(
        .guest, "the filesystem can't get the UUID \(uuid) of the original; tune2fs says: \(Command.lastLines(words))")
    }
  }
}
