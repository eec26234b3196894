// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

/// A guest of a few files on an image file, made, exported and imported without root.
struct SmallGuest {
  static let root = "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9"
  static let swap = "f1e2d3c4-b5a6-4778-8990-aabbccddeeff"

  let scratch: Scratch
  let definition: InstalledDefinition
  let disk: String

  /// - Parameters:
  ///   - files: by path from the root on; `@ROOT@` and `@SWAP@` are the UUIDs of the guest's disks.
  ///   - features: what mke2fs is told with -O.
  init(
    in scratch: Scratch, files: [String: String] = [:], bytes: [String: [UInt8]] = [:],
    links: [String: String] = [:], features: String = "", configuration: String = ""
  ) throws {
    self.scratch = scratch
    definition = try InstalledDefinition(in: scratch, cache: scratch("cache"), configuration: configuration)
    disk = scratch("guest.img")
    for (path, text) in Self.base.merging(files, uniquingKeysWith: { $1 }) {
      try scratch.write(Self.filled(text), to: "tree\(path)")
    }
    for (path, content) in bytes { try scratch.write(content, to: "tree\(path)") }
    for (path, target) in links {
      try shell("mkdir -p '\(scratch("tree"))$(dirname '\(path)')'")
      try shell("ln -s '\(Self.filled(target))' '\(scratch("tree"))\(path)'")
    }
    try makeSparseFile(disk, size: 64 << 20)
    try shell(
      "mke2fs -q -F -t ext4 -b 4096 \(features.isEmpty ? "" : "-O \(features)") -U \(Self.root) -E root_owner=0:0 -d '\(scratch("tree"))' '\(disk)'"
    )
  }

  private static let base = [
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "/etc/hostname": "vm1\n",
    "/etc/hosts": "127.0.1.1 vm1.example.com vm1\n", "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/etc/fstab": "UUID=@ROOT@ / ext4 errors=remount-ro 0 1\nUUID=@SWAP@ none swap sw 0 0\n",
  ]

  static func filled(_ text: String, root: String = root, swap: String = swap) -> String {
    [("@ROOT@", root), ("@SWAP@", swap)].reduce(text) { text, pair in
      var text = text
      while let range = text.firstRange(of: pair.0) { text.replaceSubrange(range, with: pair.1) }
      return text
    }
  }

  /// A guest that was imported.
  struct Imported {
    let disk: String
    let swapDisk: String
    /// What the script wrote.
    let log: String
    let root: String
    let swap: String
    /// The folder with a copy of its files.
    let tree: String

    func read(_ path: String) throws -> String { String(decoding: try readFile(tree + path), as: UTF8.self) }
  }

  /// Exports the guest as vm1 and imports it; or imports what a shell command writes. The filesystem is clean then.
  ///
  /// - Parameter runner: the words of a command that runs the script, such as `nice`.
  func imported(
    as name: String, size: UInt64? = nil, from command: String? = nil, by runner: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Imported {
    let disk = try makeSparseFile(scratch("\(name).img"), size: size ?? (command == nil ? 64 << 20 : 160 << 20))
    let swap = try makeSparseFile(scratch("\(name).swap"), size: 1 << 20)
    let source = command ?? "'\(definition.folder)/export' -i vm1.example.com -b '\(self.disk)'"
    let outcome = try bash("\(source) | \(runner) '\(definition.folder)/import' -i \(name) -b '\(disk)' -s '\(swap)'")
    guard outcome.status == 0 else { throw Failure(.script, "\(outcome)") }
    #expect(try problems(of: disk) == nil, sourceLocation: sourceLocation)
    return Imported(
      disk: disk, swapDisk: swap, log: outcome.output + outcome.errors,
      root: try #require(try tag("UUID", of: disk), sourceLocation: sourceLocation),
      swap: try #require(try tag("UUID", of: swap), sourceLocation: sourceLocation),
      tree: try tree(of: disk))
  }

  /// A folder with the files of the guest on `disk`.
  func tree(of disk: String) throws -> String {
    let folder = disk + ".files"
    try shell("rm -rf '\(folder)'; mkdir '\(folder)'; debugfs -R 'rdump / \(folder)' '\(disk)' 2>/dev/null")
    return folder
  }

  static func features(of disk: String) throws -> String {
    try shell("dumpe2fs -h '\(disk)' 2>/dev/null | grep '^Filesystem features'")
  }
}
