// SPDX-License-Identifier: Apache-2.0
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

/// The seed on a disk, as others than guestsmith read it.
struct SeedDisk {
  let path: String
  /// From the start of the disk, in bytes.
  let offset: Int
  let length: Int

  /// Nil where the table has no partition for a seed.
  init?(_ path: String) throws {
    let fields = try shell(
      "/sbin/sfdisk --dump '\(path)' | sed -nE '/name=\"cidata\"/s/.*start= *([0-9]+), size= *([0-9]+),.*/\\1 \\2/p'"
    ).split(separator: " ").compactMap { Int($0) }
    guard fields.count == 2 else { return nil }
    (self.path, offset, length) = (path, fields[0] * 512, fields[1] * 512)
  }

  func file(_ name: String) throws -> String { try shell("mtype -i '\(path)@@\(offset)' '::\(name)'") }

  /// A part of `vendor-data`, by the name of its file.
  func vendor(_ name: String) throws -> String? { try vendorPart(name, of: file("vendor-data")) }

  func metaData(_ key: String) throws -> String? { try JSON(parsing: Array(file("meta-data").utf8))[key]?.string }

  /// What blkid and fsck have against it.
  func faults(_ scratch: Scratch) throws -> [String] {
    var faults: [String] = []
    let seen = try shell("blkid -p --offset \(offset) --size \(length) -o export '\(path)'")
    if !["LABEL=CIDATA", "TYPE=vfat", "VERSION=FAT12"].allSatisfy({ seen.contains($0) }) { faults.append(seen) }
    let checked = try bash(
      """
      dd if='\(path)' of='\(scratch("seed"))' bs=512 skip=\(offset / 512) count=\(length / 512) status=none
      fsck.fat -n '\(scratch("seed"))'
      """)
    if checked.status != 0 { faults.append("\(checked)") }
    return faults
  }
}

/// A part of `vendor-data`, by the name of its file; nil where there is none.
func vendorPart(_ name: String, of text: String) throws -> String? {
  let parts = try JSON(parsing: Array(text.dropFirst("#cloud-config-archive\n".count).utf8)).array
  return parts?.first { $0["filename"] == .string(name) }?["content"]?.string
}

extension SmallGuest {
  /// Of a disk whose root filesystem has the gap before it.
  static let gapTable = "label: gpt\n1: start=100MiB size=320MiB type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n"

  /// A disk with an XFS that nothing is in as its root, which needs no root to be made.
  func emptyXFS(_ name: String = "raw", table: String = gapTable) throws -> String {
    let disk = try makeSparseFile(scratch(name), size: 500 << 20)
    try scratch.write(table, to: "table")
    try shell(
      """
      /sbin/sfdisk --quiet '\(disk)' <'\(scratch("table"))'
      truncate --size 320M '\(scratch("xfs"))'
      mkfs.xfs -q '\(scratch("xfs"))'
      dd if='\(scratch("xfs"))' of='\(disk)' bs=1M seek=100 conv=notrunc,sparse status=none
      """)
    return disk
  }

  /// Imports a file to a new disk; returns what was told.
  func restore(
    _ input: String, to disk: String, as name: String, nics: [RequestedNIC] = [], parameters: [String: String],
    addresses: [String: [String]] = [:]
  ) throws -> String {
    let lines = Lines()
    var request = try request(.import, name, disks: [disk])
    request.nics = nics
    try run(
      request, surroundings(input: input, addresses: addresses), parameters: parameters,
      steps: Steps(.plain, write: { lines.write($0) }))
    return lines.all
  }
}
