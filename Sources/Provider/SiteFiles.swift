// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import Glibc
internal import Guest
internal import Inspection
internal import LinuxIO
internal import Report
internal import Worker

/// What a site puts into each new guest: `files`, and the scripts of `first_boot`. They are read on this machine before a guest is
/// touched, and wait in memory for the worker that writes them.
final class SiteFiles {
  /// The contents are in its spool.
  let kept: KeptFiles
  private let list: Descriptor
  let runsScripts: Bool
  /// Files in the guest that have its name in them, which a rename changes.
  let templates: [TemplateRecord.Entry]
  /// What is done, a line for each.
  let lines: [String]

  /// Nil where the site adds nothing.
  ///
  /// - Parameter fill: gives the text of a template; nil where only its words are looked at.
  /// - Throws: `.invalid` for what a guest does not get, and for what others than root could have written.
  init?(
    _ configuration: Configuration, fill: ((SiteTemplate) throws(Failure) -> SiteTemplate.Filled)?
  ) throws(Failure) {
    guard configuration.files != nil || !configuration.firstBoot.isEmpty else { return nil }
    let kept = KeptFiles(try Descriptor(inMemory: "what the site adds"))
    var (lines, naming): ([String], [TemplateRecord.Entry]) = ([], [])
    if let top = configuration.files {
      var folder = SiteFolder(top, into: kept, fill: fill)
      try folder.read()
      naming = folder.naming
      // With those that every guest has.
      guard naming.count <= 60 else {
        throw Failure(
          .invalid, "\(naming.count) templates in \(top) have the name of the guest in them: a rename follows up to 60",
          remedy: "have them include one file that has the name")
      }
      lines.append("files: \(kept.summary) of \(top)")
    }
    if !configuration.firstBoot.isEmpty {
      try kept.add(scripts: configuration.firstBoot)
      lines.append("first boot: \(configuration.firstBoot.joined(separator: ", "))")
    }
    list = try Descriptor(inMemory: "the list of what the site adds")
    try kept.save(to: list)
    self.kept = kept
    runsScripts = !configuration.firstBoot.isEmpty
    templates = naming
    self.lines = lines
  }

  convenience init?(
    _ configuration: Configuration, for name: GuestName, _ network: NetworkPlan
  ) throws(Failure) {
    let network = network.network
    try self.init(configuration) { template throws(Failure) in try template.filled(for: name, network) }
  }

  /// For the worker, behind what else it gets.
  var streams: [WorkerDescriptor] { [.stream(kept.spool.view), .stream(list.view)] }

  /// With the record of its templates, for a rename to go by.
  func json(behind count: Int) -> JSON {
    ["at": .integer(count), "scripts": .bool(runsScripts), "record": .bytes(TemplateRecord(templates).render())]
  }

  /// Writes into a guest what its worker was told of by `json`; a null is for none.
  static func write(_ json: JSON?, of context: WorkerContext, to guest: GuestTree) throws(Failure) {
    guard let json, json != .null else { return }
    let place = Int(clamping: try json.number("at"))
    let files = try KeptFiles(context.descriptor(place), list: context.descriptor(place + 1))
    let hasScripts = try json.flag("scripts")
    if hasScripts { try FirstBootScripts.clear(from: guest) }
    // The filesystem is being changed from here on.
    try guest.makeDirectory("/etc")
    for line in try files.merge(into: guest.filesystem) { context.steps.note(line) }
    if hasScripts { try FirstBootScripts.enable(in: guest) }
    try TemplateRecord(parsing: json.bytes("record")).place(in: guest)
  }
}

extension KeptFiles {
  func add(_ file: KeptFile, _ bytes: [UInt8]) throws(Failure) {
    var file = file
    if !bytes.isEmpty { file.pieces = [ByteRange(offset: 0, length: UInt64(bytes.count))] }
    try spool.writeAll(bytes)
    files.append(file)
  }

  /// Adds scripts of this machine, by their paths, where the guest runs them at its first boot.
  fileprivate func add(scripts: [String]) throws(Failure) {
    guard scripts.count <= FirstBootScripts.most else {
      throw Failure(
        .invalid, "first_boot has \(scripts.count) scripts, and \(FirstBootScripts.most) is the most",
        remedy: "have one script call the others")
    }
    for (index, path) in scripts.enumerated() {
      let script = try ConfiguredFile(program: path, as: "first_boot", limit: SiteFolder.largestText)
      let place = FirstBootScripts.path(of: ByteString(argument: splitPath(path).name), at: index)
      var attributes = FileAttributes(script.status)
      (attributes.uid, attributes.gid, attributes.permissions) = (0, 0, 0o700)
      attributes.size = UInt64(script.bytes.count)
      try add(
        KeptFile(
          path: place, file: GuestFile(path: place, inode: 0, attributes: attributes, target: nil),
          extendedAttributes: [], isNamed: false), script.bytes)
    }
  }

  /// Puts all into a filesystem as `write` does; a folder that is there stays as it is, with what is in it.
  ///
  /// - Returns: where a link of the guest was in the way of a folder, a line for each.
  fileprivate func merge(into filesystem: borrowing Filesystem) throws(Failure) -> [String] {
    var notes: [String] = []
    var there: Set<ByteString> = []
    for file in files {
      let isFolder = file.file.attributes.kind == .directory
      guard let found = try filesystem.find(file.path, followingLast: false) else { continue }
      let kind = try filesystem.kind(found)
      if isFolder {
        let target = try filesystem.find(file.path)
        if let target, try filesystem.kind(target) == .directory { there.insert(file.path) }
        guard kind != .directory, !Self.usual.contains(file.path) else { continue }
        notes.append(
          there.contains(file.path)
            ? "\(file.path) is a link in the guest: what files has in that folder went where it leads"
            : "\(file.path) was not a folder in the guest: the folder of files took its place")
      } else if kind == .directory {
        throw Failure(
          .guest, "\(file.path) is a folder in the guest, and files has a file of that name",
          remedy: "take it out of files, or make it a folder there")
      }
    }
    try write(to: filesystem, leaving: there)
    return notes
  }

  /// Links of a system whose programs are all in /usr.
  private static let usual: Set<ByteString> = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/var/run", "/var/lock"]
}
