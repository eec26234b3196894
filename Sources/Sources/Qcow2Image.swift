// SPDX-License-Identifier: Apache-2.0
package import LinuxIO
package import Report

/// An image of qemu as it comes in. Its content is in any order, but a table mostly comes before the clusters that it
/// names: these go to their place as they come, and only the rest is kept in a file until all of it is there.
package struct Qcow2Image: Sendable {
  package typealias Writing = (UnsafeRawBufferPointer, UInt64) throws(Failure) -> Void

  let header: Qcow2Header
  /// What was kept, at its place in the image.
  let spool: DescriptorView
  /// The clusters of the image that went to their place.
  private(set) var placed = BitSet()
  /// Which cluster of the disk one of the image is, which has not come yet.
  private var places: [UInt64: UInt64] = [:]
  /// Which of the second-level tables a cluster of the image is; nil as long as the first-level table is not whole.
  private var tables: [UInt64: UInt64]?
  private let placesEarly: Bool

  /// So many places of clusters are kept in mind.
  private static let mostPlaces = 1 << 18

  /// Of the disk in it, in bytes, as the image says.
  package var size: UInt64 { header.size }

  /// The image that `stream` begins with.
  ///
  /// - Parameters:
  ///   - spool: an empty file.
  ///   - largest: clusters go to their place as they come where the disk has no more bytes than that.
  /// - Throws: `.dump` for one that can't be read.
  package init(_ stream: IncomingStream, spool: DescriptorView, largest: UInt64) throws(Failure) {
    header = try Qcow2Header(stream.prefix(Qcow2Header.length), of: stream.name)
    self.spool = spool
    // A piece of the stream has a MiB. Smaller clusters are rare, and would take much memory.
    placesEarly =
      header.size <= largest && !header.hasSubclusters && 16...20 ~= header.clusterBits
      && header.table.length / 8 <= Self.mostPlaces
  }

  /// Takes the next piece of the image, of whole clusters unless it is the last.
  package mutating func take(
    _ piece: UnsafeRawBufferPointer, at offset: UInt64, _ write: Writing
  ) throws(Failure) {
    guard placesEarly else { return try spool.writeAll(piece, at: offset) }
    let size = Int(header.clusterSize)
    var run = Run(bytes: 0..<0, place: nil)
    for start in stride(from: 0, to: piece.count, by: size) {
      let end = min(start + size, piece.count)
      let cluster = (offset + UInt64(start)) / header.clusterSize
      let table = tables?[cluster]
      let place = table == nil && end - start == size ? places.removeValue(forKey: cluster) : nil
      if !run.takes(end, place, header.clusterSize) {
        try put(run, of: piece, at: offset, write)
        run = Run(bytes: start..<end, place: place.map { $0 * header.clusterSize })
      }
      if place != nil { placed.insert(cluster) }
      if let table { try learn(UnsafeRawBufferPointer(rebasing: piece[start..<end]), table, after: cluster) }
      if tables == nil, offset + UInt64(end) >= header.table.end {
        try put(run, of: piece, at: offset, write)
        run = Run(bytes: end..<end, place: nil)
        try learnTables(until: cluster)
      }
    }
    try put(run, of: piece, at: offset, write)
  }

  /// Neighbours of a piece that stay such.
  private struct Run {
    var bytes: Range<Int>
    /// On the disk, in bytes; nil for what is kept.
    let place: UInt64?

    /// Whether it goes on to `end` with a cluster for that place.
    mutating func takes(_ end: Int, _ next: UInt64?, _ clusterSize: UInt64) -> Bool {
      guard next.map({ $0 * clusterSize }) == place.map({ $0 + UInt64(bytes.count) }) else { return false }
      bytes = bytes.lowerBound..<end
      return true
    }
  }

  private func put(
    _ run: Run, of piece: UnsafeRawBufferPointer, at offset: UInt64, _ write: Writing
  ) throws(Failure) {
    guard !run.bytes.isEmpty else { return }
    let bytes = UnsafeRawBufferPointer(rebasing: piece[run.bytes])
    guard let place = run.place else { return try spool.writeAll(bytes, at: offset + UInt64(run.bytes.lowerBound)) }
    try write(UnsafeRawBufferPointer(rebasing: bytes.prefix(Int(min(UInt64(bytes.count), size - place)))), place)
  }

  /// Reads the first-level table, and what it names of what has come.
  private mutating func learnTables(until last: UInt64) throws(Failure) {
    var found: [UInt64: UInt64] = [:]
    var index: UInt64 = 0
    try eachTable { offset throws(Failure) in
      if offset > 0 { found[offset / header.clusterSize] = index }
      index += 1
    }
    tables = found
    for (cluster, index) in found where cluster <= last {
      let table = try spool.bytes(at: cluster * header.clusterSize, count: Int(header.clusterSize))
      try table.withBytes { bytes throws(Failure) in try learn(bytes, index, after: last) }
    }
  }

  /// Reads where the clusters of a table are to go that come after `last`.
  private mutating func learn(
    _ table: UnsafeRawBufferPointer, _ number: UInt64, after last: UInt64
  ) throws(Failure) {
    guard UInt64(table.count) == header.clusterSize else { return }
    let first = number * header.entriesPerTable
    let count = min(header.entriesPerTable, header.clusterCount - first)
    for index in 0..<count where places.count < Self.mostPlaces {
      guard case .plain(let offset, _) = try Qcow2Entry(header, table, Int(index)) else { continue }
      let cluster = offset / header.clusterSize
      if cluster > last { places[cluster] = first + index }
    }
  }

  /// Calls `body` with the place of each second-level table in the image, 0 where there is none.
  func eachTable(_ body: (UInt64) throws(Failure) -> Void) throws(Failure) {
    var offset = header.table.offset
    while offset < header.table.end {
      let bytes = try spool.bytes(at: offset, count: Int(min(64 << 10, header.table.end - offset)))
      guard !bytes.isEmpty, bytes.count % 8 == 0 else { throw .damagedQcow2("it ends in its first table") }
      for place in stride(from: 0, to: bytes.count, by: 8) {
        let entry = bytes[place..<place + 8].reduce(0) { $0 << 8 | UInt64($1) }
        let table = entry & Qcow2Entry.offsetMask
        guard table & (header.clusterSize - 1) == 0 else { throw .damagedQcow2("a table of it is at byte \(table)") }
        try body(table)
      }
      offset += UInt64(bytes.count)
    }
  }
}

/// A set of small numbers.
struct BitSet: Sendable {
  private var words: [UInt64] = []
  private(set) var count: UInt64 = 0

  func contains(_ number: UInt64) -> Bool {
    number / 64 < words.count && words[Int(number / 64)] & 1 << (number % 64) != 0
  }

  /// Adds one that is not in it yet.
  mutating func insert(_ number: UInt64) {
    let word = Int(number / 64)
    if word >= words.count { words += [UInt64](repeating: 0, count: word + 1 - words.count) }
    words[word] |= 1 << (number % 64)
    count += 1
  }
}
