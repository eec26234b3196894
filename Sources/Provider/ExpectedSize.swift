// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import LinuxIO
internal import Report
internal import Storage

/// What a host that shows the progress of an export wants to know before the first byte: how many there will be.
extension DiskExport {
  /// Writes the size of the dump to `pipe`, a decimal number and a newline, and closes it.
  ///
  /// Without compression the size is known to the byte. With it, pieces from all over the disk are compressed first, and
  /// the whole is taken to shrink as they do: it is an estimate, on usual disks within a few per cent.
  ///
  /// A host that cannot be told loses nothing but the percentage, so that is not a failure.
  borrowing func announceSize(
    of writer: DumpWriter, _ manifest: Manifest, _ extents: ExtentMap, to pipe: consuming Descriptor, _ steps: Steps
  ) {
    do {
      let size =
        compression == .none
        ? writer.length : try estimate(writer.length, manifest, sample: Self.sample(of: extents))
      try pipe.writeAll(Array("\(size)\n".utf8))
      try pipe.close()
    } catch {
      steps.note("the host is not told how large the dump will be: \(error.message)")
    }
  }

  private borrowing func estimate(
    _ length: UInt64, _ manifest: Manifest, sample: ExtentMap
  ) throws(Failure) -> UInt64 {
    let manifest = Manifest(
      program: manifest.program, created: manifest.created, instance: manifest.instance, os: manifest.os,
      variant: manifest.variant, selection: manifest.selection, filesystems: [], extents: sample)
    let writer = try DumpWriter(manifest, sample, compression: compression, workers: workers)
    let view = disk.descriptor.view
    let summary = try writer.write(
      read: { offset, buffer throws(Failure) in _ = try view.readFull(into: buffer, at: offset) }, sink: { _ in })
    return UInt64(Double(length) * Double(summary.stored) / Double(summary.content))
  }

  private static let pieceSize: UInt64 = 512 << 10
  private static let sampleSizes: ClosedRange<UInt64> = 16 << 20...64 << 20

  /// A thirty-second of the extents, within limits, in pieces that are spread evenly over them.
  private static func sample(of extents: ExtentMap) throws(Failure) -> ExtentMap {
    let wanted = min(max(extents.used / 32, sampleSizes.lowerBound), sampleSizes.upperBound)
    let pieces = wanted / pieceSize
    let stride = max(pieceSize, extents.used / pieces / 512 * 512)
    var sample = ExtentMap(diskSize: extents.diskSize)
    // Places in the concatenation of all extents: where the next piece begins, and this extent.
    var next = (stride - pieceSize) / 1024 * 512
    var start: UInt64 = 0
    for extent in extents {
      let end = start + extent.length
      while next < end {
        let (from, to) = (max(next, start), min(next + pieceSize, end))
        try sample.append(ByteRange(offset: extent.offset + from - start, length: to - from))
        guard next + pieceSize <= end else { break }
        next += stride
      }
      start = end
    }
    return sample
  }
}
