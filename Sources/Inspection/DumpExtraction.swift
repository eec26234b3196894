// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
internal import LinuxIO
package import Report
package import Worker

/// What an extraction made.
package struct Extracted: Sendable {
  package fileprivate(set) var files = 0
  package fileprivate(set) var bytes: UInt64 = 0
  /// Devices, pipes and sockets that were left out.
  package fileprivate(set) var leftOut = 0
  /// Extended attributes that the filesystem of the target does not take.
  package fileprivate(set) var lostAttributes = 0
}

extension Extracted {
  /// Up to so many files are brought to the disk one by one. For more it takes less time to do so with all of a filesystem, where
  /// others may have written much too.
  fileprivate static let mostFlushed = 64

  /// The dump and the folder that all goes into; returns how many files were made.
  static let task = WorkerTask("dump-extract", .extractor) { context throws(Failure) in
    let stored = try StoredDump(context.descriptor(0), partition: context.values["partition"]?.integer)
    let target = Folder(owning: try context.descriptor(1))
    let preserving = try context.values.flag("preserving")
    var files = 0
    for value in try context.values.list("paths") {
      let path = ByteString(try value.bytes("path"))
      files += try context.steps.step("extract \(path)") { progress throws(Failure) in
        let made = try stored.extract(
          path, to: target, preserving: preserving, steps: context.steps, progress: progress)
        progress.detail(made.words(target.path))
        return made.files
      }
    }
    return ["files": .integer(files)]
  }

  private func words(_ target: String) -> String {
    let leftOut = leftOut > 0 ? ", without \(leftOut) devices, pipes and sockets" : ""
    let lost = lostAttributes > 0 ? ", without \(lostAttributes) attributes that \(target) does not take" : ""
    return "\(files) files, \(Words.bytes(bytes))\(leftOut)\(lost)"
  }
}

extension DumpFile {
  /// Makes the files or trees at `paths` in the folder `target`, each under its last name; the root's content has no name
  /// of its own and goes into the folder itself. Nothing that is there is replaced. When it returns, all is on the disk.
  ///
  /// - Parameters:
  ///   - partition: the number of the one to look into; nil is that of the root filesystem.
  ///   - preserving: also owners by their numbers, the set-id bits, extended attributes, devices and pipes; only
  ///     root can.
  package func extract(
    _ paths: [ByteString], partition: Int?, to target: String, preserving: Bool, by workers: Workers, _ steps: Steps
  ) throws(Failure) {
    let folder = try Folder(target)
    let answer = try workers.run(
      Extracted.task,
      [
        "preserving": .bool(preserving), "partition": partition.map { .integer($0) } ?? nil,
        "paths": .array(paths.map { ["path": .bytes($0.bytes)] }),
      ],
      [handedOver, .stream(folder.descriptor.view)], .init(.dump, "reads \(descriptor.name)"), limits, steps)
    if answer["files"]?.integer ?? .max > Extracted.mostFlushed {
      try folder.descriptor.flushFilesystem()
    } else {
      try folder.flush()
    }
  }
}

extension StoredDump {
  fileprivate func extract(
    _ path: ByteString, to target: borrowing Folder, preserving: Bool, steps: Steps, progress: StepProgress
  ) throws(Failure) -> Extracted {
    let filesystem = try filesystem(steps: steps)
    let (file, isFolder) = try filesystem.guestFile(path, in: self.path)
    let folder = ExtractionFolder(
      Folder(owning: try target.descriptor.view.duplicate(named: target.path)))
    var extraction = Extraction(
      preserving: preserving, progress: progress, root: file.inode, target: folder.folder.descriptor.view)
    do throws(Failure) {
      if isFolder, file.path.isEmpty {
        try extraction.fill(folder, from: file, in: filesystem, depth: 1)
      } else {
        let name = file.path.split(separator: "/").last ?? ""
        try extraction.make(name, file, in: folder, from: filesystem, depth: 0)
      }
    } catch {
      var failure = error
      if error.errorNumber == EEXIST { failure.remedy = "remove it, or name another folder with --to" }
      throw failure
    }
    return extraction.done
  }
}

