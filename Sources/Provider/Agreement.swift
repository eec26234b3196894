// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Guest
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// Who a restored guest is, and the UUIDs of its disks: made to agree by a worker that has its root disk.
///
/// Under its own name it is the machine that it was, and its disks have the UUIDs that they had. A copy under another
/// name gets others, where all that names the old ones can follow.
struct Agreement {
  private let disk: Disk
  private let name: String
  private let network: Network?
  private let macs: [String]
  /// For the swap, where there is one and it gets a new one.
  private let newSwapUUID: UUID?
  private let steps: Steps

  /// How a guest came to its root disk.
  enum Restored {
    /// As a filesystem, of the instance that the dump names.
    case disk(of: String?)
    /// As files, in a filesystem that was made for them.
    case archive
  }

  /// Returns the UUID that tune2fs has to give the filesystem before all else (`uuid`); or, when all is made, that of the
  /// swap (`swap`).
  static let task = WorkerTask("agree", .editor) { context throws(Failure) in
    let values = context.values
    let agreement = try Agreement(context)
    if try values.flag("clear") { try agreement.disk.clearUnwritten() }
    let restored: Restored = try values.flag("archive") ? .archive : .disk(of: values["recorded"]?.string)
    return try agreement.make(restored, isAgain: try values.flag("again"))
  }

  private init(_ context: WorkerContext) throws(Failure) {
    let values = context.values
    disk = try context.disk(0)
    name = try values.text("name")
    network = try Network.optional(values["network"])
    macs = try values.texts("macs")
    newSwapUUID = values["newSwap"]?.string.flatMap { UUID($0) }
    steps = context.steps
  }

  /// What is known of a restored guest before anything in it is changed.
  private struct Survey {
    let origin: Origin
    let isCopy: Bool
    /// Of the root filesystem on the disk.
    let current: UUID
    /// Of the root filesystem that the guest knows.
    let known: UUID?
    let type: String
    /// Why the filesystem keeps its UUID, whatever names it.
    let tie: String?
    let places: UUIDPlaces
  }

  /// Makes the guest's files and the UUID of its root filesystem agree with its name and with each other.
  private func make(_ restored: Restored, isAgain: Bool) throws(Failure) -> JSON {
    let survey =
      isAgain
      ? try look(at: restored)
      : try steps.step("look for what names the guest's disks") { progress throws(Failure) in
        let survey = try look(at: restored)
        progress.detail(
          survey.isCopy ? "a copy of \(survey.origin.name?.full ?? "a guest without a name")" : "it is \(name)")
        return survey
      }
    let root = uuidOfRoot(survey)
    guard root.uuid == survey.current || root.isNew else { return ["uuid": .string(root.uuid.description)] }
    if let reason = root.reason { tellKept("the root filesystem", root.uuid, reason) }
    let rootUUID = root.isNew ? try renew() : root.uuid
    let swapUUID = newSwapUUID.map { uuidOfSwap(survey, orNew: $0) }
    try steps.step("make the guest agree with \(name)") { _ throws(Failure) in
      let device = Region(rootOf: disk)
      let guest = GuestTree(try Filesystem(opening: device, writable: true), isInPlace: true)
      try follow(survey, rootUUID: rootUUID, swapUUID: swapUUID, in: guest)
      var restoration = Restoration(
        name: GuestName(name), origin: survey.origin, isCopy: survey.isCopy,
        rootUUID: rootUUID.description, swapUUID: swapUUID?.description, network: network)
      restoration.macs = macs
      if case .archive = restored { restoration.rootType = survey.type }
      tell(try restoration.apply(to: guest))
      try guest.commit()
    }
    return ["swap": .optional(swapUUID?.description)]
  }

  private func look(at restored: Restored) throws(Failure) -> Survey {
    let device = Region(rootOf: disk)
    let guest = GuestTree(try Filesystem(opening: device, writable: false), isInPlace: true)
    let origin = try Origin(of: guest)
    let current = guest.filesystem.uuid
    let (known, recorded): (UUID?, String?) =
      switch restored {
      case .disk(let instance): (current, instance)
      case .archive: (origin.rootUUID.flatMap { UUID($0) }, nil)
      }
    let isCopy = !origin.isSame(as: GuestName(name), recorded: recorded)
    var uuids: Set<UUID> = []
    if isCopy {
      uuids = Set(
        [known?.description, newSwapUUID == nil ? nil : origin.swapUUID].compactMap { $0.flatMap(UUID.init) })
    }
    return Survey(
      origin: origin, isCopy: isCopy, current: current, known: known, type: guest.filesystem.type,
      tie: guest.filesystem.dependsOnUUID
        ? "what is encrypted in it depends on that (its feature stable_inodes)" : otherPartition,
      places: try UUIDPlaces(of: uuids, origin, in: guest.filesystem))
  }

