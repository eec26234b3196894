// SPDX-License-Identifier: Apache-2.0
package import Report

/// A FAT filesystem (Microsoft, "FAT32 File System Specification" 1.03), of which files are found and read. Where their
/// bytes lie is told, so that some can be written over.
package struct FAT {
  /// Gives the bytes of a range, from the start of the filesystem.
  package typealias Reading = (ByteRange) throws(Failure) -> [UInt8]

  package struct File: Equatable, Sendable {
    package let path: ByteString
    /// In order, and as long as the file: in bytes from the start of the filesystem.
    package let ranges: [ByteRange]

    package var size: UInt64 { ranges.reduce(0) { $0 + $1.length } }
  }

  /// The volume number, as blkid(8) shows it: `1A2B-3C4D`.
  package let serial: String
  /// As its first sector says; the label in the root directory counts for more.
  package let label: String
  private let name: String
  private let read: Reading
  /// In bits, of an entry in the table of clusters.
  private let width: Int
  private let table: [UInt8]
  private let clusterSize: UInt64
  /// How many there are; they count from 2.
  private let clusters: UInt64
  /// Where cluster 2 is, in bytes.
  private let dataStart: UInt64
  private let root: Root

  private enum Root {
    case range(ByteRange)
    case chain(UInt64)
  }

  /// The largest table that is read: a million clusters, or two with FAT16.
  private static let largestTable: UInt64 = 4 << 20
  /// 65536 entries (section 6.4).
  private static let largestFolder: UInt64 = 2 << 20

  /// - Parameters:
  ///   - name: of what it is on, for a message.
  ///   - length: of that, in bytes.
  /// - Throws: `.guest` for what is not FAT, or damaged.
  package init(_ name: String, length: UInt64, read: @escaping Reading) throws(Failure) {
    func damaged(_ words: String) -> Failure { Failure(.guest, "the FAT filesystem in \(name) \(words)") }
    guard length >= 512 else { throw damaged("is shorter than a sector") }
    let sector = try read(ByteRange(offset: 0, length: 512))
    guard sector.count == 512, sector.number(at: 510, 2) == 0xAA55 else {
      throw damaged("lacks the mark of a first sector")
    }
    let sectorSize = sector.number(at: 11, 2)
    let perCluster = sector.number(at: 13, 1)
    let reserved = sector.number(at: 14, 2)
    let tables = sector.number(at: 16, 1)
    guard [512, 1024, 2048, 4096].contains(sectorSize), perCluster.nonzeroBitCount == 1, reserved > 0, tables > 0 else {
      throw damaged("has a first sector that can't be believed")
    }
    let rootLength = sector.number(at: 17, 2) * 32
    let shortTable = sector.number(at: 22, 2)
    let tableSectors = shortTable > 0 ? shortTable : sector.number(at: 36, 4)
    let shortTotal = sector.number(at: 19, 2)
    let total = shortTotal > 0 ? shortTotal : sector.number(at: 32, 4)
    let rootStart = reserved + tables * tableSectors
    let data = rootStart + (rootLength + sectorSize - 1) / sectorSize
    guard tableSectors > 0, data < total, total * sectorSize <= length else {
      throw damaged("does not lie where its first sector says: it has \(total) sectors of \(sectorSize) bytes")
    }
    clusters = (total - data) / perCluster
    width = shortTable == 0 ? 32 : clusters < 4085 ? 12 : 16
    let needed = ((clusters + 2) * UInt64(width) + 7) / 8
    guard clusters > 0, needed <= tableSectors * sectorSize else { throw damaged("has more clusters than its table") }
    guard needed <= Self.largestTable else { throw damaged("has too many clusters to be read: \(clusters)") }
    table = try read(ByteRange(offset: reserved * sectorSize, length: needed))
    guard UInt64(table.count) == needed else { throw damaged("is cut off in its table of clusters") }
    clusterSize = perCluster * sectorSize
    dataStart = data * sectorSize
    root =
      width == 32
      ? .chain(sector.number(at: 44, 4) & 0x0FFF_FFFF)
      : .range(ByteRange(offset: rootStart * sectorSize, length: rootLength))
    let identity = width == 32 ? 67 : 39
    serial = Self.serial(sector.number(at: identity, 4))
    label = FATEntry.label(sector[identity + 4..<identity + 15])
    self.name = name
    self.read = read
  }

  private static func serial(_ number: UInt64) -> String {
    let digits = String(number, radix: 16, uppercase: true)
    let text = String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    return "\(text.prefix(4))-\(text.suffix(4))"
  }

  /// Its label and all its files.
  ///
  /// - Parameter most: how many names are read.
  /// - Throws: `.guest` where there are more, or where files share clusters, as those of a loop do.
  package func content(most: Int) throws(Failure) -> (label: String?, files: [File]) {
    var claims = FATClaims(clusters: Int(clusters))
    var (label, files): (String?, [File]) = (nil, [])
    var folders: [(path: ByteString, ranges: [ByteRange])] = [("", try rootRanges(&claims))]
    var left = most
    while let folder = folders.popLast() {
      guard folder.ranges.reduce(0, { $0 + $1.length }) <= Self.largestFolder else {
        throw damaged("has a directory of more than 65536 names: \(folder.path)")
      }
      var bytes: [UInt8] = []
      for range in folder.ranges { bytes += try read(range) }
      let (names, volume) = FATEntry.entries(of: bytes)
      if folder.path.isEmpty { label = volume }
      for entry in names {
        guard left > 0 else { throw damaged("has more than \(most) names") }
        left -= 1
        let path: ByteString = "\(folder.path)/\(entry.name)"
        let first = width == 32 ? entry.cluster : entry.cluster & 0xFFFF
        if entry.isFolder {
          folders.append((path, try chain(from: first, upTo: nil, of: path, &claims)))
        } else {
          files.append(File(path: path, ranges: try chain(from: first, upTo: entry.size, of: path, &claims)))
        }
      }
    }
    return (label, files)
  }

  /// The content of a file, from one of its bytes on: up to 1 MiB, as much as lies in one piece; empty at its end.
  package func piece(of file: File, from offset: UInt64) throws(Failure) -> [UInt8] {
    var start: UInt64 = 0
    for range in file.ranges {
      if offset < start + range.length {
        let inside = offset - start
        return try read(
          ByteRange(offset: range.offset + inside, length: min(range.length - inside, 1 << 20)))
      }
      start += range.length
    }
    return []
  }

  private func rootRanges(_ claims: inout FATClaims) throws(Failure) -> [ByteRange] {
    switch root {
    case .range(let range): [range]
    case .chain(let first): try chain(from: first, upTo: nil, of: "/", &claims)
    }
  }

  /// Where a file of that size lies, or a directory, which has all clusters of its chain.
  private func chain(
    from first: UInt64, upTo size: UInt64?, of path: ByteString, _ claims: inout FATClaims
  ) throws(Failure) -> [ByteRange] {
    var (ranges, left, cluster): ([ByteRange], UInt64, UInt64) = ([], size ?? .max, first)
    while left > 0 {
      if size == nil, isEnd(cluster), !ranges.isEmpty { break }
      guard cluster >= 2, cluster - 2 < clusters, claims.take(Int(cluster)) else {
        throw damaged("is damaged: \(path) leads to cluster \(cluster), which it can't have")
      }
      let (offset, length) = (dataStart + (cluster - 2) * clusterSize, min(left, clusterSize))
      if let last = ranges.last, last.end == offset {
        ranges[ranges.count - 1].length += length
      } else {
        ranges.append(ByteRange(offset: offset, length: length))
      }
      left -= length
      cluster = next(cluster)
    }
    return ranges
  }

  private func next(_ cluster: UInt64) -> UInt64 {
    let place = Int(cluster) * width / 8
    switch width {
    case 12: return table.number(at: place, 2) >> (cluster & 1 == 1 ? 4 : 0) & 0xFFF
    case 16: return table.number(at: place, 2)
    default: return table.number(at: place, 4) & 0x0FFF_FFFF
    }
  }

  private func isEnd(_ cluster: UInt64) -> Bool { cluster >= (UInt64(1) << UInt64(min(width, 28))) - 8 }

  private func damaged(_ words: String) -> Failure { Failure(.guest, "the FAT filesystem in \(name) \(words)") }
}

/// Which clusters belong to something: one can't belong to two.
private struct FATClaims {
  private var taken: [Bool]

  init(clusters: Int) {
    taken = [Bool](repeating: false, count: clusters + 2)
  }

  mutating func take(_ cluster: Int) -> Bool {
    defer { taken[cluster] = true }
    return !taken[cluster]
  }
}

extension [UInt8] {
  /// The number of `width` bytes at `offset`, the lowest byte first.
  func number(at offset: Int, _ width: Int) -> UInt64 {
    self[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
