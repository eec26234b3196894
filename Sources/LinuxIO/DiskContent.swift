// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Report

/// A filesystem, a swap area or the like on a disk.
package struct DiskContent: Equatable, Sendable {
  /// In bytes from the start of the disk.
  package var offset: UInt64
  /// In bytes, of the disk or the partition that it is in.
  package var room: UInt64
  /// As blkid(8) names it: `ext4`, `xfs`, `swap`.
  package var type: String
  package var uuid: String?
  package var label: String?
}

extension Disk {
  /// No more partitions than this are looked at.
  private static let mostPartitions: Int32 = 32

  /// What is on the disk, or in its partitions; empty where nothing is known. What can't be told for certain is left
  /// out.
  package func contents() throws(Failure) -> [DiskContent] {
    var whole = clinux_content()
    whole.size = size
    if let content = try probe(whole) { return [content] }
    var contents: [DiskContent] = []
    for partition in try partitions() where partition.offset < size {
      if let content = try probe(partition) { contents.append(content) }
    }
    return contents
  }

  /// What is on the disk, in the words of a message.
  package func describedContents() throws(Failure) -> String {
    let contents = try contents()
    if let whole = contents.first, whole.offset == 0 { return whole.type }
    let count = try partitions().count
    let types = contents.isEmpty ? "nothing that is known" : contents.map(\.type).joined(separator: ", ")
    return count == 0 ? types : "\(count) \(count == 1 ? "partition" : "partitions") with \(types)"
  }

  private func partitions() throws(Failure) -> ArraySlice<clinux_content> {
    var partitions = [clinux_content](repeating: clinux_content(), count: Int(Self.mostPartitions))
    var count: Int32 = 0
    let error = clinux_find_partitions(descriptor.raw, &partitions, Self.mostPartitions, &count)
    if error != 0 { throw .system("look for partitions on", path, errno: error) }
    return partitions.prefix(Int(count))
  }

  private func probe(_ range: clinux_content) throws(Failure) -> DiskContent? {
    var content = range
    let error = clinux_probe(descriptor.raw, &content)
    if error != 0 { throw .system("look for filesystems on", path, errno: error) }
    guard let type = Self.text(content.type) else { return nil }
    return DiskContent(
      offset: content.offset, room: min(content.size, size - content.offset), type: type,
      uuid: Self.text(content.uuid), label: Self.text(content.label))
  }

  /// The text in an array of C; nil where it is empty.
  private static func text<Characters>(_ characters: Characters) -> String? {
    let text = withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return text.isEmpty ? nil : text
  }
}
