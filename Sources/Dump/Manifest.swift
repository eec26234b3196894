// SPDX-License-Identifier: Apache-2.0
package import Report

/// What a dump says about itself: its first member, `manifest.json`.
package struct Manifest: Equatable, Sendable {
  package static let format = "guestsmith-dump"
  /// Of the dumps that are written.
  package static let version = 2
  /// Of those that are read.
  package static let knownVersions = 1...version

  /// A filesystem on the disk.
  package struct Filesystem: Equatable, Sendable {
    /// In bytes from the start of the disk.
    package var offset: UInt64
    /// As blkid names it: `ext4`, `xfs`, `btrfs`.
    package var type: String
    package var uuid: String?
    package var label: String?

    package init(offset: UInt64, type: String, uuid: String?, label: String?) {
      self.offset = offset
      self.type = type
      self.uuid = uuid
      self.label = label
    }
  }

  /// A partition of the disk.
  package struct Partition: Equatable, Sendable {
    package var number: Int
    package var range: ByteRange
    /// What it is for, as its table says: a UUID of GPT, or two hexadecimal digits of an MBR.
    package var type: String
    /// How it was decided which of its blocks the dump holds.
    package var selection: Selection

    package init(number: Int, range: ByteRange, type: String, selection: Selection) {
      self.number = number
      self.range = range
      self.type = type
      self.selection = selection
    }
  }

  /// No dump tells of more partitions than these: a manifest has little room.
  package static let mostPartitions = 64

  /// How it was decided which blocks the dump holds.
  package enum Selection: String, CaseIterable, Sendable {
    /// The blocks that the filesystem's bitmaps call used.
    case usedBlocks = "used-blocks"
    /// Every block that is not zero.
    case nonZeroBlocks = "non-zero-blocks"
    /// Every block.
    case allBlocks = "all-blocks"
  }

  /// Of the format.
  package let version: Int
  /// The program that wrote the dump and its version.
  package var program: String
  /// Seconds since 1970-01-01 00:00 UTC.
  package var created: UInt64
  package var instance: String
  package var os: String
  package var variant: String?
  package var selection: Selection
  package var filesystems: [Filesystem]
  /// Empty for a disk without a partition table.
  package var partitions: [Partition] = []
  /// In bytes.
  package let diskSize: UInt64
  /// The content of all extents in bytes.
  package let used: UInt64
  package let extents: UInt64
  /// The text of the sparse map in bytes.
  let mapLength: UInt64
  /// How many bytes of the disk a frame covers; of version 1, how many bytes of the tar a full one holds. A power of two.
  let frameSize: UInt64
  /// How many frames hold data.
  let dataFrames: Int

  /// - Parameter version: of the format: older ones are what older programs have written.
  package init(
    program: String, created: UInt64, instance: String, os: String, variant: String?, selection: Selection,
    filesystems: [Filesystem], extents map: ExtentMap, version: Int = Manifest.version
  ) {
    self.version = version
    self.program = program
    self.created = created
    self.instance = instance
    self.os = os
    self.variant = variant
    self.selection = selection
    self.filesystems = filesystems
    diskSize = map.diskSize
    used = map.used
    extents = UInt64(map.count)
    mapLength = map.textLength
    if version == 1 {
      frameSize = Self.frameSize(used: map.used)
      dataFrames = Self.fullFrames(used: map.used, frameSize)
    } else {
      (frameSize, dataFrames) = Self.windows(of: map)
    }
  }

  /// 256 KiB, which costs 1.3 % in size: the smaller a window is, the less of a dump is another one when a file changes. More
  /// where that would make very many frames, so that the seek table of the largest disks fits into memory too.
  static func windows(of map: ExtentMap) -> (size: UInt64, count: Int) {
    var size = smallestFrame(version: version)
    while true {
      let count = DataFrames.windows(map, frameSize: size)
      if count <= 1 << 21 || size == largestFrame { return (size, count) }
      size *= 2
    }
  }

  /// Of version 1.
  static func frameSize(used: UInt64) -> UInt64 {
    var size = smallestFrame(version: 1)
    while size < largestFrame, used / size > 1 << 21 {
      size *= 2
    }
    return size
  }

  private static func fullFrames(used: UInt64, _ size: UInt64) -> Int {
    Int((used + TarHeader.padding(after: used) + size - 1) / size)
  }

  static func smallestFrame(version: Int) -> UInt64 { version == 1 ? 2 << 20 : 256 << 10 }
  static let largestFrame: UInt64 = 8 << 20
  /// What zstd's own reader of seek tables takes.
  static let mostFrames: UInt64 = 1 << 27
  /// So that the whole first frame is in the bytes that tell what a stream is.
  static let longestText = 32 << 10
}

extension Manifest {
  package var json: String { value.serialized() + "\n" }

  /// As it stands in `manifest.json`. Numbers fit: none is over 2^60, or the layout refuses the manifest.
  package var value: JSON {
    .object(members)
  }

  private var members: [JSON.Member] {
    guard case .object(let members) = common else { return [] }
    return partitions.isEmpty
      ? members : members + [JSON.Member(key: "partitions", value: .array(partitions.map(\.value)))]
  }

