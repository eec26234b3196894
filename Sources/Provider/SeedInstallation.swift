// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Guest
internal import Inspection
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// A seed for a guest that was not made here: what it says, and how it gets onto the guest's disk.
struct SeedInstallation {
  private let mode: Configuration.Configure
  /// Whether the guest is the machine that it was; nil: as its name says.
  private let identity: Configuration.Identity?
  /// Whether the configuration asks for what a seed does not reach.
  private let cleans: Bool
  let name: GuestName
  /// Nil where the host does not tell what it takes.
  private let network: SeedNetwork?
  /// Whether the guest gets an address that the host or the configuration says.
  private let isFixed: Bool
  /// Whether the plan has more than what cloud-init asks for by itself.
  private let isMoreThanDHCP: Bool
  private let accounts: Accounts
  private let timezone: String?
  private let userData: [UInt8]?
  private let surroundings: Surroundings
  /// Of the disk that is for the seed; nil where none is.
  private let diskIndex: Int?
  /// What the site adds, of a guest that is new.
  var site: SeedSite?

  /// - Throws: `.invalid` for user data that cloud-init does not read, or that no seed has room for.
  init(
    _ request: Request, _ network: NetworkPlan, _ configuration: Configuration, _ surroundings: Surroundings
  ) throws(Failure) {
    mode = configuration.configure
    identity = configuration.identity
    cleans = !configuration.clean.isEmpty
    name = GuestName(request.instance.text)
    self.network = SeedNetwork(network.network)
    isFixed = network.isFixed
    isMoreThanDHCP = network.isFixed || network.network.interfaces.contains { !$0.routes.isEmpty }
    accounts = configuration.accounts
    timezone = configuration.timezone
    // A rename leaves that as it is.
    userData = request.oldName == nil ? try configuration.userDataBytes() : nil
    self.surroundings = surroundings
    diskIndex = GuestDisks.indexOfSeed(request, configuration)
  }

  /// What a worker finds on a disk.
  struct Survey {
    /// Why the guest gets no seed unless the configuration says so.
    var obstacle: String? {
      switch hasCloudInit {
      case true?: size == nil ? "there is no room for a seed: \(SeedInstallation.room)" : nil
      case false?: lacksCloudInit
      case nil: "whether it has cloud-init can't be seen; with configure = seed it gets a seed"
      }
    }

    let lacksCloudInit = "it has no cloud-init: \(Seed.program) is not there"

    /// Whether there is a seed already.
    let isFound: Bool
    /// The number of the partition that it is in.
    let partition: Int?
    let hostname: String?
    let sectorSize: UInt64
    /// Of that seed, or of the place for one, in bytes; nil where there is none.
    let size: UInt64?
    let userData: SeedContent
    /// Nil where that is not known.
    let hasCloudInit: Bool?
    /// Whether the root filesystem is in a volume of LVM.
    let isOnLVM: Bool

    /// - Parameter isWhole: the disk is for a seed alone.
    init(of disk: Disk, isWhole: Bool = false, _ workers: Workers) throws(Failure) {
      let content = try SeedContent(.userData)
      let answer = try workers.run(
        SeedPartition.finding, ["whole": .bool(isWhole)], [.disk(disk), .stream(content.bytes.view)],
        .init(.guest, "looks for a seed on \(disk.path)"), .worker(onDiskOf: disk.size), Steps(.quiet))
      isFound = answer["found"] == .bool(true)
      partition = answer["partition"]?.integer
      hostname = answer["hostname"]?.string
      size = answer["size"]?.integer.map { UInt64(clamping: $0) }
      sectorSize = answer["sector"]?.integer.map { UInt64(clamping: $0) } ?? 512
      hasCloudInit = if case .bool(let has)? = answer["cloudInit"] { has } else { nil }
      isOnLVM = disk.layout.rootPartition?.isLVM ?? false
      userData = content.filled(to: answer["userData"]?.integer.map { UInt64(clamping: $0) } ?? 0)
    }
  }

  private static let room =
    "it takes a GUID partition table and 256 KiB before its first partition, or between two, or else a disk of its own"

  /// Whether a guest that was restored gets a seed, and why, in one line.
  enum Outcome {
    case seeded(String)
    /// It stays as it was.
    case left(String)
  }

