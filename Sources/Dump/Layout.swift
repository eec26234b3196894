// SPDX-License-Identifier: Apache-2.0
import Report

/// The tar inside a dump, which follows from its manifest to the byte:
///
///     manifest.json   header, text, padding                                        frame 0
///     disk.raw        pax header, header, sparse map, padding                      frames of `frameSize`
///                     the extents' data, padding                                   frames as `DataFrames` cuts them
///     trailer.json    header, text, padding; two blocks of zeros: the tar's end    the last frame
///
/// Every frame of the second part is full except the last one.
struct Layout {
  static let manifestName = "manifest.json"
  static let diskName = "disk.raw"
  static let trailerName = "trailer.json"
  /// Header, text in one block, end of the tar.
  static let trailerLength = 4 * TarHeader.blockSize

  let manifest: Manifest
  /// `manifest.json` with its header and padding.
  let manifestMember: [UInt8]
  /// What precedes the sparse map of disk.raw.
  let diskHeader: [UInt8]

  init(_ manifest: Manifest, manifestMember: [UInt8]) {
    self.manifest = manifest
    self.manifestMember = manifestMember
    let size = Self.padded(manifest.mapLength) + manifest.used
    let records = PaxRecords.text([
      "GNU.sparse.major": "1",
      "GNU.sparse.minor": "0",
      "GNU.sparse.name": Self.diskName,
      "GNU.sparse.realsize": "\(manifest.diskSize)",
      "size": "\(size)",
    ])
    let pax = TarHeader(
      name: "PaxHeaders/\(Self.diskName)", size: UInt64(records.count), modified: manifest.created, type: "x")
    diskHeader =
      pax.bytes + records + [UInt8](repeating: 0, count: Int(TarHeader.padding(after: UInt64(records.count))))
      + TarHeader(name: "GNUSparseFile.0/\(Self.diskName)", size: size, modified: manifest.created).bytes
  }

  private static func padded(_ count: UInt64) -> UInt64 { count + TarHeader.padding(after: count) }

  /// Bytes of disk.raw's header and sparse map.
  var headLength: UInt64 { UInt64(diskHeader.count) + Self.padded(manifest.mapLength) }
  /// Bytes of the extents' data with the padding.
  var dataLength: UInt64 { Self.padded(manifest.used) }

  /// Bytes of the tar before its trailer.
  var bodyLength: UInt64 { UInt64(manifestMember.count) + headLength + dataLength }
  var length: UInt64 { bodyLength + UInt64(Self.trailerLength) }

  var headFrames: Int { Self.frames(headLength, manifest.frameSize) }
  var dataFrames: Int { manifest.dataFrames }
  /// Frames with content: all but the two skippable ones.
  var frames: Int { 1 + headFrames + dataFrames + 1 }

  private static func frames(_ length: UInt64, _ size: UInt64) -> Int { Int((length + size - 1) / size) }

  /// Whether a frame holds data of the extents, which say how long it is: `DataFrames`.
  func isData(_ frame: Int) -> Bool { frame > headFrames && frame <= headFrames + dataFrames }

  /// Bytes of the tar that a frame holds which is not one of data.
  func contentLength(ofFrame index: Int) -> Int {
    switch index {
    case 0: manifestMember.count
    case ...headFrames: Int(min(manifest.frameSize, headLength - UInt64(index - 1) * manifest.frameSize))
    default: Self.trailerLength
    }
  }

  /// The member that a frame belongs to, for messages.
  func member(ofFrame index: Int) -> String {
    switch index {
    case 0: Self.manifestName
    case ...headFrames: "the sparse map of \(Self.diskName)"
    case ...(headFrames + dataFrames): Self.diskName
    default: Self.trailerName
    }
  }

  /// The last part of the tar, given the digest of everything before it.
  func trailer(sha256: String) -> [UInt8] {
    let json: JSON = ["bytes": .integer(Int(clamping: bodyLength)), "sha256": .string(sha256)]
    let text = json.serialized() + "\n"
    return TarHeader.member(Self.trailerName, Array(text.utf8), modified: manifest.created)
      + [UInt8](repeating: 0, count: 2 * TarHeader.blockSize)
  }
}

extension Layout {
  /// For the writer: throws `.invalid` when the manifest does not fit its place.
  init(_ manifest: Manifest) throws(Failure) {
    let text = Array(manifest.json.utf8)
    guard text.count <= Manifest.longestText else {
      throw Failure(.invalid, "the manifest takes \(text.count) bytes, a dump has room for \(Manifest.longestText)")
    }
    guard manifest.created <= TarHeader.largestNumber, (1...ExtentMap.largestDisk).contains(manifest.diskSize) else {
      throw Failure(
        .invalid, "a disk of \(manifest.diskSize) bytes dumped at \(manifest.created) s cannot be said in a tar")
    }
    guard manifest.version == 1 || UInt64(manifest.dataFrames) <= Manifest.mostFrames else {
      throw Failure(
        .invalid,
        "\(manifest.used) bytes in use on a disk make \(manifest.dataFrames) frames, a dump has room for "
          + "\(Manifest.mostFrames)")
    }
    self.init(manifest, manifestMember: TarHeader.member(Self.manifestName, text, modified: manifest.created))
  }

  /// The length of the manifest's text, from the first block of a tar; nil when this is not the start of a dump.
  static func manifestLength(firstBlock block: some Collection<UInt8>) -> Int? {
    let block = Array(block.prefix(TarHeader.blockSize))
    guard block.count == TarHeader.blockSize, block.starts(with: "\(manifestName)\0".utf8),
      let size = TarHeader.number(block[124..<136]), let modified = TarHeader.number(block[136..<148]),
      (2...UInt64(Manifest.longestText)).contains(size), modified <= TarHeader.largestNumber,
      TarHeader(name: manifestName, size: size, modified: modified).bytes == block
    else { return nil }
    return Int(size)
  }

  /// For the reader: from the whole first member.
  init(parsing member: [UInt8]) throws(Failure) {
    guard let length = Self.manifestLength(firstBlock: member), member.count >= TarHeader.blockSize + length else {
      throw .unsound("the stream does not start with a manifest.json as guestsmith writes it")
    }
    let text = Array(member[TarHeader.blockSize..<TarHeader.blockSize + length])
    let manifest = try Manifest(json: text)
    guard TarHeader.member(Self.manifestName, text, modified: manifest.created) == member else {
      throw .unsound("manifest.json has a header or padding that guestsmith does not write")
    }
    self.init(manifest, manifestMember: member)
  }
}