  private var common: JSON {
    var disk: [JSON.Member] = [
      JSON.Member(key: "size", value: .integer(Int(clamping: diskSize))),
      JSON.Member(key: "used", value: .integer(Int(clamping: used))),
      JSON.Member(key: "extents", value: .integer(Int(clamping: extents))),
      JSON.Member(key: "selection", value: .string(selection.rawValue)),
      JSON.Member(key: "map", value: .integer(Int(clamping: mapLength))),
      JSON.Member(key: "frame", value: .integer(Int(clamping: frameSize))),
    ]
    if version >= 2 { disk.append(JSON.Member(key: "frames", value: .integer(dataFrames))) }
    return [
      "format": .string(Self.format),
      "version": .integer(version),
      "program": .string(program),
      "created": .integer(Int(clamping: created)),
      "instance": .string(instance),
      "os": .string(os),
      "variant": .optional(variant),
      "disk": .object(disk),
      "filesystems": .array(
        filesystems.map { filesystem in
          [
            "offset": .integer(Int(clamping: filesystem.offset)),
            "type": .string(filesystem.type),
            "uuid": .optional(filesystem.uuid),
            "label": .optional(filesystem.label),
          ]
        }),
    ]
  }

  /// Reads the text of a manifest. Names it does not know are passed over: a change that a reader must know of has a
  /// version of its own.
  package init(json text: [UInt8]) throws(Failure) {
    let root: JSON
    do {
      root = try JSON(parsing: text)
    } catch {
      throw .unsound("manifest.json is not valid JSON: at byte \(error.offset) it lacks \(error.expected)")
    }
    let fields = Fields(root)
    let format = try fields.string("format")
    guard format == Self.format else {
      throw .unsound("manifest.json is of the format '\(format)', not '\(Self.format)'")
    }
    let version = try fields.number("version", in: 0...UInt64(Int.max))
    guard let known = Self.knownVersions.first(where: { UInt64($0) == version }) else {
      throw Failure(
        .dump,
        "the dump has version \(version) of the format, this program reads versions 1 to \(Self.version)",
        remedy: "read it with the guestsmith that wrote it, or a later one")
    }
    self.version = known
    program = try fields.string("program")
    created = try fields.number("created", in: 0...TarHeader.largestNumber)
    instance = try fields.string("instance")
    os = try fields.string("os")
    variant = try fields.optionalString("variant")
    let disk = try fields.object("disk")
    diskSize = try disk.number("size", in: 1...ExtentMap.largestDisk)
    used = try disk.number("used", in: 0...diskSize)
    extents = try disk.number("extents", in: 0...UInt64(ExtentMap.limit))
    mapLength = try disk.number("map", in: 4...(extents + 2) * 40)
    frameSize = try disk.number("frame", in: Self.smallestFrame(version: known)...Self.largestFrame)
    guard frameSize.nonzeroBitCount == 1 else {
      throw .unsound("manifest.json has a frame size of \(frameSize) bytes, which is not a power of two")
    }
    // Whether these are as many as the extents make is seen once these are read.
    dataFrames =
      known == 1
      ? Self.fullFrames(used: used, frameSize) : Int(try disk.number("frames", in: 0...Self.mostFrames))
    let selection = try disk.string("selection")
    guard let knownSelection = Selection(rawValue: selection) else {
      throw .unsound("manifest.json has the unknown selection '\(selection)'")
    }
    self.selection = knownSelection
    filesystems = []
    for filesystem in try fields.objects("filesystems") {
      filesystems.append(
        Filesystem(
          offset: try filesystem.number("offset", in: 0...diskSize), type: try filesystem.string("type"),
          uuid: try filesystem.optionalString("uuid"), label: try filesystem.optionalString("label")))
    }
    guard fields.has("partitions") else { return }
    for partition in try fields.objects("partitions") {
      partitions.append(try Partition(partition, onDiskOf: diskSize))
    }
  }
}

extension Manifest.Partition {
  fileprivate var value: JSON {
    [
      "number": .integer(number), "offset": .integer(Int(clamping: range.offset)),
      "size": .integer(Int(clamping: range.length)), "type": .string(type), "selection": .string(selection.rawValue),
    ]
  }

  fileprivate init(_ fields: Fields, onDiskOf size: UInt64) throws(Failure) {
    number = Int(try fields.number("number", in: 1...1024))
    let offset = try fields.number("offset", in: 0...size)
    range = ByteRange(offset: offset, length: try fields.number("size", in: 0...(size - offset)))
    type = try fields.string("type")
    let selection = try fields.string("selection")
    guard let known = Manifest.Selection(rawValue: selection) else {
      throw .unsound("manifest.json has the unknown selection '\(selection)' of a partition")
    }
    self.selection = known
  }
}

/// The members of a JSON object, taken out by name and type.
private struct Fields {
  private let value: JSON

  init(_ value: JSON) {
    self.value = value
  }

  private func wrong(_ name: String, _ expected: String) -> Failure {
    .unsound("manifest.json lacks '\(name)', \(expected)")
  }

  func has(_ name: String) -> Bool { value[name] != nil }

  func string(_ name: String) throws(Failure) -> String {
    guard case .string(let text) = value[name] else { throw wrong(name, "a string") }
    return text
  }

  func optionalString(_ name: String) throws(Failure) -> String? {
    if case .null = value[name] { return nil }
    return try string(name)
  }

  func number(_ name: String, in range: ClosedRange<UInt64>) throws(Failure) -> UInt64 {
    guard let number = value[name]?.integer.map(UInt64.init), range.contains(number) else {
      throw wrong(name, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func object(_ name: String) throws(Failure) -> Fields {
    guard let object = value[name], case .object = object else { throw wrong(name, "an object") }
    return Fields(object)
  }

  func objects(_ name: String) throws(Failure) -> [Fields] {
    guard case .array(let elements) = value[name] else { throw wrong(name, "an array of objects") }
    var objects: [Fields] = []
    for element in elements {
      guard case .object = element else { throw wrong(name, "an array of objects") }
      objects.append(Fields(element))
    }
    return objects
  }
}
