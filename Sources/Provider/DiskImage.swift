// SPDX-License-Identifier: Apache-2.0
package import Configuration
internal import Ext4
internal import Fetch
internal import Glibc
package import Images
internal import LinuxIO
package import Report
internal import Sources
internal import Storage
package import Worker

/// A published disk, as the source of guests: fetched and verified once, and kept in the cache as its used
/// blocks.
package struct DiskImage {
  private var publication: Publication
  /// Where it is taken from; nil is the place of the publication.
  private var file: Location?
  let format: ImageFormat
  /// For a message.
  package let words: String
  /// Of a layout of the OCI.
  private(set) var folder: String?
  private let limits: DownloadLimits
  let threads: Int
  /// Of the filesystem that a tree comes into.
  let options: FilesystemOptions
  /// What the configuration says of it, in one text.
  private let text: String

  /// - Throws: `.invalid` where the configuration does not say enough, or too much.
  package init?(_ configuration: Configuration) throws(Failure) {
    guard let image = configuration.image else { return nil }
    var place = try Location(image)
    format = try ImageFormat(configuration.format, nameOfFile: place.name)
    words = "\(place)"
    if format.kind == .oci {
      guard case .file(let folder) = place else {
        throw Failure(
          .invalid, "\(place) is not a folder of this machine, which format = oci is for",
          remedy: "name a folder, or a tar of one with format = \"oci.tar\"")
      }
      place = .file("\(folder)/\(Self.ociIndex)")
      self.folder = folder
    }
    // A keyring beside a digest is the mirror's.
    let isSigned = configuration.sums != nil || configuration.signature != nil
    let keyring = isSigned || configuration.fingerprint != nil ? configuration.keyring : nil
    publication = Publication(
      place,
      try Trust(
        digest: configuration.digest, sums: configuration.sums, signature: configuration.signature, keyring: keyring,
        fingerprint: configuration.fingerprint, verify: configuration.verify))
    var limits = DownloadLimits(
      size: configuration.cacheMaxSize == 0 ? UInt64(Int64.max) : configuration.cacheMaxSize)
    limits.remedy = "raise cache_max_size in the configuration"
    self.limits = limits
    threads = configuration.workers
    // Which release it is, and so what its programs read, is known only when it is unpacked.
    options = configuration.filesystemOptions.readable(bySuite: "").ofImage
    let filesystem = format.isTree ? [ImageStore.key(ofTree: "", format: "", options)] : []
    text =
      [
        image, format.words, configuration.digest, configuration.sums, configuration.signature, keyring,
        configuration.fingerprint, configuration.verify,
      ].map { $0 ?? "-" }.joined(separator: "\n") + filesystem.map { "\n\($0)" }.joined()
  }

  /// It is a root filesystem, of which an image is made as of a bootstrapped one.
  package var isTree: Bool { format.isTree }

  /// The file of a layout of the OCI that stands for all of it.
  static let ociIndex = "index.json"

  /// That is kept of one, in bytes.
  var mostKept: UInt64 { min(limits.size, ImageStore.mostContent) }

  private var source: String { ImageStore.key(ofSource: text) }

  /// The image that the source was found to be, where it need not be asked again yet; else the source is asked, and
  /// fetched where it is not in the cache. What fails leaves the image in use that there is.
  ///
  /// - Parameter asks: whether the source is asked in any case.
  package func obtain(
    from store: ImageStore, asks: Bool = false, workers: Workers, steps: Steps
  ) throws(Failure) -> ImageEntry {
    if !asks, let entry = try known(in: store, fresh: true) { return entry }
    let lock = try store.lock(source: source)
    defer { withExtendedLifetime(lock.view) {} }
    // Whoever was waited for may have asked.
    if !asks, let entry = try known(in: store, fresh: true) { return entry }
    do throws(Failure) {
      return try ask(store, workers, steps)
    } catch let failure {
      guard let old = try known(in: store, fresh: false) else { throw failure }
      steps.note(
        "the image of \(old.manifest.created.text), \(old.manifest.key.prefix(12)), is used, as \(words) could not be fetched:"
      )
      for line in "\(failure)".split(separator: "\n") { steps.note("  \(line)") }
      try store.postponeAsking(source)
      return old
    }
  }

  /// Whether its image is in the cache, and the source is to be asked again by the age of what it said.
  package func isOld(in store: ImageStore) throws(Failure) -> Bool {
    guard let pin = store.pin(of: source), !store.isFresh(pin) else { return false }
    return try store.keys().contains(pin.key)
  }

  /// Puts a local file into the cache as what is at the source, for machines that can't reach that.
  ///
  /// - Parameters:
  ///   - path: of the file.
  ///   - digest, verify: why it is believed, in place of what the configuration says.
  ///   - sums, signature: paths of copies of what the configuration names.
  package func add(
    _ path: String, digest: String?, sums: String?, signature: String?, verify: String?, to store: ImageStore,
    workers: Workers, steps: Steps
  ) throws(Failure) -> ImageEntry {
    var local = self
    let trust = try publication.trust.local(
      Trust.Local(digest: digest, sums: sums, signature: signature, verify: verify))
    local.publication = Publication(publication.place, trust)
    local.file = try Location(absolute(path))
    if format.kind == .oci {
      local.folder = absolute(path)
      local.file = .file("\(absolute(path))/\(Self.ociIndex)")
    }
    let lock = try store.lock(source: source)
    defer { withExtendedLifetime(lock.view) {} }
    return try local.ask(store, workers, steps)
  }

  /// The key of the image that the source was found to be, however long ago; nil where it is not in the cache.
  package func keyOfKnown(in store: ImageStore) throws(Failure) -> String? {
    guard let pin = store.pin(of: source), try store.keys().contains(pin.key) else { return nil }
    return pin.key
  }

  private func known(in store: ImageStore, fresh: Bool) throws(Failure) -> ImageEntry? {
    guard let pin = store.pin(of: source), !fresh || store.isFresh(pin) else { return nil }
    return try store.wholeEntry(pin.key)
  }

  private func ask(_ store: ImageStore, _ workers: Workers, _ steps: Steps) throws(Failure) -> ImageEntry {
    let pin = try publication.pin(steps: steps, limits: limits)
    if let digest = pin.digest, let entry = try store.wholeEntry(key(of: digest)) {
      try store.setPin(of: source, to: key(of: digest))
      return entry
    }
    let key = try fetch(pin, store, workers, steps)
    guard let entry = try store.wholeEntry(key) else {
      throw Failure(.io, "the image \(key) was changed as soon as it was made")
    }
    try store.setPin(of: source, to: key)
    return entry
  }

  private func key(of digest: ContentDigest) -> String {
    isTree
      ? ImageStore.key(ofTree: digest.description, format: format.words, options)
      : ImageStore.key(ofDisk: digest.description, format: format.words)
  }

  /// Returns the key of the image.
  private func fetch(
    _ pin: Publication.Pin, _ store: ImageStore, _ workers: Workers, _ steps: Steps
  ) throws(Failure) -> String {
    try store.withScratch { folder throws(Failure) in
      let file = "\(folder)/image"
      var limits = limits
      limits.admit = { length throws(Failure) in try requireRoom(length, in: folder, for: "fetching the image") }
      let verified = try Publication(self.file ?? publication.place, publication.trust)
        .fetch(pin, into: file, steps: steps, limits: limits)
      let key = key(of: verified.digest)
      if try store.wholeEntry(key) != nil { return key }
      if format.kind == .exported {
        let stream = IncomingStream(reading: try opened(file))
        let identity = ImageStore.Identity(key: key, origin: origin(verified, end: 0, root: nil))
        return try ImageTransfer(store, workers: workers, threads: threads).take(stream, as: identity, steps).key
      }
      try store.add(key, steps: steps) { path throws(Failure) in
        if isTree {
          return try makeTree(of: file, at: path, verified, spool: "\(folder)/spool", workers, steps)
        }
        try unpack(file, to: path, spool: "\(folder)/spool", workers, steps)
        return try examine(path, verified, workers, steps)
      }
      return key
    }
  }

  /// What was fetched, by the name of where that was.
  func opened(_ file: String) throws(Failure) -> SharedDescriptor {
    let fetched = try Descriptor(file, O_RDONLY)
    let image = SharedDescriptor(try fetched.view.duplicate(named: words))
    try fetched.close()
    return image
  }

  private func unpack(
    _ file: String, to path: String, spool: String, _ workers: Workers, _ steps: Steps
  ) throws(Failure) {
    let disk = try Descriptor(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    var file = file
    if let packing = format.packing, format.kind != .raw {
      let unpacked = try Descriptor(spool, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
      let stream = try IncomingStream(reading: opened(file)).unpacked(packing, to: mostKept)
      try make(format.kind == .qcow2 ? .qcow2 : .file, of: stream, to: unpacked, workers, steps)
      file = spool
    }
    let image = try opened(file)
    var stream = IncomingStream(reading: image)
    switch format.kind {
    case .vmdk, .vhdx:
      var limits = ChildLimits.worker(streaming: mostKept, threads: threads)
      limits.room = try .init(disk.view, most: mostKept)
      try convert(file, format.kind, to: disk, limits, steps)
    case .qcow2: try make(.disk, of: stream, in: image, to: disk, workers, steps)
    default:
      if let packing = format.packing { stream = try stream.unpacked(packing, to: mostKept) }
      if let other = OtherForm(beginning: try stream.prefix(StreamKind.prefixLength)) {
        throw other.failure(words, format)
      }
      try make(.disk, of: stream, to: disk, workers, steps)
    }
  }

  /// Has a worker make of a stream what is to be in an empty file.
  ///
  /// - Parameter image: of qemu, which the stream is then.
  func make(
    _ unpacked: Unpacked, of stream: IncomingStream, in image: SharedDescriptor? = nil, to file: borrowing Descriptor,
    _ workers: Workers, _ steps: Steps
  ) throws(Failure) {
    var limits = ChildLimits.worker(streaming: mostKept, threads: threads)
    // The worker says what was too much; this is for one that does not count.
    limits.room = try .init(file.view, most: mostKept + (64 << 20))
    var files: [WorkerDescriptor] = [.stream(file.view)]
    if let image { files.append(.stream(image.view)) }
    _ = try stream.run(
      Self.unpacking, Self.values(mostKept, unpacked, threads: threads), files, by: workers, limits, steps)
    withExtendedLifetime(image) {}
  }

  /// What is used of the disk, and what it is.
  private func examine(
    _ path: String, _ verified: Publication.Verified, _ workers: Workers, _ steps: Steps
  ) throws(Failure) -> PublishedImage {
    let disk = try Disk(path, for: .reading)
    try refuseBlank(disk, workers)
    let list = try Descriptor(inMemory: "the used blocks")
    let measured = try workers.run(
      Self.measuring, nil, [.disk(disk), .stream(list.view)], .init(.guest, "looks at the image"),
      .worker(onDiskOf: disk.size), steps)
    let used = try Self.ranges(in: list, of: disk.size)
    var root: String?
    var end = disk.size
    switch try disk.findRoot(by: GuestPartitions.finding, workers, steps) {
    case .noTable: root = try disk.holdsExt() ? "ext4" : nil
    case .root, .other:
      root = disk.layout.rootPartition?.filesystem
      if disk.layout.rootPartition != nil { end = measured["smallest"]?.integer.map { UInt64(clamping: $0) } ?? end }
    }
    if root?.hasPrefix("ext") == true {
      let found = try workers.run(
        Self.asking, nil, [.disk(disk)], .init(.guest, "looks at the image"), .worker(onDiskOf: disk.size), steps)
      try refuse(architecture: found.string)
    }
    return PublishedImage(used: used, origin: origin(verified, end: end, root: root))
  }

  /// Refuses what nothing can start from and nothing is found on: a page of the web, or zeros.
  private func refuseBlank(_ disk: Disk, _ workers: Workers) throws(Failure) {
    // The mark of a first sector; libblkid passes over an ext that is damaged.
    if try disk.descriptor.bytes(at: 510, count: 2) == [0x55, 0xAA] { return }
    if try disk.holdsExt() { return }
    guard try DataDisk.contents(of: disk, workers) == .nothing else { return }
    throw Failure(
      .guest,
      "what is in \(words) is not a disk: it lacks a boot sector, a partition table and a known filesystem",
      remedy: "correct image, or format")
  }

  func origin(_ verified: Publication.Verified, end: UInt64, root: String?) -> ImageOrigin {
    ImageOrigin(
      source: words, format: format.words, digest: verified.digest.description, trust: publication.trust.word,
      signer: verified.signer?.text, end: end, root: root, isTree: isTree)
  }

  func refuse(architecture: String?) throws(Failure) {
    let own = Release.architecture
    guard let architecture, architecture != own, !(own == "amd64" && architecture == "i386"),
      !(own.hasPrefix("arm") && architecture == "arm")
    else { return }
    throw Failure(
      .guest, "\(words) is an image for \(architecture), and this machine is \(own)",
      remedy: "name the image for \(own)")
  }

  /// Of what a worker puts into a file in memory, in bytes: of used ranges 4 million.
  static let longestList: UInt64 = 64 << 20

  /// What a worker has put there.
  static func bytes(of list: borrowing Descriptor) throws(Failure) -> [UInt8] {
    let length = try list.length()
    guard length <= longestList else {
      throw Failure(
        .guest,
        "the worker that looks at the image listed \(Words.bytes(length)), more than the \(Words.bytes(longestList)) "
          + "that are read")
    }
    return try list.bytes(at: 0, count: Int(length))
  }

  /// What a worker has listed.
  static func ranges(in list: borrowing Descriptor, of size: UInt64) throws(Failure) -> [ByteRange] {
    let bytes = try bytes(of: list)
    func number(_ place: Int) -> UInt64 { bytes[place..<place + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    var ranges: [ByteRange] = []
    var end: UInt64 = 0
    for place in stride(from: 0, to: bytes.count - bytes.count % 16, by: 16) {
      let (offset, length) = (number(place), number(place + 8))
      guard offset >= end, length > 0, offset <= size, length <= size - offset else {
        throw Failure(.guest, "the worker that looks at the image listed what is not on it")
      }
      ranges.append(ByteRange(offset: offset, length: length))
      end = offset + length
    }
    return ranges
  }
}
