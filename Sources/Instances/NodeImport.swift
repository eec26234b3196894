// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
package import Interface
internal import LinuxIO
package import Report

extension Node {
  /// Where an export is.
  package enum ExportPlace: Sendable {
    /// In the state folder, by the name of its instance.
    case instance(InstanceName)
    case folder(String)
  }

  /// The instance that `importBackup` would make, and the calls by which its disks would be restored.
  func planCalls(
    _ request: InstanceRequest, from place: ExportPlace
  ) throws(Failure) -> (instance: KeptInstance, calls: [ScriptCall]) {
    try state.checkFree(request.name)
    let export = try ExportConfiguration(in: folder(of: place))
    let dumps = try dumps(of: export)
    let (instance, definition) = try plan(request, export)
    return (
      instance,
      try dumps.map { each throws(Failure) in try call(definition, .import(disk: each.index, from: nil), of: instance) }
    )
  }

  /// Makes an instance of an export. Nothing is left when that fails.
  @discardableResult
  package func importBackup(_ request: InstanceRequest, from place: ExportPlace) throws(Failure) -> KeptInstance {
    try locking(request, sourceKeys(of: place), for: "backup import") { () throws(Failure) in
      try state.checkFree(request.name)
      let restoration = try planRestoration(request, from: place)
      return try make(restoration.instance) { instance throws(Failure) in try restore(restoration, onto: instance) }
    }
  }

  /// An export, and the instance that is to be made of it.
  struct Restoration {
    let instance: KeptInstance
    let export: ExportConfiguration
    fileprivate let definition: OSDefinition
    fileprivate let dumps: [DiskImport]
  }

  /// The locks that keep the export as it is while it is read.
  func sourceKeys(of place: ExportPlace) -> [String] {
    if case .instance(let name) = place { [State.lock(ofExport: State.key(name))] } else { [] }
  }

  func planRestoration(_ request: InstanceRequest, from place: ExportPlace) throws(Failure) -> Restoration {
    let export = try ExportConfiguration(in: folder(of: place))
    if !export.ignored.isEmpty {
      steps.note("not known here, and ignored in \(export.path): \(export.ignored.joined(separator: ", "))")
    }
    if !export.dropped.isEmpty {
      steps.note(
        "dropped from \(export.path), since they are for this machine's administrator to give (with -H): "
          + export.dropped.joined(separator: ", "))
    }
    if !export.droppedParameters.isEmpty {
      steps.note(
        "dropped from \(export.path), since they name what this machine would read (give them with -O): "
          + export.droppedParameters.joined(separator: ", "))
    }
    let secrets = request.parameters.filter { $0.value.visibility == .secret }.keys.sorted()
    if !secrets.isEmpty {
      steps.note(
        "as under Ganeti, verify alone learns of secret parameters, and import does not: "
          + secrets.joined(separator: ", "))
    }
    let (planned, definition) = try plan(request, export)
    let dumps = try dumps(of: export)
    try verify(planned, by: definition)
    return Restoration(instance: planned, export: export, definition: definition, dumps: dumps)
  }

  /// Has the scripts put the export onto the disks of `instance`, which are there and empty.
  func restore(_ restoration: Restoration, onto instance: KeptInstance) throws(Failure) {
    try `import`(restoration.dumps, onto: instance, by: restoration.definition)
    try renameAfterImport(instance, restoration.definition, restoration.export)
  }

  private func dumps(of export: ExportConfiguration) throws(Failure) -> [DiskImport] {
    var dumps: [DiskImport] = []
    for disk in export.disks {
      guard let dump = disk.dump else { continue }
      dumps.append(try DiskImport(disk.index, of: "\(export.path)/\(dump)", mayBeCompressed: export.isGzipped))
    }
    guard !dumps.isEmpty else {
      throw Failure(.dump, "\(export.path)/\(ExportConfiguration.file) names no dump")
    }
    return dumps
  }

  private func folder(of place: ExportPlace) -> String {
    switch place {
    case .instance(let name): state.exportFolder(name)
    case .folder(let path): absolute(path)
    }
  }

  /// The request with what it leaves to the export.
  private func plan(
    _ request: InstanceRequest, _ export: ExportConfiguration
  ) throws(Failure) -> (instance: KeptInstance, definition: OSDefinition) {
    var request = request
    let isOSChosen = request.os != nil
    request.os = request.os ?? export.os
    // A size of memory that is given is not mixed with those of the export.
    let sizes = ["memory", "maxmem", "minmem"]
    let isSized = request.backend.keys.contains { sizes.contains($0) }
    request.backend = export.backend.filter { !isSized || !sizes.contains($0.key) }.merging(request.backend) { $1 }
    request.hypervisor = request.hypervisor ?? export.hypervisor
    request.hypervisorParameters = export.hypervisorParameters.merging(request.hypervisorParameters) { $1 }
    request.parameters = export.parameters.merging(request.parameters) { $1 }
    for disk in export.disks where !request.disks.contains(where: { $0.index == disk.index }) {
      var template = DiskTemplate(index: disk.index)
      template.size = disk.size
      template.name = disk.name
      request.disks.append(template)
    }
    if request.nics == nil {
      let used = Set(try state.list().flatMap { $0.instance?.nics.map(\.mac) ?? [] })
      request.nics = export.nics.map { nic in
        var nic = nic
        if let mac = nic.mac, used.contains(mac) { nic.mac = nil }
        return nic
      }
    }
    let (instance, definition) = try plan(request, isOSChosen: isOSChosen)
    for disk in export.disks where disk.dump != nil {
      _ = try call(definition, .import(disk: disk.index, from: nil), of: instance)
    }
    return (instance, definition)
  }

