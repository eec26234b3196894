// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import Guest
internal import Inspection
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// Who a restored guest is, and the UUIDs of its disks: made to agree by a worker that has its root disk.
///
/// Under its own name it is the machine that it was, and its disks have the UUIDs that they had. Under another name it is a
/// copy, and gets others where all that names the old ones can follow. The configuration may say otherwise of either.
struct Agreement {
  private let disk: Disk
  private let name: String
  private let network: GuestNetwork?
  private let macs: [String]
  /// For the swap, where there is one and it gets a new one.
  private let newSwapUUID: UUID?
  private let instanceID: UUID?
  private let seed: [(file: Seed.File, bytes: [UInt8])]
  private let settings: GuestSettings?
  private let context: WorkerContext
  /// Nil: as its name says.
  private let identity: Configuration.Identity?
  private let cleaning: [Cleaning]
  private let steps: Steps

  /// How a guest came to its root disk.
  enum Restored {
    /// As a filesystem, of the instance that the dump names.
    case disk(of: String?)
    /// As files, in a filesystem that was made for them.
    case archive
  }

  /// Returns the partitions whose filesystem e2fsck has to check before all else (`check`), or the UUID that tune2fs has to
  /// give the root filesystem (`uuid`); or, when all is made, that of the swap (`swap`).
  static let task = WorkerTask("agree", .editor) { context throws(Failure) in
    let values = context.values
    let agreement = try Agreement(context)
    if try values.flag("clear") { try agreement.disk.clearUnwritten() }
    let restored: Restored = try values.flag("archive") ? .archive : .disk(of: values["recorded"]?.string)
    let unsound = values["unsound"]?.array.map { Set($0.compactMap(\.integer)) }
    return try agreement.make(restored, isAgain: try values.flag("again"), unsound: unsound)
  }

  private init(_ context: WorkerContext) throws(Failure) {
    let values = context.values
    disk = try context.disk(0)
    name = try values.text("name")
    network = try GuestNetwork.optional(values["network"])
    macs = try values.texts("macs")
    newSwapUUID = values["newSwap"]?.string.flatMap { UUID($0) }
    instanceID = values["instance"]?.string.flatMap { UUID($0) }
    seed = try (values["seed"]?.array ?? []).map { file throws(Failure) in
      guard let name = Seed.File(rawValue: try file.text("name")) else {
        throw Failure(.io, "an unknown file of a seed")
      }
      return (name, try file.bytes("bytes"))
    }
    settings = try GuestSettings.optional(values["settings"])
    self.context = context
    identity = values["identity"]?.string.flatMap { Configuration.Identity(rawValue: $0) }
    cleaning = try values.texts("clean").compactMap { Cleaning(rawValue: $0) }
    steps = context.steps
  }

  /// What is known of a restored guest before anything in it is changed.
  private struct Survey {
    let origin: Origin
    let isCopy: Bool
    /// The name of the instance that it was, where the same machine gets another one.
    let renamedFrom: GuestName?
    /// Of the root filesystem on the disk.
    let current: UUID
    /// Of the root filesystem that the guest knows.
    let known: UUID?
    let type: String
    let view: GuestView
    var places = UUIDPlaces()
  }

  /// Makes the guest's files and the UUIDs of its disk agree with its name and with each other.
  ///
  /// - Parameter unsound: the partitions whose ext filesystem has errors; nil where none was checked.
  private func make(_ restored: Restored, isAgain: Bool, unsound: Set<Int>?) throws(Failure) -> JSON {
    var survey = try survey(restored, unsound ?? [])
    let unchecked = survey.view.volumes.map(\.partition).filter(\.isExt)
    if unsound == nil, !unchecked.isEmpty { return ["check": .array(unchecked.map { .integer($0.number) })] }
    if isAgain {
      survey.places = try places(survey)
    } else {
      survey.places = try steps.step("look for what names the guest's disks") { progress throws(Failure) in
        progress.detail(
          survey.isCopy
            ? "a copy of \(survey.origin.name?.full ?? "a guest without a name")"
            : survey.renamedFrom.map { "it is \($0.full), and gets the name \(name)" } ?? "it is \(name)")
        return try places(survey)
      }
    }
    let root = uuidOfRoot(survey)
    guard root.uuid == survey.current || root.isNew else { return ["uuid": .string(root.uuid.description)] }
    let identifiers = Identifiers(of: survey.view, survey.places)
    let swap = newSwapUUID.map { uuidOfSwap(survey, orNew: $0) }
    var kept = identifiers.kept
    if let reason = root.reason {
      kept.insert(.init(what: "the root filesystem", uuids: [root.uuid], reason: reason), at: 0)
    }
    if let swap, let reason = swap.reason { kept.append(.init(what: "the swap", uuids: [swap.uuid], reason: reason)) }
    tell(kept)
    try steps.step("make the guest agree with \(name)") { _ throws(Failure) in
      let guest = GuestTree(try Filesystem(opening: Region(rootOf: disk), writable: true), isInPlace: true)
      // Until all is done there is no root filesystem to be found.
      if survey.isCopy { try guest.change() }
      var following = UUIDFollowing(guest, on: disk, survey.view)
      let rootUUID = root.isNew ? try guest.renewUUID() : root.uuid
      if let known = survey.known { following.add(known, rootUUID) }
      if let swap, let old = survey.origin.swapUUID.flatMap({ UUID($0) }) { following.add(old, swap.uuid) }
      let followed = try following.apply(identifiers, survey.places.texts)
      if !followed.isEmpty { steps.note("these name the new UUIDs now: \(Self.list(followed))") }
      var restoration = Restoration(
        name: GuestName(name), origin: survey.origin, isCopy: survey.isCopy,
        rootUUID: rootUUID.description, swapUUID: swap?.uuid.description, network: network)
      restoration.macs = macs
      restoration.renamedFrom = survey.renamedFrom
      restoration.cleaning = cleaning
      (restoration.instanceID, restoration.seed) = (instanceID, seed)
      restoration.settings = settings
      if case .archive = restored { restoration.rootType = survey.type }
      tell(try restoration.apply(to: guest))
      try SiteFiles.write(context.values["site"], of: context, to: guest)
      try guest.commit()
    }
    return ["swap": .optional(swap?.uuid.description)]
  }

