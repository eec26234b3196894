// SPDX-License-Identifier: Apache-2.0
import Glibc
import Layout
import LinuxIO
import Report
import TestSupport

/// An image file with a partition table, made and judged by the tools of util-linux and gdisk.
struct TestDisk {
  let path: String

  /// - Parameter script: as sfdisk(8) reads it.
  init(_ script: String, size: UInt64 = 6 << 30, in scratch: Scratch) throws {
    path = try makeSparseFile(scratch("disk"), size: size)
    try scratch.write(script, to: "script")
    try shell("/sbin/sfdisk --quiet '\(path)' < '\(scratch("script"))'")
  }

  init(path: String) { self.path = path }

  var size: UInt64 { get throws { UInt64(try Descriptor(path, O_RDONLY).status().st_size) } }

  func source(size: UInt64? = nil, sectorSize: UInt64? = 512) throws -> TableSource {
    let path = path
    return TableSource("disk", size: try size ?? self.size, sectorSize: sectorSize) { range throws(Failure) in
      try Descriptor(path, O_RDONLY).bytes(at: range.offset, count: Int(range.length))
    }
  }

  func read(sectorSize: UInt64? = 512) throws -> FoundTable? { try PartitionTable.read(source(sectorSize: sectorSize)) }

  func gpt(sectorSize: UInt64? = 512) throws -> GPT? {
    guard case .gpt(let gpt) = try read(sectorSize: sectorSize)?.table else { return nil }
    return gpt
  }

  func mbr() throws -> MBR? {
    guard case .mbr(let mbr) = try read()?.table else { return nil }
    return mbr
  }

  func write(_ writes: [TableWrite]) throws {
    let file = try Descriptor(path, O_RDWR)
    for write in writes { try write.bytes.withUnsafeBytes { try file.writeAll($0, at: write.offset) } }
  }

  func write(_ bytes: [UInt8], at offset: UInt64) throws {
    let file = try Descriptor(path, O_RDWR)
    try bytes.withUnsafeBytes { try file.writeAll($0, at: offset) }
  }

  func bytes(at offset: UInt64, _ count: Int) throws -> [UInt8] {
    try Descriptor(path, O_RDONLY).bytes(at: offset, count: count)
  }

  func resize(to size: UInt64) throws {
    try shell("truncate --size \(size) '\(path)'")
  }

  /// What sfdisk and, of a GPT, sgdisk have against the table; nil where they have nothing.
  func problems() throws -> String? {
    let verified = try bash("/sbin/sfdisk --verify '\(path)'")
    if verified.status != 0 || !verified.errors.isEmpty || !verified.output.contains("No errors detected") {
      return verified.output + verified.errors
    }
    guard verified.output.contains("GPT") || verified.output.contains("Header") else { return nil }
    let checked = try bash("/sbin/sgdisk --verify '\(path)'")
    return checked.output.contains("No problems found") ? nil : checked.output + checked.errors
  }

  /// As sfdisk sees them: number, start, size, type and UUID of each, in the order of their numbers, and the UUID of all.
  func listed() throws -> (id: String, partitions: [String]) {
    let text = try bash("/sbin/sfdisk --json '\(path)'").output
    let table = try JSON(parsing: Array(text.utf8))["partitiontable"]
    let partitions = (table?["partitions"]?.array ?? []).map { partition in
      let node = partition["node"]?.string ?? ""
      let number = String(node.dropFirst(path.count).drop { !$0.isNumber })
      return [
        number, "\(partition["start"]?.integer ?? 0)", "\(partition["size"]?.integer ?? 0)",
        partition["type"]?.string?.lowercased() ?? "", partition["uuid"]?.string?.lowercased() ?? "-",
        partition["name"]?.string ?? "",
      ].joined(separator: " ")
    }
    return (table?["id"]?.string?.lowercased() ?? "", partitions.sorted { number(of: $0) < number(of: $1) })
  }

  private func number(of line: String) -> Int { line.split(separator: " ").first.flatMap { Int($0) } ?? 0 }
}
