// SPDX-License-Identifier: Apache-2.0
internal import CZlib
internal import Dispatch
internal import Dump
internal import LinuxIO
package import Report
internal import Synchronization

/// The rest of an image, once all of it has come: what was kept of it.
extension Qcow2Image {
  /// The bytes of the disk for which the image has clusters that were kept.
  ///
  /// - Parameter length: of the whole image, in bytes.
  package func kept(of length: UInt64) throws(Failure) -> UInt64 {
    var count: UInt64 = 0
    try eachEntry(of: length) { _, _ throws(Failure) in count += 1 }
    return count * header.clusterSize
  }

  /// Writes what was kept.
  ///
  /// - Parameters:
  ///   - length: of the whole image, in bytes.
  ///   - threads: to unpack clusters.
  /// - Throws: `.dump` where the image is cut off or damaged.
  package func finish(length: UInt64, threads: Int, _ write: Writing) throws(Failure) {
    let size = Int(header.clusterSize)
    let batch = max(1, (4 << 20) / size)
    // Not concurrentPerform: the threads of the pool look into /proc for how many of them run, which a worker does not have.
    let queues = (1..<max(1, threads)).map { _ in DispatchQueue(label: "guestsmith.qcow2") }
    try withBuffer(of: batch * size) { buffer throws(Failure) in
      var clusters: [Cluster] = []
      var start: UInt64 = 0
      func flush() throws(Failure) {
        try fill(buffer, clusters, length, queues)
        for run in runs(of: clusters) {
          let place = (start + UInt64(run.lowerBound)) * header.clusterSize
          let bytes = UnsafeRawBufferPointer(rebasing: buffer[run.lowerBound * size..<run.upperBound * size])
          try write(
            UnsafeRawBufferPointer(rebasing: bytes.prefix(Int(min(UInt64(bytes.count), self.size - place)))), place)
        }
        clusters = []
      }
      try eachEntry(of: length) { entry, index throws(Failure) in
        if index - start >= UInt64(batch) {
          try flush()
          start = index
        }
        clusters.append(Cluster(slot: Int(index - start), entry: entry))
      }
      try flush()
    }
  }

  private struct Cluster: Sendable {
    /// In the buffer.
    let slot: Int
    let entry: Qcow2Entry
  }

  private func runs(of clusters: [Cluster]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for cluster in clusters {
      if let last = runs.last, last.upperBound == cluster.slot {
        runs[runs.count - 1] = last.lowerBound..<cluster.slot + 1
      } else {
        runs.append(cluster.slot..<cluster.slot + 1)
      }
    }
    return runs
  }

  /// Calls `body` with each cluster that has content which was kept, and its number on the disk, in ascending order.
  private func eachEntry(
    of length: UInt64, _ body: (Qcow2Entry, UInt64) throws(Failure) -> Void
  ) throws(Failure) {
    guard length >= header.table.end else { throw .damagedQcow2("it has \(length) bytes, and its tables more") }
    var first: UInt64 = 0
    var early: UInt64 = 0
    // No two places share a part, of which a packed one has a 8192nd of its cluster at least: so all of them fit into the image.
    var taken: UInt64 = 0
    func take(_ count: UInt64) throws(Failure) {
      taken += count
      guard taken <= length + header.clusterSize else {
        throw .damagedQcow2("a cluster of it belongs to two places of the disk")
      }
    }
    try eachTable { offset throws(Failure) in
      defer { first += header.entriesPerTable }
      guard offset > 0 else { return }
      let range = ByteRange(offset: offset, length: header.clusterSize)
      try requireKept(range, length, partly: false)
      try take(header.clusterSize)
      let table = try spool.bytes(at: offset, count: Int(header.clusterSize))
      try table.withBytes { table throws(Failure) in
        for index in 0..<min(header.entriesPerTable, header.clusterCount - first) {
          let entry = try Qcow2Entry(header, table, Int(index))
          switch entry {
          case .none: continue
          case .plain(let offset, _) where placed.contains(offset / header.clusterSize):
            early += 1
            continue
          case .plain(let offset, _):
            try requireKept(ByteRange(offset: offset, length: header.clusterSize), length, partly: true)
            try take(header.clusterSize)
          // It is told in sectors, of which the last may not be there.
          case .packed(let range):
            try requireKept(range, length, partly: true)
            try take(max(1, header.clusterSize >> 13))
          }
          try body(entry, first + index)
        }
      }
    }
    guard early == placed.count else { throw .damagedQcow2("a cluster of it belongs to two places of the disk") }
  }

