// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Ext4
internal import Inspection
internal import LinuxIO
internal import Report
internal import Worker

struct DumpListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the guest's files in a dump, as ls -l does.",
    discussion: """
      Without PATH, what is in the guest's root folder. Names of users and groups are the guest's own; times are in UTC. \
      Names are shown as bash reads them between $' and ': what is not text, and control characters, as \\xe9 or \\n, a \
      backslash as \\\\. In JSON a name that is not UTF-8 is shown so too, with its bytes in hexadecimal beside it.

      Examples:
        guestsmith dump list vm1.dump /etc
        guestsmith dump list --recursive vm1.dump /var/log
        guestsmith dump list vm1.dump $'/srv/caf\\xe9'
      """)

  @Argument(help: "The dump: a file.")
  var dump: String

  @Argument(help: "A file or folder of the guest; a link is followed if the path ends in a slash.")
  var path: ByteString = "/"

  @Flag(name: .shortAndLong, help: "List folders with all that is in them, by whole paths.")
  var recursive = false

  @OptionGroup var partition: PartitionOption

  @OptionGroup var output: OutputOptions

  func run() throws {
    let steps = Steps.forStandardError(quiet: false)
    let workers = try commandWorkers(steps)
    let file = try DumpFile(searching: dump, workers, steps)
    try writeOutput(
      of: Self.task,
      [
        "path": .bytes(path.bytes), "recursive": .bool(recursive), "json": .bool(output.json),
        "partition": partition.json,
      ], [file],
      by: workers, steps)
  }

  /// The dump, and where the lines go.
  static let task = WorkerTask("dump-list", .reader) { context throws(Failure) in
    let values = context.values
    let stored = try StoredDump(context.descriptor(0), partition: values["partition"]?.integer)
    let output = try context.descriptor(1)
    let isRecursive = try values.flag("recursive")
    var files: [GuestFile] = []
    try stored.list(ByteString(try values.bytes("path")), recursive: isRecursive, steps: context.steps) {
      files.append($0)
    }
    if try values.flag("json") {
      try output.writeAll(Array(JSON.array(files.map(\.json)).serialized().utf8))
      return nil
    }
    let names = try stored.accountNames(steps: context.steps)
    // Links and sizes are numbers.
    let table = Table(files.map { $0.cells(names, wholePath: isRecursive) }, gap: 1, rightAligned: [1, 4])
    try output.writeAll(Array(table.lines.map { $0.escaped + "\n" }.joined().utf8))
    return nil
  }
}

extension GuestFile {
  /// Mode, links, owner, group, size or device number, time, name.
  func cells(_ names: GuestAccountNames, wholePath: Bool) -> [String] {
    let isDevice = attributes.kind == .characterDevice || attributes.kind == .blockDevice
    let name = wholePath ? path : path.split(separator: "/").last ?? path
    let target = self.target.map { " -> \($0)" } ?? ""
    return [
      attributes.modeWords, "\(attributes.links)", names.users[attributes.uid]?.escaped ?? "\(attributes.uid)",
      names.groups[attributes.gid]?.escaped ?? "\(attributes.gid)",
      isDevice ? "\(attributes.major), \(attributes.minor)" : "\(attributes.size)",
      Timestamp(seconds: Int(attributes.seconds)).text, "\(name)\(target)",
    ]
  }

  var json: JSON {
    [
      "path": .text(of: path), "pathBytes": .bytes(of: path), "type": .string(attributes.kind.word),
      "mode": .string(attributes.mode), "links": .integer(Int(attributes.links)), "uid": .integer(Int(attributes.uid)),
      "gid": .integer(Int(attributes.gid)), "size": .integer(Int(clamping: attributes.size)),
      "modified": .string(Timestamp(seconds: Int(attributes.seconds)).text),
      "target": .text(of: target), "targetBytes": .bytes(of: target),
      "device": attributes.major > 0 || attributes.minor > 0
        ? [.integer(Int(attributes.major)), .integer(Int(attributes.minor))] : nil,
    ]
  }
}

extension FileKind {
  fileprivate var word: String {
    switch self {
    case .file: "file"
    case .directory: "directory"
    case .symbolicLink: "link"
    case .characterDevice: "character-device"
    case .blockDevice: "block-device"
    case .pipe: "pipe"
    case .socket: "socket"
    }
  }

  fileprivate var letter: String {
    switch self {
    case .file: "-"
    case .directory: "d"
    case .symbolicLink: "l"
    case .characterDevice: "c"
    case .blockDevice: "b"
    case .pipe: "p"
    case .socket: "s"
    }
  }
}

extension FileAttributes {
  /// As ls(1) writes them: `drwxr-sr-t`.
  fileprivate var modeWords: String {
    func triple(_ shift: UInt16, _ special: UInt16, _ letter: String) -> String {
      let bits = permissions >> shift
      let isSpecial = permissions & special != 0
      let last = isSpecial ? (bits & 1 != 0 ? letter : letter.uppercased()) : (bits & 1 != 0 ? "x" : "-")
      return (bits & 4 != 0 ? "r" : "-") + (bits & 2 != 0 ? "w" : "-") + last
    }
    return kind.letter + triple(6, 0o4000, "s") + triple(3, 0o2000, "s") + triple(0, 0o1000, "t")
  }
}