  /// Another partition that can name the root filesystem, as one for EFI or /boot does: it is not edited.
  private var otherPartition: String? {
    let layout = disk.layout
    let kinds: Set = ["vfat", "ext2", "ext3", "ext4", "xfs", "btrfs"]
    let other = layout.partitions.first { $0.range != layout.root && $0.filesystem.map(kinds.contains) ?? false }
    return other.map { "partition \($0.number) (\($0.filesystem ?? "")) may name it" }
  }

  /// The UUID that the root filesystem must have, and why it keeps one that is the original's; `isNew` where it gets one
  /// that nothing has.
  private func uuidOfRoot(_ survey: Survey) -> (uuid: UUID, isNew: Bool, reason: String?) {
    guard survey.isCopy else { return (survey.known ?? survey.current, false, nil) }
    if let tie = survey.tie { return (survey.current, false, tie) }
    if let known = survey.known, let obstacle = survey.places.obstacle(to: known) { return (known, false, obstacle) }
    // A filesystem that was made here has one that is new.
    return (survey.current, survey.known == survey.current, nil)
  }

  private func renew() throws(Failure) -> UUID {
    let filesystem = try Filesystem(opening: Region(rootOf: disk), writable: true)
    try filesystem.beginChanging()
    let uuid = filesystem.renewUUID()
    try filesystem.commit()
    return uuid
  }

  /// The UUID of the swap that is made.
  private func uuidOfSwap(_ survey: Survey, orNew new: UUID) -> UUID {
    guard let old = survey.origin.swapUUID.flatMap({ UUID($0) }) else { return new }
    guard survey.isCopy else { return old }
    guard let obstacle = survey.places.obstacle(to: old) else { return new }
    tellKept("the swap", old, obstacle)
    return old
  }

  private func tellKept(_ what: String, _ uuid: UUID, _ reason: String) {
    steps.note("\(what) has the UUID of the original, \(uuid): \(reason)")
  }

  /// Has every text that names an old UUID name the new one.
  private func follow(
    _ survey: Survey, rootUUID: UUID, swapUUID: UUID?, in guest: GuestTree
  ) throws(Failure) {
    let changes = [
      (survey.known?.description, rootUUID.description), (survey.origin.swapUUID, swapUUID?.description),
    ].compactMap { old, new -> (UUID, UUID)? in
      guard let old = old.flatMap(UUID.init), let new = new.flatMap(UUID.init), old != new else { return nil }
      return (old, new)
    }
    guard !changes.isEmpty else { return }
    var followed: [ByteString] = []
    for text in survey.places.texts {
      var bytes: [UInt8] = []
      try guest.filesystem.eachPiece(of: text.inode) { piece, _ throws(Failure) in bytes += piece }
      let changed = changes.reduce(bytes) { $1.0.replaced(by: $1.1, in: $0) }
      guard changed != bytes else { continue }
      try guest.rewrite(text.inode, changed, named: text.path)
      followed.append(text.path)
    }
    if !followed.isEmpty { steps.note("these name the new UUIDs now: \(Self.list(followed))") }
  }

  private func tell(_ outcome: Restoration.Outcome) {
    if outcome.keptSSHHostKeys { steps.note("the guest has nothing that makes ssh host keys: it keeps those it had") }
    let hardware = outcome.hardware
    if !hardware.removed.isEmpty {
      steps.note("made anew by the copy where it needs them: \(Self.list(hardware.removed))")
    }
    if !hardware.told.isEmpty {
      steps.note(
        "these name the hardware of the original, and stay as they are: \(Self.list(hardware.told))")
    }
  }

  private static func list(_ paths: [ByteString]) -> String {
    let most = 20
    let shown = paths.prefix(most).map(\.description).joined(separator: ", ")
    return paths.count > most ? "\(shown) and \(paths.count - most) more" : shown
  }
}