  /// Has a guest whose root filesystem can't be edited be told by a seed who it is.
  ///
  /// Under its own name it keeps the seed that it has; under another one it becomes another instance, and keeps of the old
  /// seed the user data, unless there is other. As the machine that it was it gets another name in the seed that it has.
  ///
  /// - Parameters:
  ///   - seedDisk: the disk that is for the seed, where it can be written now.
  ///   - recorded: the name that the dump says it had.
  ///   - isNew: it is another instance, whatever the seed that it has says.
  /// - Throws: where the configuration asks for a seed and there is no place for one.
  func install(
    on disk: Disk, orOn seedDisk: Disk? = nil, recorded: String?, isNew: Bool = false, _ steps: Steps
  ) throws(Failure) -> Outcome {
    switch mode {
    case .none: return .left("configure = none")
    case .files:
      throw Failure(
        .guest, "configure = files, and the files of the guest on \(disk.path) can't be edited",
        remedy: "set configure to seed where the guest has cloud-init, else to none")
    case .auto, .seed: break
    }
    let survey = try Survey(of: disk, surroundings.workers)
    let isOfImage = isNew
    let isNew = isOfImage || identity == .clone
    let isKept = !isNew && identity == .restore
    if let diskIndex {
      if mode == .auto, survey.hasCloudInit == false { return .left(survey.lacksCloudInit) }
      if let seedDisk { try install(onWhole: seedDisk, survey, steps) }
      if !isOfImage || cleans, identity != .restore { steps.note(IdentityTable.seedNote) }
      return .seeded("its cloud-init finds its seed on disk \(diskIndex)")
    }
    if !isNew, let hostname = !survey.isFound ? recorded : survey.hostname, name.matches(hostname) {
      guard let partition = survey.partition else { return .left("it is \(name.full) already") }
      return .seeded("it keeps its seed, in partition \(partition): that says that it is \(name.full)")
    }
    if isKept {
      guard let old = survey.hostname, let partition = survey.partition else {
        return .left("it has no seed that names it, and another one would make it another machine (identity = restore)")
      }
      _ = try rename(from: old, on: disk, isRestored: true, steps)
      return .seeded("its seed in partition \(partition) says that it is \(name.full), and no longer \(old)")
    }
    if mode == .auto, !survey.isFound, let reason = survey.obstacle { return .left(reason) }
    guard let size = survey.size else {
      throw Failure(
        .guest, "\(disk.path) has no room for a seed: \(Self.room)",
        remedy:
          "give the instance a further disk of 1 MiB or more, and set disk_N to \"seed\" for it, or set configure to "
          + "\"none\"")
    }
    let number = try write(survey, size: size, to: disk, steps) ?? 0
    if !isOfImage || cleans { steps.note(IdentityTable.seedNote) }
    return .seeded(
      !survey.isFound
        ? "\(mode == .seed ? "configure = seed: its cloud-init" : "it has cloud-init, which") finds a seed in the new "
          + "partition \(number)"
        : "its cloud-init finds a new seed in partition \(number), in place of that of \(survey.hostname ?? "another")")
  }

  private func seed(_ instanceID: UUID, isOnLVM: Bool = false) -> Seed {
    var seed = Seed(
      instanceID: instanceID, name: name, network: network, accounts: accounts, timezone: timezone,
      userData: userData ?? [])
    seed.isOnLVM = isOnLVM
    seed.site = site
    return seed
  }

  /// - Parameter disk: for the seed alone, where there is one.
  /// - Throws: `.invalid` where no place for a seed has room for it.
  func refuseWithoutRoom(onWhole disk: Disk?) throws(Failure) {
    try SeedImage.refuseWithoutRoom(
      seed(UUID(bytes: [UInt8](repeating: 0, count: 16))).files.map { UInt64($0.bytes.count) },
      disk.map { ($0.path, $0.size) } ?? SeedImage.largestPartition)
  }

  /// What goes into the files of a guest that can be edited, for its worker: nothing unless the configuration asks for that.
  func filesInGuest(_ instanceID: UUID) -> JSON {
    guard mode == .seed else { return [] }
    return .array(seed(instanceID).files.map { ["name": .string($0.file.rawValue), "bytes": .bytes($0.bytes)] })
  }

  /// Returns the number of its partition; nil where it is a whole disk.
  private func write(
    _ survey: Survey, size: UInt64, to disk: Disk, isWhole: Bool = false, _ steps: Steps
  ) throws(Failure) -> Int? {
    let number = try steps.step("write the seed of \(name.full)") { _ throws(Failure) in
      try write(survey, size: min(size, SeedImage.largest), to: disk, isWhole: isWhole)
    }
    if isMoreThanDHCP, network == nil {
      steps.note("the seed leaves the network to DHCP: the host does not tell the MAC address of each interface")
    }
    return number
  }

