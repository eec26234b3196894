// SPDX-License-Identifier: Apache-2.0
internal import Filesystems
internal import Guest
internal import LinuxIO
internal import Report
internal import Storage

/// A file of a seed, in memory.
struct SeedContent {
  let file: Seed.File
  let bytes: SharedDescriptor
  private(set) var length: UInt64

  /// An empty one, for a worker to fill.
  init(_ file: Seed.File) throws(Failure) {
    self.file = file
    bytes = SharedDescriptor(try Descriptor(inMemory: file.rawValue))
    length = 0
  }

  init(_ file: Seed.File, _ content: [UInt8]) throws(Failure) {
    try self.init(file)
    try bytes.view.writeAll(content, at: 0)
    length = UInt64(content.count)
  }

  /// With what was written since.
  func filled(to length: UInt64) -> SeedContent {
    var filled = self
    filled.length = length
    return filled
  }
}

/// The filesystem that a seed is in, as cloud-init looks for it: FAT with the label CIDATA, made in memory.
enum SeedImage {
  /// What the tables and the directory take at most, and the part of a cluster behind each file.
  private static let overhead: UInt64 = 48 << 10
  /// What a place for a seed has at least.
  static let smallest: UInt64 = 256 << 10
  /// FAT12 has no more, with clusters of a sector.
  static let largest: UInt64 = 2 << 20

  /// - Parameters:
  ///   - files: each open, from its first byte to its last.
  ///   - size: in bytes.
  ///   - place: where it goes, for a message.
  /// - Throws: `.invalid` where they don't fit.
  static func make(
    _ files: [SeedContent], size: UInt64, sectorSize: UInt64, serial: UUID,
    for place: String
  ) throws(Failure) -> Descriptor {
    try refuseWithoutRoom(files.map(\.length), (place, size))
    let image = try Descriptor(inMemory: "the seed")
    try image.setLength(size)
    let path = "/proc/self/fd/3"
    let number = serial.bytes.prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    var format = Command.ofSystem(
      "mkfs.fat", ["-F", "12", "-S", "\(sectorSize)", "-i", number, "-n", SeedFAT.label, path])
    format.extras = [(3, image.view)]
    try run("dosfstools", format)
    for content in files {
      var copy = Command.ofSystem("mcopy", ["-i", path, "/proc/self/fd/4", "::\(content.file.rawValue)"])
      // A configuration of the caller's may name other drives.
      copy.environment?["MTOOLSRC"] = "/dev/null"
      copy.extras = [(3, image.view), (4, content.bytes.view)]
      try run("mtools", copy)
    }
    return image
  }

  /// The most that a partition for a seed has, between the table and the first partition of an image.
  static let largestPartition = (words: "a partition for it", size: UInt64(992 << 10))

  /// - Parameters:
  ///   - lengths: of the files, in bytes.
  ///   - place: where they go, for a message, and its size.
  static func refuseWithoutRoom(_ lengths: [UInt64], _ place: (words: String, size: UInt64)) throws(Failure) {
    let needed = lengths.reduce(overhead, +)
    let room = min(place.size, largest)
    guard needed > room else { return }
    throw Failure(
      .invalid, "the seed needs \(Words.bytes(needed)), and \(place.words) holds \(Words.bytes(room))",
      remedy:
        "make user_data or files smaller: cloud-init can fetch the rest, by #include and a URL, and so can a script of "
        + "first_boot\(room < largest ? "; or give the instance a disk of 2 MiB for the seed (disk_N = \"seed\")" : "")"
    )
  }

  private static func run(_ package: String, _ command: Command) throws(Failure) {
    let (status, output) = try Command.needing(package) { () throws(Failure) in try command.capture(limit: 4096) }
    guard status.isSuccess else {
      throw Failure(.tool, "\(command.executable) \(status):\n  \(Command.lastLines(output))")
    }
  }
}