  /// - Parameter partly: whether it is enough that it begins in the image.
  private func requireKept(_ range: ByteRange, _ length: UInt64, partly: Bool) throws(Failure) {
    guard (partly ? range.offset + 1 : range.end) <= length else {
      throw .damagedQcow2("it has \(length) bytes, and a part of it is at byte \(range.offset)")
    }
    let first = range.offset / header.clusterSize * header.clusterSize
    guard first > 0, first >= header.table.end || range.end <= header.table.offset else {
      throw .damagedQcow2("its parts at byte \(range.offset) overlap")
    }
    for cluster in range.offset / header.clusterSize...(range.end - 1) / header.clusterSize
    where placed.contains(cluster) {
      throw .damagedQcow2("its parts at byte \(range.offset) overlap")
    }
  }

  /// Reads clusters into their slots, as many at once as there are queues, and one more.
  private func fill(
    _ buffer: UnsafeMutableRawBufferPointer, _ clusters: [Cluster], _ length: UInt64, _ queues: [DispatchQueue]
  ) throws(Failure) {
    let failed = FirstFailure()
    let parts = queues.count + 1
    nonisolated(unsafe) let buffer = buffer
    @Sendable func fill(_ part: Int) {
      do throws(Failure) {
        for cluster in clusters[clusters.count * part / parts..<clusters.count * (part + 1) / parts] {
          let size = Int(header.clusterSize)
          let slot = UnsafeMutableRawBufferPointer(rebasing: buffer[cluster.slot * size..<(cluster.slot + 1) * size])
          try read(cluster.entry, into: slot, length)
        }
      } catch {
        failed.failure.withLock { $0 = $0 ?? error }
      }
    }
    let others = DispatchGroup()
    for (index, queue) in queues.enumerated() { queue.async(group: others) { fill(index + 1) } }
    fill(0)
    others.wait()
    if let failure = failed.failure.withLock({ $0 }) { throw failure }
  }

  private func read(
    _ entry: Qcow2Entry, into slot: UnsafeMutableRawBufferPointer, _ length: UInt64
  ) throws(Failure) {
    switch entry {
    case .none: return
    case .plain(let offset, let parts):
      // What is missing of the last cluster is zero, as it is to qemu.
      let count = try spool.readFull(into: slot, at: offset)
      UnsafeMutableRawBufferPointer(rebasing: slot[count...]).initializeMemory(as: UInt8.self, repeating: 0)
      let part = slot.count / 32
      for index in 0..<32 where parts & 1 << UInt32(index) == 0 {
        UnsafeMutableRawBufferPointer(rebasing: slot[index * part..<(index + 1) * part])
          .initializeMemory(as: UInt8.self, repeating: 0)
      }
    case .packed(let range):
      let packed = try spool.bytes(at: range.offset, count: Int(min(range.length, length - range.offset)))
      let isWhole = packed.withBytes { bytes in
        switch header.packing {
        case .deflate: czlib_inflate(bytes.baseAddress, bytes.count, slot.baseAddress, slot.count)
        case .zstd: Dump.fill(slot, fromZstd: bytes)
        }
      }
      guard isWhole else { throw .damagedQcow2("the cluster at byte \(range.offset) can't be unpacked") }
    }
  }
}

private final class FirstFailure: Sendable {
  let failure = Mutex<Failure?>(nil)
}