  private func survey(_ restored: Restored, _ unsound: Set<Int>) throws(Failure) -> Survey {
    let guest = GuestTree(try Filesystem(opening: Region(rootOf: disk), writable: false), isInPlace: true)
    let origin = try Origin(of: guest)
    let current = guest.filesystem.uuid
    let (known, recorded): (UUID?, String?) =
      switch restored {
      case .disk(let instance): (current, instance)
      case .archive: (origin.rootUUID.flatMap { UUID($0) }, nil)
      }
    let isSame = origin.isSame(as: GuestName(name), recorded: recorded)
    let isCopy = identity.map { $0 == .clone } ?? !isSame
    let old = recorded.map { GuestName($0) } ?? origin.name
    return Survey(
      origin: origin, isCopy: isCopy, renamedFrom: isCopy || isSame ? nil : old ?? GuestName(name), current: current,
      known: known, type: guest.filesystem.type,
      view: isCopy ? try GuestView(guest, on: disk, origin.mounts, unsound: unsound) : GuestView(guest))
  }

  private func places(_ survey: Survey) throws(Failure) -> UUIDPlaces {
    guard survey.isCopy else { return UUIDPlaces() }
    let swap = newSwapUUID == nil ? nil : survey.origin.swapUUID.flatMap { UUID($0) }
    return try UUIDPlaces(
      of: Set([survey.known, swap].compactMap { $0 } + Identifiers.all(of: survey.view)), in: survey.view)
  }

  /// The UUID that the root filesystem must have, and why it keeps one that is the original's; `isNew` where it gets one
  /// that nothing has.
  private func uuidOfRoot(_ survey: Survey) -> (uuid: UUID, isNew: Bool, reason: String?) {
    guard survey.isCopy else { return (survey.known ?? survey.current, false, nil) }
    if let tie = survey.view.root.filesystem.tie { return (survey.current, false, tie) }
    if let known = survey.known, let obstacle = survey.places.obstacle(to: known) { return (known, false, obstacle) }
    // A filesystem that was made here has one that is new.
    return (survey.current, survey.known == survey.current, nil)
  }

  /// The UUID of the swap that is made, and why it keeps that of the original.
  private func uuidOfSwap(_ survey: Survey, orNew new: UUID) -> (uuid: UUID, reason: String?) {
    guard let old = survey.origin.swapUUID.flatMap({ UUID($0) }) else { return (new, nil) }
    guard survey.isCopy else { return (old, nil) }
    let obstacle = survey.places.obstacle(to: old)
    return (obstacle == nil ? new : old, obstacle)
  }

  /// A line for each reason.
  private func tell(_ kept: [Identifiers.Kept]) {
    for reason in kept.map(\.reason).unique {
      let same = kept.filter { $0.reason == reason }
      let (words, uuids) = (Words.list(same.map(\.what)), same.flatMap(\.uuids))
      steps.note(
        uuids.count == 1
          ? "\(words) has the UUID of the original, \(uuids[0]): \(reason)"
          : "\(words) have the UUIDs of the original: \(reason)")
    }
  }

  private func tell(_ outcome: Restoration.Outcome) {
    let identity = outcome.identity
    if identity.keptSSHHostKeys { steps.note("the guest has nothing that makes ssh host keys: it keeps those it had") }
    for note in outcome.notes { steps.note(note) }
    if !outcome.naming.isEmpty {
      steps.note("these name an address that the guest had, and stay as they are: \(Self.list(outcome.naming))")
    }
    if !identity.removed.isEmpty {
      steps.note("made anew by the copy where it needs them: \(Self.list(identity.removed))")
    }
    if !identity.told.isEmpty {
      steps.note("these are of the original or name it, and stay as they are: \(Self.list(identity.told))")
    }
    if !identity.cleaned.isEmpty {
      let words = identity.cleaned.map { "\($0.choice.rawValue) (\($0.files) \($0.files == 1 ? "file" : "files"))" }
      steps.note("cleaned: \(words.joined(separator: ", "))")
    }
    if !identity.unfinished.isEmpty {
      steps.note("there are too many files to look at all: \(Words.list(identity.unfinished))")
    }
  }

  private static func list(_ paths: [ByteString]) -> String {
    let most = 20
    let shown = paths.prefix(most).map(\.description).joined(separator: ", ")
    return paths.count > most ? "\(shown) and \(paths.count - most) more" : shown
  }
}
