// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Instances
internal import Interface
internal import Report

/// Where OS definitions are looked for.
struct SearchPathOption: ParsableArguments {
  @Option(
    name: .customLong("search-path"),
    help: ArgumentHelp(
      "Folders with OS definitions; the first match wins; may be repeated.",
      discussion: "By default \(SearchPath.standard.folders.joined(separator: ":"))", valueName: "dir:dir..."))
  var folders: [String] = []

  var searchPath: SearchPath { folders.isEmpty ? .standard : SearchPath(folders) }
}

/// Where the instances are.
struct StateOption: ParsableArguments {
  @Option(
    name: .customLong("state"), help: ArgumentHelp("Folder of the instances and their exports.", valueName: "dir"))
  var folder = State.standardFolder

  @OptionGroup var progress: ProgressOptions

  var state: State { State(folder) }

  /// A node that calls no scripts.
  func node() -> Node { Node(state: state, steps: progress.steps) }

  /// A node that reads what is on the disks of instances, or in exports.
  func readingNode() throws(Failure) -> Node {
    var node = node()
    node.workers = try commandWorkers(progress.steps)
    return node
  }
}

/// What every command that runs a script takes.
struct ScriptOptions: ParsableArguments {
  @OptionGroup var place: StateOption

  @OptionGroup var search: SearchPathOption

  @Option(help: ArgumentHelp("Folder for the logs of the scripts; they go into its subfolder os.", valueName: "dir"))
  var logDir = Node.standardLogFolder

  @Option(help: ArgumentHelp("Stop a script that takes longer than this.", valueName: "seconds"))
  var timeout: Int?

  func validate() throws {
    if let timeout, timeout < 1 { throw ValidationError("--timeout \(timeout) must be at least 1 second") }
  }

  func node() -> Node {
    var node = Node(
      searchPath: search.searchPath, logFolder: logDir, state: place.state, steps: place.progress.steps)
    node.limits.seconds = timeout
    return node
  }
}

/// The parameters of an OS.
struct ParameterOptions: ParsableArguments {
  @Option(
    name: [.customShort("O"), .customLong("os-parameters")],
    help: ArgumentHelp("Parameters for the OS; may be repeated.", valueName: "name=value,..."))
  var parameters: [String] = []

  @Option(help: ArgumentHelp("Parameters that are stored and never shown.", valueName: "name=value,..."))
  var osParametersPrivate: [String] = []

  @Option(
    help: ArgumentHelp(
      "A file with parameters in the sections public, private and secret.",
      discussion: "Secret ones are used for this call only and not stored.", valueName: "file"))
  var parametersFile: String?

  func all() throws(Failure) -> [String: Instance.Parameter] {
    var all = try parametersFile.map { path throws(Failure) in try Assignments.parameters(reading: path) } ?? [:]
    for (texts, visibility) in [
      (parameters, Instance.Parameter.Visibility.public), (osParametersPrivate, .private),
    ] {
      for text in texts {
        for (name, value) in try Assignments.parse(text, of: "the parameters") {
          guard all.updateValue(.init(value, visibility), forKey: name.lowercased()) == nil else {
            throw Failure(.usage, "the parameter \(name.quoted) is given twice")
          }
        }
      }
    }
    return all
  }
}

/// What a new instance is to be.
struct InstanceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A disk, numbered from 0: size=10G, or adopt=PATH for an existing device or file; name, access.",
      valueName: "n:size=...,..."))
  var disk: [String] = []

  @Option(
    help: ArgumentHelp(
      "A network interface, numbered from 0: mac, ip, mode, link, network, name.", valueName: "n:ip=...,..."))
  var net: [String] = []

  @Flag(help: "Create no network interface; without --net there is one.")
  var noNics = false

  @OptionGroup var machine: MachineOptions

  @OptionGroup var parameters: ParameterOptions

  @Flag(help: "Overwrite adopted disks that are not empty.")
  var force = false

  @OptionGroup var mode: DryRunOption

  func validate() throws {
    if noNics && !net.isEmpty { throw ValidationError("--net and --no-nics cannot be used together") }
  }

  func request(_ name: String, os: String?) throws(Failure) -> InstanceRequest {
    var request = InstanceRequest(name: try InstanceName(name), os: os)
    request.disks = try disk.map { text throws(Failure) in try DiskTemplate(parsing: text) }
    request.nics =
      net.isEmpty ? (noNics ? [] : nil) : try net.map { text throws(Failure) in try NICTemplate(parsing: text) }
    try machine.apply(to: &request)
    request.parameters = try parameters.all()
    request.force = force
    return request
  }
}
