// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Fetch
internal import Glibc
internal import Images
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage
internal import Worker

/// Root filesystems that somebody publishes: they are written into a filesystem as that of a bootstrapped system is.
extension DiskImage {
  /// Makes the image at `path` of the tar, or the index or archive of a layout, that was fetched.
  func makeTree(
    of file: String, at path: String, _ verified: Publication.Verified, spool: String, _ workers: Workers,
    _ steps: Steps
  ) throws(Failure) -> PublishedImage {
    let image = SharedDescriptor(try Descriptor(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600))
    let list = try Descriptor(inMemory: "the used blocks")
    let status = try Descriptor(inMemory: "the list of packages")
    let layers = try layers(of: file, spool: spool, workers, steps)
    // Their files are open until the worker is done: an array goes with its last use.
    defer { withExtendedLifetime(layers) {} }
    var limits = ChildLimits.worker(streaming: mostKept, threads: 1)
    limits.room = try .init(image.view, most: mostKept)
    let made = try workers.run(
      Self.filling,
      [
        "most": .number(mostKept), "options": options.json, "name": .string(words),
        "layered": .bool(format.kind != .tar),
        "layers": .array(
          layers.map {
            [
              "packing": .optional($0.packing?.rawValue), "digest": .optional($0.digest),
              "at": .number($0.range.offset), "length": .number($0.range.length),
            ]
          }),
      ],
      [.stream(image.view), .stream(list.view), .stream(status.view)] + layers.map { .stream($0.file.view) },
      .init(.guest, "unpacks the image"), limits, steps)
    try refuse(architecture: made["architecture"]?.string)
    let size = try Descriptor(path, O_RDONLY).length()
    let used = try Self.ranges(in: list, of: size)
    return PublishedImage(
      used: used, origin: origin(verified, end: size, root: options.kind.rawValue),
      tree: .init(
        filesystem: options, files: Int(clamping: try made.number("files")), suite: try made.text("suite"),
        dpkgStatus: try Self.bytes(of: status)))
  }

  /// A tar that the filesystem is filled from.
  private struct Layer {
    let file: SharedDescriptor
    let range: ByteRange
    let packing: PackedStream?
    /// Nil where all of it has been verified.
    let digest: String?
  }

  private func layers(
    of file: String, spool: String, _ workers: Workers, _ steps: Steps
  ) throws(Failure) -> [Layer] {
    let opened = try Descriptor(file, O_RDONLY)
    let fetched = SharedDescriptor(try opened.view.duplicate(named: words))
    let layout: OCILayout
    let index: [UInt8]
    switch format.kind {
    case .oci:
      guard try opened.length() <= OCILayout.longestText else { throw longIndex }
      layout = OCILayout(words, .folder(folder ?? ""))
      index = try opened.bytes(at: 0, count: Int(OCILayout.longestText))
    case .ociArchive:
      let archive = format.packing == nil ? fetched : try unpackedArchive(fetched, at: spool, workers, steps)
      let files = try OCIArchive(archive).files
      guard let place = files[Self.ociIndex] else {
        throw Failure(
          .guest, "\(words) is not an archive of an OCI image: it has no index.json",
          remedy: "make it with skopeo copy SOURCE oci-archive:FILE")
      }
      guard place.length <= OCILayout.longestText else { throw longIndex }
      layout = OCILayout(words, .archive(archive, files))
      index = try [UInt8](upTo: Int(place.length)) { buffer throws(Failure) in
        try archive.readFull(into: buffer, at: place.offset)
      }
    default:
      return [
        Layer(
          file: fetched, range: ByteRange(offset: 0, length: try opened.length()),
          packing: format.packing.flatMap { PackedStream(rawValue: $0.rawValue) }, digest: nil)
      ]
    }
    return try layout.layers(index: index).map {
      Layer(
        file: $0.blob.file, range: $0.blob.range, packing: $0.packing, digest: $0.blob.digest.description)
    }
  }

  private var longIndex: Failure {
    Failure(.guest, "the index of \(words) is longer than \(Words.bytes(OCILayout.longestText))")
  }

  private func unpackedArchive(
    _ packed: SharedDescriptor, at spool: String, _ workers: Workers, _ steps: Steps
  ) throws(Failure) -> SharedDescriptor {
    guard let packing = format.packing else { return packed }
    let unpacked = try Descriptor(spool, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    let stream = try IncomingStream(reading: packed).unpacked(packing, to: mostKept)
    try make(.file, of: stream, to: unpacked, workers, steps)
    return SharedDescriptor(try unpacked.view.duplicate(named: words))
  }

  /// The file that the filesystem goes to, where the list of its used ranges goes and where that of its packages, and the layers.
  static let filling = WorkerTask("tree", .decoder) { context throws(Failure) in
    let values = context.values
    let image = try context.descriptor(0)
    let list = try context.descriptor(1)
    let status = try context.descriptor(2)
    let name = try values.text("name")
    let layers = try values.list("layers").enumerated().map { number, layer throws(Failure) in
      try source(layer, SharedDescriptor(try context.descriptor(3 + number)), name)
    }
    let isLayered = try values.flag("layered")
    let options = try FilesystemOptions(values["options"] ?? nil)
    let most = try values.number("most")
    var file: Descriptor? = image
    let made = try context.steps.step("making the \(options.kind.rawValue) image") { progress throws(Failure) in
      guard let image = file.take() else { throw Failure(.io, "a worker was not given a file") }
      guard !isLayered, let tar = layers.first else {
        return try populate(
          image, fromLayers: layers, called: name, options: options, most: most, progress: progress)
      }
      return try populate(image, from: tar, options: options, most: most, progress: progress)
    }
    guard made.isSystem else {
      throw Failure(
        .guest, "\(name) holds no root filesystem: it has no /etc/passwd",
        remedy: "make it in the root of the guest, as with tar -C ROOT -c .")
    }
    try write(made.usedExtents, to: list)
    try status.writeAll(made.dpkgStatus)
    return [
      "files": .integer(made.files), "suite": .string(suite(of: made.release)),
      "architecture": .optional(architecture(ofProgram: made.shell)),
    ]
  }

  private static func source(_ layer: JSON, _ file: SharedDescriptor, _ name: String) throws(Failure) -> TreeSource {
    let packing = try layer["packing"]?.string.map { word throws(Failure) in
      guard let packing = PackedStream(rawValue: word) else { throw Failure(.io, "a worker is told of no packing") }
      return packing
    }
    let range = ByteRange(offset: try layer.number("at"), length: try layer.number("length"))
    let digest = layer["digest"]?.string
    return TreeSource(digest.map { "\(name) (layer \($0))" } ?? name, packing: packing, digest: digest) {
      var offset = range.offset
      return { buffer throws(Failure) in
        let room = Int(min(UInt64(buffer.count), range.end - offset))
        let count = try file.readFull(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<room]), at: offset)
        offset += UInt64(count)
        return count
      }
    }
  }

  /// The name of a release, as far as os-release(5) tells it.
  private static func suite(of release: [UInt8]) -> String {
    let release = OSRelease(release)
    func word(_ key: String) -> String {
      let plain = release[key]?.filter { $0.isASCII && ($0.isLetter || $0.isNumber || ".-_".contains($0)) }
      return String((plain ?? "").prefix(60))
    }
    let codename = word("VERSION_CODENAME")
    return codename.isEmpty ? ["ID", "VERSION_ID"].map(word).filter { !$0.isEmpty }.joined(separator: "-") : codename
  }
}