  private func write(_ survey: Survey, size: UInt64, to disk: Disk, isWhole: Bool) throws(Failure) -> Int? {
    let files = try seed(surroundings.newUUID(), isOnLVM: survey.isOnLVM).files.map { file, bytes throws(Failure) in
      file == .userData && userData == nil && survey.userData.length > 0
        ? survey.userData : try SeedContent(file, bytes)
    }
    let image = try SeedImage.make(
      files, size: size, sectorSize: survey.sectorSize, serial: surroundings.newUUID(),
      for: isWhole ? disk.path : "its partition")
    let number = try surroundings.workers.run(
      SeedPartition.writing,
      ["uuid": .string(surroundings.newUUID().description), "whole": .bool(isWhole)],
      [.disk(disk), .stream(image.view)], .init(.guest, "writes a seed to \(disk.path)"), .worker(onDiskOf: disk.size),
      Steps(.quiet))
    return number.integer
  }

  /// Puts it on a disk that is for it alone, in place of whatever is there.
  ///
  /// - Parameter survey: of the seed that the guest had; its user data stays unless there is other.
  private func install(onWhole disk: Disk, _ survey: Survey, _ steps: Steps) throws(Failure) {
    try disk.removeSignatures()
    _ = try write(survey, size: disk.size, to: disk, isWhole: true, steps)
  }

  /// Has a restored disk that is for the seed alone agree with the name, as `install` does.
  ///
  /// - Returns: what became of it, in words; nil where it stays as it was restored.
  func restore(onWhole disk: Disk, _ steps: Steps) throws(Failure) -> String? {
    guard mode == .auto || mode == .seed else { return nil }
    let survey = try Survey(of: disk, isWhole: true, surroundings.workers)
    guard survey.isFound || mode == .seed else { return nil }
    if identity != .clone, let hostname = survey.hostname {
      if name.matches(hostname) { return "the seed says that the guest is \(name.full)" }
      if identity == .restore {
        _ = try rename(from: hostname, on: disk, isWhole: true, isRestored: true, steps)
        return "the seed says that the guest is \(name.full), and no longer \(hostname)"
      }
    }
    try install(onWhole: disk, survey, steps)
    return "a new seed says that the guest is \(name.full)"
      + (survey.hostname.map { ", in place of that of \($0)" } ?? "")
  }

  /// Whether the guest on a disk goes by a seed. The disk knows its partitions.
  func isThere(on disk: Disk, isWhole: Bool = false) throws(Failure) -> Bool {
    guard mode == .auto || mode == .seed else { return false }
    return try Survey(of: disk, isWhole: isWhole, surroundings.workers).isFound
  }

  /// Whether a disk is for it alone.
  var hasDisk: Bool { diskIndex != nil }

  /// What is to be told of the disk for a seed where the guest gets none.
  var unused: String? {
    diskIndex.map { "disk \($0) stays as it is: the guest's own files are edited, and it needs no seed" }
  }

  /// Gives the guest its new name in the seed on the disk that is for it, or makes that seed where there is none.
  ///
  /// - Returns: false where it has that already.
  func rename(
    from old: InstanceName, onWhole disk: Disk, ofGuestOn root: Disk, _ steps: Steps
  ) throws(Failure) -> Bool {
    if try isThere(on: disk, isWhole: true) { return try rename(from: old, on: disk, isWhole: true, steps) }
    try install(onWhole: disk, Survey(of: root, surroundings.workers), steps)
    return true
  }

  /// Gives the guest its new name in the seed that it has.
  ///
  /// - Returns: false where it has that already.
  func rename(from old: InstanceName, on disk: Disk, isWhole: Bool = false, _ steps: Steps) throws(Failure) -> Bool {
    try rename(from: old.text, on: disk, isWhole: isWhole, isRestored: false, steps)
  }

  /// - Parameter isRestored: it stays the instance that it was, and with it the network, which cloud-init would set up for
  ///   another one only.
  private func rename(
    from old: String, on disk: Disk, isWhole: Bool = false, isRestored: Bool, _ steps: Steps
  ) throws(Failure) -> Bool {
    if isRestored, isFixed { steps.note("the network in the seed stays as it was (identity = restore)") }
    // As in files: a static network replaces the one that the guest has, any other changes nothing.
    let text = isFixed && !isRestored ? network?.text : nil
    let isRenamed = try steps.step("rename \(old) to \(name.full)") { _ throws(Failure) in
      try surroundings.workers.run(
        SeedPartition.renaming,
        [
          "old": .string(old), "new": .string(name.full), "network": .optional(text),
          "instance": .string(surroundings.newUUID().description), "whole": .bool(isWhole),
        ], [.disk(disk)], .init(.guest, "edits the seed on \(disk.path)"), .worker(onDiskOf: disk.size), Steps(.quiet))
    }
    return isRenamed == .bool(true)
  }
}
