// SPDX-License-Identifier: Apache-2.0
package import Report

/// Everything that a folder holds, as the tools of the system see it: what our own code wrote is not judged by itself.
package struct Tree: Sendable {
  /// What is known of one name in the tree.
  package struct Entry: Equatable, Sendable {
    /// As find(1) writes it: f, d, l, b, c, p, s.
    package var type: String
    /// In octal, with the bits of set-user-id, set-group-id and sticky.
    package var mode: String
    package var owner: String
    package var group: String
    /// In bytes; nothing for a folder, whose size is its filesystem's own matter.
    package var size: String
    /// In seconds since 1970, with their fraction.
    package var modified: String
    /// What a symbolic link points to.
    package var target: ByteString
    /// All names in the tree of what has more than one; in order.
    package var names: [ByteString] = []
    /// Major and minor number of a device, in hexadecimal.
    package var device = ""
    /// The BLAKE2b (256 bits) of the contents of a regular file.
    package var digest = ""
    /// The extended attributes, ACLs and file capabilities among them, with their values in hexadecimal.
    package var attributes: [ByteString: String] = [:]
  }

  /// By path below the folder, which itself is ".".
  package private(set) var entries: [ByteString: Entry] = [:]

  /// Reads all of `folder`, on one filesystem only.
  package init(of folder: String) throws {
    var inodes: [String: [ByteString]] = [:]
    let format = #"%P\0%y\0%m\0%U\0%G\0%s\0%T@\0%l\0%i\0"#
    for fields in try Self.records(9, "find '\(folder)' -xdev -printf '\(format)'") {
      let path = fields[0].isEmpty ? "." : fields[0]
      let words = fields.map(\.escaped)
      entries[path] = Entry(
        type: words[1], mode: words[2], owner: words[3], group: words[4], size: words[1] == "d" ? "" : words[5],
        modified: words[6], target: fields[7])
      if words[1] != "d" { inodes[words[8], default: []].append(path) }
    }
    for names in inodes.values where names.count > 1 {
      for name in names { entries[name]?.names = names.sorted() }
    }
    let find = "cd '\(folder)' && find . -xdev"
    for fields in try Self.records(2, #"\#(find) -type b,c -exec stat --printf '%n\0%t:%T\0' {} +"#) {
      entries[Self.below(fields[0])]?.device = fields[1].escaped
    }
    for fields in try Self.records(1, "\(find) -type f -print0 | xargs -0 -r b2sum --length=256 --zero") {
      let (digest, path) = (fields[0].bytes.prefix(64), fields[0].bytes.dropFirst(66))
      entries[Self.below(ByteString(path))]?.digest = ByteString(digest).escaped
    }
    try readAttributes("\(find) -print0 | xargs -0 -r getfattr --no-dereference --dump --match=- --encoding=hex")
  }

  /// The tree that an archive of tar holds, unpacked by GNU tar; needs root.
  package init(ofArchive archive: String) throws {
    self = try withScratch { scratch in
      try shell(
        "tar --extract --file '\(archive)' --directory '\(scratch.path)' --numeric-owner --preserve-permissions "
          + "--same-owner --xattrs --xattrs-include='*' --acls")
      return try Tree(of: scratch.path)
    }
  }

  /// What differs, one line a name and only the fields that do; of the names in `allowed` nothing is told.
  ///
  /// A name in `allowed` that ends in a slash stands for all below it.
  package func differences(from other: Tree, allowed: Set<String> = []) -> [String] {
    let allowed = Set(allowed.map { ByteString($0) })
    let folders = allowed.filter { $0.hasSuffix("/") }
    let all = Set(entries.keys).union(other.entries.keys)
    return all.filter { path in !allowed.contains(path) && !folders.contains { path.hasPrefix($0) } }
      .sorted().compactMap { path in
        switch (entries[path], other.entries[path]) {
        case (let mine?, let others?): mine == others ? nil : "\(path): \(Self.words(mine, others))"
        case (nil, _): "\(path): missing"
        case (_, nil): "\(path): not in the other tree"
        }
      }
  }

  private static func words(_ mine: Entry, _ others: Entry) -> String {
    let fields: [(String, String, String)] = [
      ("type", mine.type, others.type), ("mode", mine.mode, others.mode), ("owner", mine.owner, others.owner),
      ("group", mine.group, others.group), ("size", mine.size, others.size),
      ("modified", mine.modified, others.modified), ("target", "\(mine.target)", "\(others.target)"),
      ("names", "\(mine.names)", "\(others.names)"), ("device", mine.device, others.device),
      ("contents", mine.digest, others.digest),
      (
        "attributes", "\(mine.attributes.sorted { $0.key < $1.key })", "\(others.attributes.sorted { $0.key < $1.key })"
      ),
    ]
    return fields.filter { $0.1 != $0.2 }.map { "\($0.0) \($0.1), in the other \($0.2)" }.joined(separator: "; ")
  }

  private mutating func readAttributes(_ command: String) throws {
    var path: ByteString = ""
    for line in try Self.output(command).split(separator: "\n") {
      let bytes = line.bytes
      if line.hasPrefix("# file: ") {
        path = Self.below(Self.unescaped(bytes.dropFirst("# file: ".utf8.count)))
      } else if let equals = bytes.firstIndex(of: UInt8(ascii: "=")) {
        entries[path]?.attributes[ByteString(bytes[..<equals])] = ByteString(bytes[(equals + 1)...]).escaped
      }
    }
  }

  /// getfattr writes unusual bytes of a name as a backslash and three octal digits.
  private static func unescaped(_ name: ArraySlice<UInt8>) -> ByteString {
    var bytes: [UInt8] = []
    var rest = name
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3,
        let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return ByteString(bytes)
  }

  private static func below(_ path: ByteString) -> ByteString {
    path.hasPrefix("./") ? ByteString(path.bytes.dropFirst(2)) : path
  }

  /// The output of `command`, whose fields end in a zero byte, in groups of `count`.
  private static func records(_ count: Int, _ command: String) throws -> [[ByteString]] {
    let fields = try output(command).split(separator: "\0", omittingEmptySubsequences: false).dropLast()
      .map { $0 }
    return stride(from: 0, to: fields.count - fields.count % count, by: count).map { Array(fields[$0..<$0 + count]) }
  }

  private static func output(_ command: String) throws -> ByteString {
    let outcome = try bash("set -o pipefail; \(command)")
    guard outcome.status == 0 else { throw Failure(.tool, "\(command): \(outcome.errors)") }
    return ByteString(outcome.bytes)
  }
}
