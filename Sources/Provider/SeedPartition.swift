// SPDX-License-Identifier: Apache-2.0
internal import Filesystems
internal import Guest
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// The partition of a guest's disk that its seed is in, or a disk that is all seed, as workers find and write it.
struct SeedPartition {
  private let disk: Disk
  /// Nil where it is the whole disk.
  let number: Int?
  let range: ByteRange
  private let fat: SeedFAT

  /// Nil where the disk has none that can be read.
  init?(on disk: Disk, _ table: PartitionTable?) {
    let places: [(Int?, ByteRange)] =
      table?.partitions.map { ($0.number, $0.range) } ?? [(nil, ByteRange(offset: 0, length: disk.size))]
    let name = { (part: Int) in places[part].0.map { "partition \($0)" } ?? disk.path }
    guard let fat = SeedFAT(among: places.map(\.1), name: name, read: disk.reading) else { return nil }
    (self.disk, self.fat, number, range) = (disk, fat, places[fat.part].0, places[fat.part].1)
  }

  /// Where it is, for a message.
  var words: String { number.map { "in partition \($0)" } ?? "on \(disk.path)" }

  /// Nil where there is no such file.
  private func read(_ file: Seed.File, atMost limit: UInt64) throws(Failure) -> [UInt8]? {
    guard let found = fat.file(file.rawValue) else { return nil }
    guard found.size <= limit else {
      throw Failure(.guest, "\(file.rawValue) of the seed \(words) has \(Words.bytes(found.size))")
    }
    return try fat.bytes(of: found)
  }

  /// Writes over a file, which keeps its length.
  ///
  /// - Returns: false where it is shorter than that.
  private func write(_ bytes: [UInt8], over file: Seed.File) throws(Failure) -> Bool {
    guard let found = fat.file(file.rawValue), found.size >= UInt64(bytes.count) else { return false }
    let all = bytes + [UInt8](repeating: UInt8(ascii: "\n"), count: Int(found.size) - bytes.count)
    try disk.write(all, over: found.ranges, of: range)
    return true
  }
}

// MARK: Tasks

extension SeedPartition {
  private static let mostOfText: UInt64 = 64 << 10

  /// Finds the seed, or where one can go. Its user data is written to the stream. With `whole` the disk is for a seed alone.
  static let finding = WorkerTask("find-seed", .reader) { context throws(Failure) in
    let disk = try context.disk(0)
    let isWhole = context.values["whole"] == .bool(true)
    let table = isWhole ? nil : try disk.partitionTable()?.table
    let sectorSize = table?.sectorSize ?? UInt64(max(disk.sectorSize, 512))
    if let seed = SeedPartition(on: disk, table) {
      let metaData = SeedMetaData(reading: try seed.read(.metaData, atMost: mostOfText) ?? [])
      let userData = try seed.read(.userData, atMost: SeedImage.largest)
      if context.count > 1 { try context.descriptor(1).writeAll(userData ?? [], at: 0) }
      return [
        "found": true, "partition": number(seed), "size": .number(seed.range.length),
        "sector": .number(sectorSize),
        "hostname": .optional(metaData.hostname.map { Words.printable($0) }),
        "userData": .integer(userData?.count ?? 0),
      ]
    }
    if isWhole { return ["size": .number(disk.size), "sector": .number(sectorSize)] }
    let hasCloudInit: JSON = try disk.hasCloudInit().map { .bool($0) } ?? nil
    guard let table, let (_, added) = added(to: table, .random()) else { return ["cloudInit": hasCloudInit] }
    return [
      "size": .number(added.range.length), "sector": .number(sectorSize), "cloudInit": hasCloudInit,
    ]
  }

  /// Writes a seed over the one that is there, or into a partition of its own, which the table gets last.
  static let writing = WorkerTask("write-seed", .editor) { context throws(Failure) in
    let disk = try context.disk(0)
    let image = try context.descriptor(1)
    if context.values["whole"] == .bool(true) {
      try write(image, to: ByteRange(offset: 0, length: disk.size), of: disk)
      return nil
    }
    guard let table = try disk.partitionTable()?.table, let uuid = UUID(try context.values.text("uuid")) else {
      throw Failure(.guest, "\(disk.path) has no partition table for a seed")
    }
    if let seed = SeedPartition(on: disk, table) {
      try write(image, to: seed.range, of: disk)
      return number(seed)
    }
    guard let (changed, added) = added(to: table, uuid) else {
      throw Failure(.guest, "\(disk.path) has no place for a seed")
    }
    try write(image, to: added.range, of: disk)
    try disk.write(changed)
    return .integer(added.number)
  }

