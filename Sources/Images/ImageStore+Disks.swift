// SPDX-License-Identifier: Apache-2.0
internal import Digest
package import Ext4
internal import Glibc
package import LinuxIO
package import Report

/// Images that are disks as somebody publishes them. `pins/SOURCE` says which image a source was found to be when it was
/// asked last; SOURCE is the SHA-256 of what the configuration says of it.
extension ImageStore {
  /// What a source was found to be.
  package struct Pin: Equatable, Sendable {
    /// Of the image.
    package var key: String
    package var asked: Timestamp

    package init(key: String, asked: Timestamp) {
      self.key = key
      self.asked = asked
    }
  }

  static let pinsFolder = "pins"

  /// The key of the image that a published file makes.
  package static func key(ofDisk digest: String, format: String) -> String {
    // 1: `end` was that of the last partition, without the copy of the table.
    SHA256.hex(of: Array("disk 2\ndigest \(digest)\nformat \(format)\n".utf8))
  }

  /// The key of the image that a published root filesystem makes.
  package static func key(ofTree digest: String, format: String, _ options: FilesystemOptions) -> String {
    let omitted = options.omitted.sorted().map(\.rawValue).joined(separator: ",")
    let filesystem = "\(options.kind.rawValue) \(options.blockSize) \(options.inodeRatio) \(omitted)"
    return SHA256.hex(of: Array("tree 1\ndigest \(digest)\nformat \(format)\nfilesystem \(filesystem)\n".utf8))
  }

  /// Of a source, by all that the configuration says of it.
  package static func key(ofSource text: String) -> String { SHA256.hex(of: Array(text.utf8)) }

  /// What the source was found to be; nil where it was never asked.
  package func pin(of source: String) -> Pin? {
    guard let text = fileText("\(folder)/\(Self.pinsFolder)/\(source)", limit: 4096),
      let json = try? JSON(parsing: Array(text.utf8)),
      let key = json["key"]?.string, let asked = json["asked"]?.string.flatMap({ Timestamp($0) })
    else { return nil }
    return Pin(key: key, asked: asked)
  }

  /// Has the source be asked again in an hour, where it could not be asked now.
  package func postponeAsking(_ source: String) throws(Failure) {
    guard let pin = pin(of: source), let maxAgeDays else { return }
    try set(Pin(key: pin.key, asked: Timestamp(seconds: now().seconds - maxAgeDays * 86400 + 3600)), of: source)
  }

  package func setPin(of source: String, to key: String) throws(Failure) {
    try set(Pin(key: key, asked: now()), of: source)
  }

  /// Of the sources that were found to be the image of `key`, when they were asked last.
  func pins(to key: String) throws(Failure) -> [String: Timestamp] {
    guard try Folder(folder).has(Self.pinsFolder) else { return [:] }
    var found: [String: Timestamp] = [:]
    for name in try Folder(Self.pinsFolder, in: Folder(folder)).names() {
      if let pin = pin(of: name), pin.key == key { found[name] = pin.asked }
    }
    return found
  }

  func set(_ pin: Pin, of source: String) throws(Failure) {
    let pins = try Folder(folder).own(Self.pinsFolder, mode: 0o755)
    let scratch = try newScratch()
    defer { scratch.remove() }
    let json: JSON = ["key": .string(pin.key), "asked": .string(pin.asked.text)]
    try scratch.folder.write(Array(json.serialized().utf8), to: "pin")
    try scratch.folder.move("pin", to: pins, as: source)
  }

  /// Whether it need not be asked again yet.
  package func isFresh(_ pin: Pin) -> Bool {
    maxAgeDays.map { max(0, now().seconds - pin.asked.seconds) / 86400 < $0 } ?? true
  }

  /// Waits until nobody else asks the source.
  package func lock(source: String) throws(Failure) -> FileLock { try FileLock.wait(lockPath(source)) }

  /// The image of `key` for use, where it is there and whole.
  package func wholeEntry(_ key: String) throws(Failure) -> ImageEntry? {
    guard case .image(let entry) = try find(key) else { return nil }
    entry.markUsed()
    return entry
  }

  /// Makes an image of what somebody publishes, and publishes it here.
  ///
  /// - Parameter make: makes the file of that path, sparse.
  package func add(
    _ key: String, steps: Steps, _ make: (String) throws(Failure) -> PublishedImage
  ) throws(Failure) {
    let lock = try FileLock.wait(lockPath(key))
    defer { withExtendedLifetime(lock.view) {} }
    let start = now()
    let scratch = try newScratch()
    defer { scratch.remove() }
    try scratch.folder.make("image", mode: Self.imageMode)
    let folder = try Folder("image", in: scratch.folder)
    let made = try make("\(folder.path)/\(ImageEntry.imageFile)")
    let file = try folder.open(ImageEntry.imageFile, O_RDONLY)
    let pieces = try steps.step("computing the digests of the image") { progress throws(Failure) in
      let pieces = try ImagePiece.digest(made.used, of: file, progress: progress)
      try file.setMode(0o644)
      try file.flush()
      return pieces
    }
    let table = ImagePiece.encode(pieces)
    try folder.write(table, to: ImageEntry.piecesFile)
    var manifest = ImageManifest(
      key: key, origin: made.origin, created: start, buildSeconds: now().seconds - start.seconds,
      size: try file.length(),
      usedBytes: pieces.reduce(0) { $0 + UInt64($1.length) }, digest: SHA256.hex(of: table))
    if let tree = made.tree { try manifest.tell(tree) }
    try manifest.write(to: folder)
    try folder.flush()
    try publish(key, from: scratch)
    // To be over the size until the next one is made is better than to fail after all is done.
    _ = try? prune(byAge: false, keeping: key, dryRun: false)
  }
}

/// What is to become an image.
package struct PublishedImage {
  /// Which bytes of its file are used.
  package var used: [ByteRange]
  package var origin: ImageOrigin
  /// Nil for a disk.
  package var tree: Tree?

  /// What is known of a root filesystem.
  package struct Tree {
    package var filesystem: FilesystemOptions
    package var files: Int
    package var suite: String
    package var dpkgStatus: [UInt8]

    package init(filesystem: FilesystemOptions, files: Int, suite: String, dpkgStatus: [UInt8]) {
      self.filesystem = filesystem
      self.files = files
      self.suite = suite
      self.dpkgStatus = dpkgStatus
    }
  }

  package init(used: [ByteRange], origin: ImageOrigin, tree: Tree? = nil) {
    self.used = used
    self.origin = origin
    self.tree = tree
  }
}