/// Makes files of a guest's: its names, links and modes are a stranger's. Every file is made anew by a descriptor of its
/// folder and a single name, no link is followed, and none can lead what is made later elsewhere.
private struct Extraction {
  let preserving: Bool
  let progress: StepProgress
  /// The folder that everything goes into.
  let target: DescriptorView
  var walk: GuestWalk
  var done = Extracted()
  /// Of files with several names the one that was made first.
  var made: [InodeNumber: MadeFile] = [:]

  init(preserving: Bool, progress: StepProgress, root: InodeNumber, target: DescriptorView) {
    self.preserving = preserving
    self.progress = progress
    self.target = target
    walk = GuestWalk(root: root)
  }

  private var flushesEach: Bool { done.files < Extracted.mostFlushed }

  mutating func fill(
    _ folder: borrowing ExtractionFolder, from source: GuestFile, in filesystem: borrowing Filesystem, depth: Int
  ) throws(Failure) {
    for entry in try filesystem.entries(of: source.inode) {
      let file = try filesystem.guestFile(entry.inode, path: "\(source.path)/\(entry.name)")
      try make(entry.name, file, in: folder, from: filesystem, depth: depth)
    }
  }

  mutating func make(
    _ name: ByteString, _ file: GuestFile, in folder: borrowing ExtractionFolder, from filesystem: borrowing Filesystem,
    depth: Int
  ) throws(Failure) {
    try folder.refusePath(name)
    let attributes = file.attributes
    switch attributes.kind {
    case .directory:
      if depth > 0 { try walk.enter(file, depth: depth) }
      let made = try folder.makeFolder(name)
      try fill(made, from: file, in: filesystem, depth: depth + 1)
      try finish(made.folder.descriptor, as: file, from: filesystem)
      if flushesEach { try made.folder.flush() }
    case .file:
      if let other = made[file.inode], try folder.makeName(name, of: other, in: target) { break }
      let made = try folder.makeFile(name)
      try write(file, to: made, from: filesystem)
      try finish(made, as: file, from: filesystem)
      if attributes.links > 1 { self.made[file.inode] = try MadeFile(made, place: folder.place(of: name)) }
      if flushesEach { try made.flush() }
      try made.close()
    case .symbolicLink:
      try finish(try folder.makeLink(name, to: file.target ?? ""), as: file, from: filesystem)
    default:
      guard preserving else {
        done.leftOut += 1
        return
      }
      try finish(try folder.makeSpecial(name, attributes), as: file, from: filesystem)
    }
    done.files += 1
  }

  private mutating func finish(
    _ made: borrowing Descriptor, as file: GuestFile, from filesystem: borrowing Filesystem
  ) throws(Failure) {
    let extended = preserving ? try filesystem.extendedAttributes(of: file.inode) : []
    done.lostAttributes += try made.take(file.attributes, extended, preserving: preserving)
  }

  private mutating func write(
    _ file: GuestFile, to made: borrowing Descriptor, from filesystem: borrowing Filesystem
  ) throws(Failure) {
    let (size, progress) = (file.attributes.size, progress)
    try filesystem.eachPiece(of: file.inode, in: filesystem.dataRanges(of: file.inode)) {
      bytes, offset throws(Failure) in
      // What is zero becomes a hole.
      try NonZeroRuns(in: bytes, unit: 4096).each { run throws(Failure) in
        try made.writeAll(UnsafeRawBufferPointer(rebasing: bytes[run]), at: offset + UInt64(run.lowerBound))
      }
      progress.advance(by: UInt64(bytes.count))
    }
    try made.setLength(size)
    done.bytes = done.bytes.saturatingAdding(size)
  }
}