  private static func number(_ seed: SeedPartition) -> JSON { seed.number.map { .integer($0) } ?? nil }

  private static func write(_ image: borrowing Descriptor, to range: ByteRange, of disk: Disk) throws(Failure) {
    let bytes = try image.bytes(at: 0, count: Int(min(range.length, SeedImage.largest)))
    guard UInt64(bytes.count) <= range.length else { throw Failure(.guest, "the seed is larger than its partition") }
    try disk.writeUnmarked(bytes, at: range.offset)
    try disk.descriptor.flush()
  }

  /// GPT_FLAG_NO_AUTO of the Discoverable Partitions Specification: systemd does not mount it by itself.
  private static let noAuto: UInt64 = 1 << 63

  private static func added(
    to table: PartitionTable, _ uuid: UUID
  ) -> (PartitionTable, PartitionTable.Partition)? {
    guard case .gpt(let gpt) = table,
      let changed = gpt.addingSmallPartition(type: GPT.linux, uuid: uuid, attributes: noAuto, name: "cidata")
    else { return nil }
    let result = PartitionTable.gpt(changed)
    return result.partitions.first { $0.uuid == uuid.description }.map { (result, $0) }
  }

  /// Changes the name in the seed, and what else a new name brings. Each file is written over in place: the network first, as it
  /// counts for nothing until the instance is another one, then `meta-data`, a sector.
  static let renaming = WorkerTask("rename-seed", .editor) { context throws(Failure) in
    let (values, disk) = (context.values, try context.disk(0))
    let table = values["whole"] == .bool(true) ? nil : try disk.partitionTable()?.table
    guard let seed = SeedPartition(on: disk, table) else {
      throw Failure(.guest, "\(disk.path) has no seed")
    }
    let old = SeedMetaData(reading: try seed.read(.metaData, atMost: mostOfText) ?? [])
    let names = (GuestName(try values.text("old")), GuestName(try values.text("new")))
    guard old.names(names.0) || old.names(names.1) else {
      throw Failure(
        .guest,
        "the seed \(seed.words) names the guest \(Words.printable(old.hostname ?? "").quoted), "
          + "neither \(names.0.full) nor \(names.1.full)", remedy: "rename with the name that the guest has")
    }
    var (network, instance): ([UInt8]?, String?) = (nil, nil)
    if let text = values["network"]?.string {
      let found = try seed.read(.networkConfig, atMost: mostOfText) ?? []
      instance = SeedNetwork.instance(of: found, saying: text)
      if instance == nil {
        let new = try values.text("instance")
        (network, instance) = (SeedNetwork.file(text, for: new), new)
      }
    }
    let changed = old.renamed(names.1, instanceID: instance)
    guard changed != old else { return false }
    for (file, bytes) in [(.networkConfig, network), (.metaData, changed.bytes)] as [(Seed.File, [UInt8]?)] {
      guard let bytes else { continue }
      guard try seed.write(bytes, over: file) else {
        throw Failure(
          .guest,
          "the seed \(seed.words) has no room for another \(file.rawValue): guestsmith has not made it",
          remedy: "change its \(file.rawValue) by mtools")
      }
    }
    return true
  }
}

extension Disk {
  /// Writes over parts of a partition, one after the other, and flushes them.
  func write(_ bytes: [UInt8], over parts: [ByteRange], of partition: ByteRange) throws(Failure) {
    var start = 0
    for part in parts {
      let end = start + Int(part.length)
      try descriptor.view.writeAll(Array(bytes[start..<end]), at: partition.offset + part.offset)
      start = end
    }
    try descriptor.flush()
  }

  /// Whether cloud-init is in a root filesystem that can't be edited; nil where that is not known.
  fileprivate func hasCloudInit() throws(Failure) -> Bool? {
    guard let root = layout.rootPartition, let type = root.filesystem else { return nil }
    let (view, range) = (descriptor.view, root.range)
    return FileSearch.has("\(Seed.program)", in: type, size: range.length) { part throws(Failure) in
      try view.bytes(at: range.offset + part.offset, count: Int(part.length))
    }
  }
}
