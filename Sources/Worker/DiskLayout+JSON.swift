// SPDX-License-Identifier: Apache-2.0
package import Report
package import Storage

extension DiskLayout {
  package var json: JSON {
    [
      "table": .string(table.rawValue), "root": .number(root.offset),
      "partitions": .array(
        partitions.map {
          [
            "number": .integer($0.number), "offset": .number($0.range.offset), "length": .number($0.range.length),
            "filesystem": .optional($0.filesystem),
          ]
        }),
    ]
  }

  /// What another process has found on a disk of `size` bytes.
  package init(_ json: JSON, onDiskOf size: UInt64) throws(Failure) {
    guard let table = Table(rawValue: try json.text("table")) else { throw Self.wrong }
    let partitions = try json.list("partitions").map { part throws(Failure) in
      let range = ByteRange(offset: try part.number("offset"), length: try part.number("length"))
      guard range.offset <= size, range.length <= size - range.offset else { throw Self.wrong }
      return Partition(
        number: Int(clamping: try part.number("number")), range: range, filesystem: part["filesystem"]?.string)
    }
    let start = try json.number("root")
    guard let root = partitions.first(where: { $0.range.offset == start }) else { throw Self.wrong }
    self = table == .none ? DiskLayout(wholeDiskOf: size) : DiskLayout(table, partitions, root: root)
  }

  private static var wrong: Failure { Failure(.io, "a worker tells of partitions that are not on its disk") }
}
