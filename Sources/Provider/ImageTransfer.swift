// SPDX-License-Identifier: Apache-2.0
internal import Fetch
internal import Glibc
package import Images
package import LinuxIO
package import Report
package import Sources
package import Worker

/// Images that go from the cache of one machine to that of another, in files that are packed by zstd.
package struct ImageTransfer {
  private let store: ImageStore
  private let workers: Workers
  private let threads: Int

  package init(_ store: ImageStore, workers: Workers, threads: Int) {
    self.store = store
    self.workers = workers
    self.threads = threads
  }

  /// The file that an image was written to.
  package struct Exported: Sendable {
    /// In bytes.
    package var size: UInt64
    package var digest: String
  }

  /// Writes an image to a file, which is there under its name once it is whole.
  package func export(_ entry: borrowing ImageEntry, to path: String, _ steps: Steps) throws(Failure) -> Exported {
    let (folder, name) = splitPath(path)
    guard !name.isEmpty, name != ".", name != ".." else {
      throw Failure(.invalid, "\(path.quoted) does not name a file", remedy: "name the file that the image goes to")
    }
    let place = try Folder(folder)
    let temporary = ".\(name).\(getpid()).new"
    let file = try place.open(temporary, O_RDWR | O_CREAT | O_EXCL)
    let whole = "\(folder)/\(temporary)"
    let token = Interrupts.onInterrupt { unlink(whole) }
    defer { token.cancel() }
    do throws(Failure) {
      try write(entry, to: file, steps)
      let exported = try steps.step("computing the digest of the file") { progress throws(Failure) in
        progress.expect(try file.length())
        return Exported(
          size: try file.length(), digest: try ContentDigest(of: file.view, progress: progress).description)
      }
      try file.flush()
      try place.move(temporary, to: place, as: name)
      try place.flush()
      return exported
    } catch {
      unlink(whole)
      throw error
    }
  }

  /// Writes an image to a file or a pipe.
  package func write(_ entry: borrowing ImageEntry, to file: borrowing Descriptor, _ steps: Steps) throws(Failure) {
    let words = try Descriptor(inMemory: "the words of zstd")
    let pipe = try Pipe()
    var command = Command.ofSystem("zstd", ["-qc", "-3", "-T\(threads)"])
    command.input = .descriptor(pipe.reader.view)
    command.output = .descriptor(file.view)
    command.error = .descriptor(words.view)
    let child = try Command.needing("zstd") { () throws(Failure) in try command.start() }
    var input: Descriptor? = pipe.keepingWriter()
    let name = file.name
    do throws(Failure) {
      try steps.step("writing \(name)") { progress throws(Failure) in
        guard let input = input.take() else { return }
        try store.export(entry, progress: progress) { bytes throws(Failure) in try input.writeAll(bytes) }
      }
    } catch {
      // That the pipe is closed has a reason, which zstd tells.
      guard error.errorNumber == EPIPE else { throw error }
    }
    let status = try child.wait()
    guard status.isSuccess else {
      let said = Words.printable(String(decoding: try words.bytes(at: 0, count: 4096), as: UTF8.self))
      throw Failure(.io, "cannot write \(name): zstd \(status): \(said)")
    }
  }

  /// Puts an image that another machine has exported into the cache, once all of it was found to be whole.
  ///
  /// - Parameter identity: of an image that is a source: what it says of itself is not believed then, but for what is on the
  ///   disk. Nil: as it says.
  package func take(
    _ stream: IncomingStream, as identity: ImageStore.Identity? = nil, _ steps: Steps
  ) throws(Failure) -> ImageStore.Imported {
    let most = min(store.maxSize ?? .max, ImageStore.mostContent)
    let (workers, threads) = (workers, threads)
    return try store.takeImported(as: identity, steps: steps) { files throws(Failure) in
      var limits = ChildLimits.worker(streaming: most, threads: threads)
      limits.room = try .init(files[0], most: most)
      _ = try stream.unpacked(.zstd, to: most).run(
        Self.reading, ["most": .number(most)], files.map { .stream($0) }, by: workers, limits, steps)
    }
  }

  /// The stream in its two descriptors, and the files that the parts of the image go to.
  static let reading = WorkerTask("exported-image", .decoder) { context throws(Failure) in
    let (stream, _) = try context.stream()
    var files: [SharedDescriptor] = []
    for place in 2..<context.count { files.append(SharedDescriptor(try context.descriptor(place))) }
    guard let parts = ImportedImage.Files(files.map(\.view)) else {
      throw Failure(.io, "a worker was not given the files of an image")
    }
    let most = try context.values.number("most")
    var image = ImportedImage(stream.name) { buffer throws(Failure) in try stream.readFull(into: buffer) }
    try context.steps.step("reading the image") { progress throws(Failure) in
      try image.read(into: parts, most: most, progress: progress)
    }
    withExtendedLifetime(files) {}
    return nil
  }
}
