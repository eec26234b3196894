// SPDX-License-Identifier: Apache-2.0
package import Ext4
internal import LinuxIO
package import Report

/// What an image is, when and from what it was made, and how to know that it still is that.
package struct ImageManifest: Equatable, Sendable {
  /// `ImageRecipe.key`.
  package var key: String
  package var created: Timestamp
  /// How long it took to make, in seconds.
  package var buildSeconds: Int
  package var suite: String
  package var architecture: String
  /// apt's sources in deb822, without credentials.
  package var sources: String
  /// The packages that were asked for by name.
  package var requested: [String]
  /// All that are in it.
  package var packages: [InstalledPackage]
  package var filesystem: FilesystemOptions
  /// The length of the image file in bytes.
  package var size: UInt64
  /// The bytes of it that are copied to a disk.
  package var usedBytes: UInt64
  /// Files, folders, links and devices.
  package var files: Int
  /// The SHA-256 of the table of pieces, in hexadecimal. As the table holds the SHA-256 of every used byte range, this
  /// one digest stands for all of the image.
  package var digest: String
  /// What a disk that boots by itself has besides the filesystem; empty for a guest without a boot loader.
  package var bootFiles: [BootFile] = []
  /// The program of the site that changed it; nil where there was none.
  package var buildHook: RecordedHook?
  /// What a published image was made from; nil for a bootstrapped system. The suite and the packages of a published disk are
  /// unknown.
  package var origin: ImageOrigin?

  /// Of the form that a manifest's text has.
  private static let format = 1

  /// The filesystem as a person reads it.
  package var filesystemWords: String {
    let kind = filesystem.kind == .ext4 ? "ext4" : "ext2, or ext3 with the journal of its disk"
    return "\(kind), blocks of \(filesystem.blockSize) bytes, an inode for \(filesystem.inodeRatio) bytes"
  }

  package var json: JSON {
    [
      "format": .integer(Self.format),
      "key": .string(key),
      "created": .string(created.text),
      "build_seconds": .integer(buildSeconds),
      "suite": .string(suite),
      "architecture": .string(architecture),
      "sources": .string(sources),
      "requested_packages": .array(requested.map { .string($0) }),
      "filesystem": [
        "type": .string(filesystem.kind.rawValue),
        "block_size": .integer(Int(filesystem.blockSize)),
        "inode_ratio": .integer(Int(filesystem.inodeRatio)),
      ],
      "size": .integer(Int(size)),
      "used_bytes": .integer(Int(usedBytes)),
      "files": .integer(files),
      "sha256": .string(digest),
      "boot": .array(bootFiles.map(\.json)),
      "build_hook": buildHook?.json ?? nil,
      "origin": origin?.json ?? nil,
      "packages": .array(
        packages.map {
          ["name": .string($0.name), "version": .string($0.version), "architecture": .string($0.architecture)]
        }),
    ]
  }

  /// - Throws: `.io` when the text is not a manifest.
  package init(parsing bytes: [UInt8]) throws(Failure) {
    let json: JSON
    do {
      json = try JSON(parsing: bytes)
    } catch {
      throw Failure(.io, "at byte \(error.offset) should be \(error.expected)")
    }
    func member(_ name: String, of json: JSON) throws(Failure) -> JSON {
      guard let value = json[name] else { throw Failure(.io, "\(name) is missing") }
      return value
    }
    func text(_ name: String, of json: JSON) throws(Failure) -> String {
      guard let value = try member(name, of: json).string else { throw Failure(.io, "\(name) is not text") }
      return value
    }
    func number(_ name: String, of json: JSON) throws(Failure) -> Int {
      guard let value = try member(name, of: json).integer else { throw Failure(.io, "\(name) is not a number") }
      return value
    }
    func list(_ name: String) throws(Failure) -> [JSON] {
      guard let value = try member(name, of: json).array else { throw Failure(.io, "\(name) is not a list") }
      return value
    }
    let format = try number("format", of: json)
    guard format == Self.format else { throw Failure(.io, "format is \(format) and should be \(Self.format)") }
    key = try text("key", of: json)
    guard let created = Timestamp(try text("created", of: json)) else { throw Failure(.io, "created is not a time") }
    self.created = created
    buildSeconds = try number("build_seconds", of: json)
    suite = try text("suite", of: json)
    architecture = try text("architecture", of: json)
    sources = try text("sources", of: json)
    requested = try list("requested_packages").compactMap(\.string)
    let options = try member("filesystem", of: json)
    guard let kind = FilesystemOptions.Kind(rawValue: try text("type", of: options)),
      let blockSize = UInt32(exactly: try number("block_size", of: options)),
      let inodeRatio = UInt32(exactly: try number("inode_ratio", of: options))
    else { throw Failure(.io, "filesystem is not a known one") }
    filesystem = FilesystemOptions(kind: kind, blockSize: blockSize, inodeRatio: inodeRatio)
    size = UInt64(try number("size", of: json))
    usedBytes = UInt64(try number("used_bytes", of: json))
    files = try number("files", of: json)
    digest = try text("sha256", of: json)
    bootFiles = try (json["boot"]?.array ?? []).map { file throws(Failure) in
      guard let file = BootFile(file) else { throw Failure(.io, "boot is not a list of known files") }
      return file
    }
    buildHook = RecordedHook(json["build_hook"])
    if let json = json["origin"], json != .null {
      guard let origin = ImageOrigin(json) else { throw Failure(.io, "origin is not that of a disk") }
      self.origin = origin
    }
    packages = []
    for package in try list("packages") {
      packages.append(
        InstalledPackage(
          name: try text("name", of: package), version: try text("version", of: package),
          architecture: try text("architecture", of: package)))
    }
  }

  /// Writes it into the folder of its image.
  ///
  /// - Throws: `.guest` where it is longer than a manifest that is read.
  func write(to folder: borrowing Folder) throws(Failure) {
    let text = Array((json.serialized() + "\n").utf8)
    guard text.count <= ImageEntry.longestManifest else {
      throw Failure(
        .guest,
        "the manifest of the image has \(Words.bytes(UInt64(text.count))), and one of at most "
          + "\(Words.bytes(UInt64(ImageEntry.longestManifest))) is read",
        remedy: "name an image with fewer packages")
    }
    try folder.write(text, to: ImageEntry.manifestFile)
  }

  /// Of what somebody publishes: a disk, unless more is told of it.
  init(
    key: String, origin: ImageOrigin, created: Timestamp, buildSeconds: Int, size: UInt64, usedBytes: UInt64,
    digest: String
  ) {
    self.key = key
    self.origin = origin
    self.created = created
    self.buildSeconds = buildSeconds
    (suite, sources, requested, packages) = ("", "", [], [])
    architecture = Release.architecture
    filesystem = FilesystemOptions()
    self.size = size
    self.usedBytes = usedBytes
    files = 0
    self.digest = digest
  }

  /// Adds what is known of the root filesystem in it.
  mutating func tell(_ tree: PublishedImage.Tree) throws(Failure) {
    (suite, filesystem, files) = (tree.suite, tree.filesystem, tree.files)
    packages = try InstalledPackage.parse(dpkgStatus: tree.dpkgStatus)
  }

  init(
    recipe: ImageRecipe, sources: AptSources, created: Timestamp, buildSeconds: Int, populated: PopulatedImage,
    usedBytes: UInt64, digest: String, bootFiles: [BootFile]
  ) throws(Failure) {
    key = recipe.key
    self.created = created
    self.buildSeconds = buildSeconds
    suite = recipe.suite
    architecture = recipe.architecture
    self.sources = sources.withoutCredentials.text
    requested = recipe.packages
    buildHook = recipe.buildHook.map { RecordedHook(path: $0.path, digest: $0.digest) }
    packages = try InstalledPackage.parse(dpkgStatus: populated.dpkgStatus)
    filesystem = recipe.filesystem
    size = populated.size
    self.usedBytes = usedBytes
    files = populated.files
    self.digest = digest
    self.bootFiles = bootFiles
  }
}
