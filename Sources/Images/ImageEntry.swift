// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Glibc
package import LinuxIO
package import Report

/// An image of the cache that is being used: until this value goes, it is neither replaced nor pruned.
///
/// What is cheap has been checked: the manifest, the table of pieces by its digest, the length of the image file. The
/// bytes of the image have not: whoever copies them compares each with its piece, before the copy can be mounted, and
/// calls `reject` when one differs.
package struct ImageEntry: ~Copyable, Sendable {
  static let imageFile = "disk.img"
  static let piecesFile = "pieces"
  static let manifestFile = "manifest.json"
  /// In bytes.
  static let longestManifest = 64 << 20
  /// Its presence says that a copy found the image damaged.
  static let rejectedFile = "rejected"

  package let manifest: ImageManifest
  /// What has to be copied, with digests: ascending, and exactly the used bytes.
  package let pieces: [ImagePiece]
  private let folder: Folder

  package var path: String { "\(folder.path)/\(Self.imageFile)" }

  /// Opens the image file for reading.
  package borrowing func open() throws(Failure) -> Descriptor {
    try folder.open(Self.imageFile, O_RDONLY)
  }

  package borrowing func bootFile(_ kind: BootFile.Kind) throws(Failure) -> BootFile {
    guard let file = manifest.bootFiles.first(where: { $0.kind == kind }) else {
      throw Failure(.io, "the image \(manifest.key.prefix(12)) has no \(kind.rawValue)")
    }
    return file
  }

  /// One of `manifest.bootFiles`, to be read: its bytes have not been compared with their digest.
  package borrowing func open(_ file: BootFile) throws(Failure) -> Descriptor {
    try folder.open(file.kind.rawValue, O_RDONLY)
  }

  /// Reads all of the image and compares it with its digests.
  ///
  /// - Throws: `.io` with the place of the first difference.
  package borrowing func verify(progress: StepProgress) throws(Failure) {
    try ImagePiece.verify(pieces, of: open(), progress: progress)
    for file in manifest.bootFiles { try file.verify(open(file)) }
  }

  /// Says that the image is not what its digests say, so that the next `ImageStore.obtain` builds it anew.
  package consuming func reject() throws(Failure) {
    // Made in the folder that is open: another process may have put a good image in its place meanwhile.
    try folder.open(Self.rejectedFile, O_WRONLY | O_CREAT).close()
  }

  /// When it was last used; by the manifest file's time, which `markUsed` sets.
  borrowing func lastUsed() throws(Failure) -> Timestamp {
    Timestamp(seconds: try folder.open(Self.manifestFile, O_RDONLY).status().st_mtim.tv_sec)
  }

  borrowing func markUsed() {
    // A user of somebody else's cache may not, and then the image counts as old as before.
    try? folder.touch(Self.manifestFile)
  }

  /// Opens, locks and checks the image in `folder`.
  ///
  /// - Throws: `.io` with what is wrong with it, in words that follow "the image … is broken: ".
  init(_ folder: consuming Folder, key: String) throws(Failure) {
    (manifest, pieces) = try Self.check(folder, key: key)
    self.folder = folder
  }

  private static func check(
    _ folder: borrowing Folder, key: String
  ) throws(Failure) -> (ImageManifest, [ImagePiece]) {
    guard let text = try folder.contents(of: manifestFile, limit: longestManifest) else {
      throw Failure(.io, "\(manifestFile) is missing")
    }
    let manifest: ImageManifest
    do {
      manifest = try ImageManifest(parsing: text)
    } catch {
      throw Failure(.io, "\(manifestFile): \(error.message)")
    }
    guard manifest.key == key else { throw Failure(.io, "its manifest is that of \(manifest.key)") }
    guard let table = try folder.contents(of: piecesFile, limit: 1 << 30) else {
      throw Failure(.io, "\(piecesFile) is missing")
    }
    guard SHA256.hex(of: table) == manifest.digest, let pieces = ImagePiece.decode(table) else {
      throw Failure(.io, "\(piecesFile) differs from its digest")
    }
    guard try folder.has(imageFile) else { throw Failure(.io, "\(imageFile) is missing") }
    let size = try folder.open(imageFile, O_RDONLY).status().st_size
    guard size == manifest.size else {
      throw Failure(.io, "\(imageFile) has \(size) bytes and should have \(manifest.size)")
    }
    guard pieces.last.map({ $0.offset + UInt64($0.length) <= manifest.size }) ?? true else {
      throw Failure(.io, "\(piecesFile) names bytes behind the end of \(imageFile)")
    }
    for file in manifest.bootFiles {
      guard let status = try folder.status(of: file.kind.rawValue), status.st_size == file.size else {
        throw Failure(.io, "\(file.kind.rawValue) is missing or does not have \(file.size) bytes")
      }
    }
    guard try !folder.has(rejectedFile) else {
      throw Failure(.io, "\(imageFile) differed from its digest when it was copied")
    }
    return (manifest, pieces)
  }
}
