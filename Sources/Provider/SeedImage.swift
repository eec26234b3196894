// SPDX-License-Identifier: Apache-2.0
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
  static let label = "CIDATA"
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
    let needed = files.reduce(overhead) { $0 + $1.length }
    guard needed <= size else { throw tooLong(needed, place, size) }
    let image = try Descriptor(inMemory: "the seed")
    try image.setLength(size)
    let path = "/proc/self/fd/3"
    let number = serial.bytes.prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    var format = Command.ofSystem(
      "mkfs.fat", ["-F", "12", "-S", "\(sectorSize)", "-i", number, "-n", label, path])
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

  static func tooLong(_ needed: UInt64, _ place: String, _ size: UInt64) -> Failure {
    Failure(
      .invalid, "the seed needs \(Words.bytes(needed)), and \(place) holds \(Words.bytes(size))",
      remedy: "make user_data shorter: it can have cloud-init fetch the rest, by #include and a URL")
  }

  private static func run(_ package: String, _ command: Command) throws(Failure) {
    let (status, output) = try Command.needing(package) { () throws(Failure) in try command.capture(limit: 4096) }
    guard status.isSuccess else {
      throw Failure(.tool, "\(command.executable) \(status):\n  \(Command.lastLines(output))")
    }
  }
}