  private func `import`(_ dumps: [DiskImport], onto instance: KeptInstance, by definition: OSDefinition) throws(Failure)
  {
    let calls = try dumps.map { dump throws(Failure) in
      try call(definition, .import(disk: dump.index, from: nil), of: instance)
    }
    try steps.step("import \(instance.name) by \(instance.osName)") { progress throws(Failure) in
      let follower = Follower(progress) {
        for dump in dumps { dump.tell(progress: &$0) }
      }
      try follower.following { () throws(Failure) in
        try together(calls) { [logFolder] call throws(Failure) in
          guard case .import(let disk, _) = call.purpose, let dump = dumps.first(where: { $0.index == disk }) else {
            return
          }
          try dump.feed(call, to: instance.disks[disk].size, logFolder: logFolder)
        }
      }
    }
    for call in calls { try checkDisks(of: instance, after: call) }
  }

  /// A guest that is imported under another name is renamed, as hosts since 2.0 do: those before told the new name to
  /// the import script alone.
  private func renameAfterImport(
    _ instance: KeptInstance, _ definition: OSDefinition, _ export: ExportConfiguration
  ) throws(Failure) {
    let old = try InstanceName(export.name)
    guard definition.spokenVersion != 5, old != instance.name else { return }
    try run(
      call(definition, .rename(from: old), of: instance), on: instance,
      "rename \(old) to \(instance.name) by \(instance.osName)")
  }
}

/// A dump on its way onto a disk.
private final class DiskImport: Sendable {
  let index: Int
  private let path: String
  private let dump: Descriptor
  private let length: UInt64
  private let isCompressed: Bool

  /// - Parameter mayBeCompressed: a host says that it compressed the dump. Some said so of dumps that they did not
  ///   compress, so the dump has to look like it as well.
  init(_ index: Int, of path: String, mayBeCompressed: Bool) throws(Failure) {
    let (status, error) = examine(path, itself: true)
    guard error == 0 else {
      throw Failure(
        .dump, "the dump of disk \(index) is missing: \(path): \(String(cString: strerror(error)))",
        remedy: "put it back, or correct \(ExportConfiguration.file)")
    }
    guard status.isRegular else { throw Failure(.dump, "the dump of disk \(index), \(path), is not a file") }
    self.index = index
    self.path = path
    dump = try Descriptor(path, O_RDONLY | O_NOFOLLOW)
    length = UInt64(try dump.status().st_size)
    isCompressed = mayBeCompressed ? try dump.bytes(at: 0, count: 2) == [0x1f, 0x8b] : false
  }

  func tell(progress: inout Follower.Position) {
    progress.done += dump.position()
    progress.expect(length)
  }

  /// Runs an import script with the dump as its input: by a pipe, as hosts have it.
  ///
  /// - Parameter size: of the disk, in bytes.
  func feed(_ call: ScriptCall, to size: UInt64, logFolder: String) throws(Failure) {
    let pipe = try Pipe()
    let words = try Descriptor(inMemory: "what gzip says")
    var command = isCompressed ? Command.ofSystem("gzip", ["-dc"]) : Command("cat", [])
    if isCompressed { command.confinement = Confinement(.unpacker) }
    command.input = .descriptor(dump.view)
    command.output = .descriptor(pipe.writer.view)
    command.error = .descriptor(words.view)
    command.limits = .unpacking(to: max(size, length))
    let feeder = try command.start()
    let reader = pipe.keepingReader()
    var call = call
    call.purpose = .import(disk: index, from: reader.view)
    var failure: Failure?
    do throws(Failure) { try call.run(logFolder: logFolder) } catch { failure = error }
    let unread = try reader.waitingBytes()
    // Who still writes has nobody to write to any more.
    try reader.close()
    let ended = ContinuousClock.now
    let status = try feeder.wait { () throws(Failure) in
      guard ended.duration(to: .now) > .seconds(10) else { return }
      throw Failure(
        .script, "a process that the import script of \(call.definition.name) left behind keeps its input open")
    }
    if case .stopped = status {
      throw Failure(
        .dump,
        "the dump \(path) can't be read: \(command.executable) \(status), more than it takes for disk \(index) of "
          + Words.bytes(size), remedy: "take another export of the instance")
    }
    let lines = String(decoding: try words.bytes(at: 0, count: 500), as: UTF8.self).split(separator: "\n")
    // The signal for a pipe without a reader does not reach a confined program.
    let isCutOff = lines.last?.hasSuffix("Broken pipe") == true
    if case .exited(let code) = status, code != 0, !isCutOff {
      throw Failure(
        .dump, "the dump \(path) cannot be read: \(Words.printable(lines.last ?? "for no reason given"))",
        remedy: "take another export of the instance")
    }
    if let failure { throw failure }
    guard status.isSuccess, unread == 0 else {
      throw Failure(
        .script, "the import script of \(call.definition.name) ended well, but has not read all of \(path)",
        remedy: "correct the script: it is to read its standard input to the end")
    }
  }
}
