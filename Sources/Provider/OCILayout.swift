// SPDX-License-Identifier: Apache-2.0
internal import Fetch
internal import Glibc
internal import Images
internal import LinuxIO
internal import Report

/// An image layout of the OCI: an index that names manifests, a manifest that names layers, and blobs by their digests (OCI
/// Image Format 1.1). The index is known to be what was published; all else is what its digest says.
struct OCILayout {
  /// Where the blobs are.
  enum Blobs {
    /// A folder with `blobs`.
    case folder(String)
    /// A tar that is not packed, and what is in it by its name.
    case archive(SharedDescriptor, [String: ByteRange])
  }

  /// A blob that has been found.
  struct Blob {
    let digest: ContentDigest
    let file: SharedDescriptor
    let range: ByteRange
  }

  /// A layer, and how it is packed.
  struct Layer {
    let blob: Blob
    let packing: PackedStream?
  }

  /// What it is in a message.
  private let name: String
  private let blobs: Blobs

  init(_ name: String, _ blobs: Blobs) {
    self.name = name
    self.blobs = blobs
  }

  /// Of an index or a manifest, in bytes.
  static let longestText: UInt64 = 4 << 20
  /// More than any image has: Docker's limit is 127.
  private static let mostLayers = 200

  /// The layers of the image for this machine, the lowest first.
  func layers(index: [UInt8]) throws(Failure) -> [Layer] {
    let manifest = try manifest(index: index, depth: 0)
    guard let layers = manifest["layers"]?.array, !layers.isEmpty, layers.count <= Self.mostLayers else {
      throw damaged("its manifest names no layers, or more than \(Self.mostLayers)")
    }
    return try layers.map { layer throws(Failure) in
      Layer(blob: try blob(layer), packing: try packing(layer["mediaType"]?.string ?? ""))
    }
  }

  private func manifest(index: [UInt8], depth: Int) throws(Failure) -> JSON {
    guard let entries = (try? JSON(parsing: index))?["manifests"]?.array, depth < 3 else {
      throw damaged("its index is not one")
    }
    let fitting = entries.filter { $0["platform"].map(isOurs) ?? true }
    guard let entry = fitting.first(where: { $0["platform"] != nil }) ?? fitting.first else {
      var platforms: [String] = []
      for platform in entries.lazy.compactMap({ $0["platform"] }).map(words)
      where platforms.count < 20 && !platforms.contains(platform) { platforms.append(platform) }
      throw Failure(
        .guest, "\(name) has no image for linux/\(Self.architecture): it has \(Words.list(platforms))",
        remedy: "name an image for \(Self.architecture)")
    }
    let meant = entry["platform"] == nil ? fitting : fitting.filter { $0["platform"] != nil }
    guard entry["platform"] == nil ? meant.count == 1 : Set(meant.map { $0["digest"]?.string }).count == 1 else {
      throw Failure(
        .guest, "\(name) has \(meant.count) images, and nothing tells which is meant",
        remedy: "copy the one into a layout of its own: skopeo copy oci:FOLDER:TAG oci:OTHER")
    }
    let text = try text(of: blob(entry))
    switch Self.kind(entry["mediaType"]?.string ?? "") {
    case .index: return try manifest(index: text, depth: depth + 1)
    case .manifest:
      guard let manifest = try? JSON(parsing: text) else { throw damaged("its manifest is not JSON") }
      return manifest
    case nil:
      throw damaged("its index names a \(Words.printable(entry["mediaType"]?.string ?? "")), which is not an image")
    }
  }

  private enum Kind { case index, manifest }

  private static func kind(_ type: String) -> Kind? {
    switch type {
    case "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json": .index
    case "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json": .manifest
    default: nil
    }
  }

  private func packing(_ type: String) throws(Failure) -> PackedStream? {
    switch type {
    case "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar",
      "application/vnd.docker.image.rootfs.diff.tar":
      return nil
    case "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
      "application/vnd.docker.image.rootfs.diff.tar.gzip":
      return .gzip
    case "application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
      "application/vnd.docker.image.rootfs.diff.tar.zstd":
      return .zstd
    default: throw damaged("a layer is \(Words.printable(type).quoted), and not a tar, or one packed by gzip or zstd")
    }
  }

  // MARK: Platforms

  /// In Go's words.
  private static var architecture: String {
    ["i386": "386", "ppc64el": "ppc64le", "armhf": "arm", "armel": "arm"][Release.architecture] ?? Release.architecture
  }

  private func isOurs(_ platform: JSON) -> Bool {
    platform["os"]?.string == "linux" && platform["architecture"]?.string == Self.architecture
  }

  private func words(_ platform: JSON) -> String {
    [platform["os"], platform["architecture"]].map { Words.printable($0?.string ?? "?", limit: 20) }
      .joined(separator: "/")
  }

  // MARK: Blobs

  private func blob(_ json: JSON) throws(Failure) -> Blob {
    guard let text = json["digest"]?.string, let digest = try? ContentDigest(text), let size = json["size"]?.integer
    else {
      throw damaged("it names a blob without a size, or a digest that is not sha256 or sha512")
    }
    let path = "blobs/\(digest.word)/\(digest.hex)"
    let file: SharedDescriptor
    let range: ByteRange
    switch blobs {
    case .folder(let folder):
      let (above, name) = splitPath("\(folder)/\(path)")
      let blob = try Folder(above).open(name, O_RDONLY | O_NONBLOCK)
      guard try blob.status().isRegular else { throw damaged("\(path) is not a file") }
      range = ByteRange(offset: 0, length: try blob.length())
      file = SharedDescriptor(blob)
    case .archive(let archive, let names):
      guard let found = names[path] else { throw damaged("it lacks \(path)") }
      (file, range) = (archive, found)
    }
    guard range.length == UInt64(size) else {
      throw damaged("\(path) has \(range.length) bytes, and should have \(size)")
    }
    return Blob(digest: digest, file: file, range: range)
  }

  private func text(of blob: Blob) throws(Failure) -> [UInt8] {
    guard blob.range.length <= Self.longestText else {
      throw damaged("a manifest has \(Words.bytes(blob.range.length))")
    }
    let bytes = try [UInt8](upTo: Int(blob.range.length)) { buffer throws(Failure) in
      try blob.file.readFull(into: buffer, at: blob.range.offset)
    }
    guard blob.digest.matches(bytes) else {
      throw damaged("a manifest differs from its digest, \(blob.digest)")
    }
    return bytes
  }

  private func damaged(_ words: String) -> Failure {
    Failure(.guest, "\(name) is not an OCI image that can be used: \(words)", remedy: "copy the image again")
  }
}
