// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import Guest
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage

/// Who a restored guest is, and the UUIDs of its disks.
///
/// Under its own name it is the machine that it was, and its disks have the UUIDs that they had. A copy under another
/// name gets others, where all that names the old ones can follow.
struct Agreement {
  private let target: ImportTarget
  private let configuration: Configuration
  private let surroundings: Surroundings
  private let steps: Steps

  init(_ target: ImportTarget, _ configuration: Configuration, _ surroundings: Surroundings, _ steps: Steps) {
    self.target = target
    self.configuration = configuration
    self.surroundings = surroundings
    self.steps = steps
  }

  /// How a guest came to its root disk.
  enum Restored {
    /// As a filesystem, of the instance that the dump names.
    case disk(of: String?)
    /// As files, in a filesystem that was made for them.
    case archive
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

  /// Makes swap, and makes the guest's files and the UUIDs of its disks agree with its name and with each other.
  func make(_ restored: Restored) throws(Failure) {
    let survey = try steps.step("look for what names the guest's disks") { progress throws(Failure) in
      let survey = try look(at: restored)
      progress.detail(
        survey.isCopy ? "a copy of \(survey.origin.name?.full ?? "a guest without a name")" : "it is \(target.name)")
      return survey
    }
    let rootUUID = try identify(target.root, survey)
    let swapUUID = target.swap == nil ? nil : uuidOfSwap(survey)
    if let swapUUID { try target.makeSwap(swapUUID, configuration, steps) }
    try steps.step("make the guest agree with \(target.name)") { _ throws(Failure) in
      let device = Region(target.root)
      let guest = GuestTree(try Filesystem(opening: device, writable: true), isInPlace: true)
      try follow(survey, rootUUID: rootUUID, swapUUID: swapUUID, in: guest)
      var restoration = Restoration(
        name: GuestName(target.name.text), origin: survey.origin, isCopy: survey.isCopy,
        rootUUID: rootUUID.description, swapUUID: swapUUID?.description, network: target.network)
      restoration.macs = target.macs
      if case .archive = restored { restoration.rootType = survey.type }
      tell(try restoration.apply(to: guest))
      try guest.commit()
    }
  }

  private func look(at restored: Restored) throws(Failure) -> Survey {
    let device = Region(target.root)
    let guest = GuestTree(try Filesystem(opening: device, writable: false), isInPlace: true)
    let origin = try Origin(of: guest)
    let current = guest.filesystem.uuid
    let (known, recorded): (UUID?, String?) =
      switch restored {
      case .disk(let instance): (current, instance)
      case .archive: (origin.rootUUID.flatMap { UUID($0) }, nil)
      }
    let isCopy = !origin.isSame(as: GuestName(target.name.text), recorded: recorded)
    var uuids: Set<UUID> = []
    if isCopy {
      uuids = Set(
        [known?.description, target.swap == nil ? nil : origin.swapUUID].compactMap { $0.flatMap(UUID.init) })
    }
    return Survey(
      origin: origin, isCopy: isCopy, current: current, known: known, type: guest.filesystem.type,
      tie: guest.filesystem.dependsOnUUID
        ? "what is encrypted in it depends on that (its feature stable_inodes)" : nil,
      places: try UUIDPlaces(of: uuids, origin, in: guest.filesystem))
  }

  /// Gives the root filesystem the UUID that it must have; returns the one that it has then.
  private func identify(_ disk: Disk, _ survey: Survey) throws(Failure) -> UUID {
    guard survey.isCopy else { return try identify(disk, survey, as: survey.known ?? survey.current) }
    if let tie = survey.tie {
      tellKept("the root filesystem", survey.current, tie)
      return survey.current
    }
    if let known = survey.known, let obstacle = survey.places.obstacle(to: known) {
      tellKept("the root filesystem", known, obstacle)
      return try identify(disk, survey, as: known)
    }
    // A filesystem that was made here has one that is new.
    guard survey.known == survey.current else { return survey.current }
    let device = Region(disk)
    let filesystem = try Filesystem(opening: device, writable: true)
    try filesystem.beginChanging()
    let uuid = filesystem.renewUUID()
    try filesystem.commit()
    return uuid
  }

  private func identify(
    _ disk: Disk, _ survey: Survey, as uuid: UUID
  ) throws(Failure) -> UUID {
    guard uuid != survey.current else { return uuid }
    // It writes all checksums anew.
    let (status, words) = try disk.withoutClaim { () throws(Failure) in
      try Command.tune2fs("-U", uuid.description, disk.path).capture(on: disk)
    }
    guard status.isSuccess else {
      throw Failure(
        .guest, "the filesystem can't get the UUID \(uuid) of the original; tune2fs says: \(Command.lastLines(words))")
    }
    return uuid
  }

  /// The UUID of the swap that is made.
  private func uuidOfSwap(_ survey: Survey) -> UUID {
    guard let old = survey.origin.swapUUID.flatMap({ UUID($0) }) else { return surroundings.newUUID() }
    guard survey.isCopy else { return old }
    guard let obstacle = survey.places.obstacle(to: old) else { return surroundings.newUUID() }
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
