// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The first two of some ranges of sectors, each with a number, that have a sector in common.
func firstOverlap(_ ranges: [(number: Int, first: UInt64, last: UInt64)]) -> (Int, Int)? {
  let sorted = ranges.sorted { ($0.first, $0.number) < ($1.first, $1.number) }
  guard var reach = sorted.first else { return nil }
  for range in sorted.dropFirst() {
    if range.first <= reach.last { return (min(reach.number, range.number), max(reach.number, range.number)) }
    reach = range
  }
  return nil
}

func overlap(_ one: Int, _ other: Int, of name: String) -> Failure {
  Failure(
    .guest, "partitions \(one) and \(other) of \(name) overlap",
    remedy: "correct the partition table with sgdisk or sfdisk")
}

/// - Parameters:
///   - last: that of the partition.
///   - end: the last that it could have on the disk.
///   - rest: how many sectors the table takes behind that.
func tooShort(
  _ name: String, _ number: Int, last: UInt64, of end: UInt64, _ sectorSize: UInt64, behind rest: UInt64
) -> Failure {
  let missing = (last - end).multipliedReportingOverflow(by: sectorSize)
  let needed = last.saturatingAdding(1 + rest).multipliedReportingOverflow(by: sectorSize)
  return Failure(
    .device,
    "\(name) is too small for partition \(number), which ends with sector \(last): "
      + "\(Words.bytes(missing.overflow ? .max : missing.partialValue)) are missing",
    remedy: "use a disk of at least \(needed.overflow ? .max : needed.partialValue) bytes")
}
