// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Glibc
internal import Instances
internal import Interface
internal import LinuxIO
internal import Report

struct BackupDrillCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drill", abstract: "Prove an export: restore it, boot the guest, and remove it.",
    discussion: """
      Imports the export under the name drill-NAME, without a network, boots the guest until its console shows a login, and \
      removes all of it, also where it fails or is interrupted. The instance stays as it is, and may run meanwhile. Needs room \
      in the state folder for what the guest uses, and memory for the guest.

      The exit status is 0 once the guest came up, and 6 with the last lines of its console where it panics, drops to an \
      emergency shell, powers off or takes too long; 7 where the export is damaged.

      Examples:
        guestsmith backup drill vm1.example.com
        guestsmith backup drill /var/lib/ganeti/export/vm1.example.com -B memory=1G --json
      """)

  @Argument(
    help: ArgumentHelp(
      "The name of an instance, or the folder of an export, which must contain a slash.", valueName: "name|dir"))
  var export: String

  @Option(help: ArgumentHelp("The guest is up when its console shows these words.", valueName: "words"))
  var until = "login:"

  @Option(help: ArgumentHelp("How long to wait for that.", valueName: "seconds"))
  var bootTimeout = 600

  @OptionGroup var boot: BootOptions

  @Option(help: ArgumentHelp("Write what the console shows to this file.", valueName: "file"))
  var console: String?

  @Option(
    name: [.customShort("o"), .customLong("os")],
    help: ArgumentHelp("Use this OS instead of that of the export.", valueName: "name[+variant]"))
  var os: String?

  @OptionGroup var parameters: ParameterOptions

  @OptionGroup var machine: MachineOptions

  @OptionGroup var options: ScriptOptions

  @OptionGroup var mode: DryRunOption

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if until.isEmpty { throw ValidationError("--until needs words to wait for") }
    if bootTimeout < 1 { throw ValidationError("--boot-timeout \(bootTimeout) must be at least 1 second") }
    if mode.isDry && output.json { throw ValidationError("--dry-run has no JSON") }
  }

  func run() throws {
    var node = options.node()
    node.workers = try commandWorkers(node.steps)
    let place: Node.ExportPlace =
      export.contains("/") ? .folder(export) : .instance(try InstanceName(export))
    let configuration = try ExportConfiguration(in: node.export(named: export))
    let request = try request(Node.drillName(for: configuration.name))
    guard !mode.isDry else {
      var planned = request
      planned.nics = []
      try tell(node.planImport(planned, from: place), "restored for a drill")
      return try writeOutput([
        "then it would be booted, without a network, until its console shows \(until.quoted), for at most "
          + "\(bootTimeout) s, and removed"
      ])
    }
    var drill = Drill()
    var failure: Failure?
    do throws(Failure) {
      let file = try Descriptor(console ?? "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
      try node.drillBackup(
        request, from: place, firmware: boot.firmware, accelerator: boot.accelerator,
        until: BootGoal(until, seconds: bootTimeout), &drill
      ) { bytes throws(Failure) in try file.writeAll(bytes) }
    } catch {
      Interrupts.holdIfInterrupted()
      // That a script failed says nothing about the dump that it was given.
      let isOfScript = error.code == .script && drill.restoration == nil
      failure = isOfScript ? damage(of: configuration, node) ?? error : error
    }
    let report = DrillReport(
      export: configuration, instance: request.name, words: until, drill: drill, failure: failure)
    try output.write(report.json, else: report.lines)
    if let failure { throw failure }
  }

  /// What is wrong with the first dump that is damaged; nil where that can't be told of any.
  private func damage(of export: ExportConfiguration, _ node: Node) -> Failure? {
    let verification = ExportVerification(workers: node.workers, searchPath: node.searchPath, steps: node.steps)
    for disk in verification.disks(of: export) {
      if let failure = disk.failure, failure.code == .dump { return failure }
    }
    return nil
  }

  private func request(_ name: InstanceName) throws(Failure) -> InstanceRequest {
    var request = InstanceRequest(name: name, os: os)
    try machine.apply(to: &request)
    request.parameters = try parameters.all()
    return request
  }
}

/// What is told of a drill.
private struct DrillReport {
  let export: ExportConfiguration
  let instance: InstanceName
  let words: String
  let drill: Drill
  let failure: Failure?

  var json: JSON {
    [
      "name": .string(export.name), "path": .string(export.path), "instance": .string(instance.text),
      "result": failure == nil ? "good" : "failed", "reason": .optional(failure?.message),
      "timestamp": export.timestamp.map { .integer($0) } ?? .null,
      "bytes": .integer(Int(clamping: export.dumps.reduce(UInt64(0)) { $0.saturatingAdding($1.size) })),
      "restore_ms": milliseconds(drill.restoration),
      "saw": drill.reached == nil ? nil : .string(words), "boot_ms": milliseconds(drill.reached?.time),
      "emulated": drill.reached.map { .bool($0.isEmulated) } ?? .null,
    ]
  }

  private func milliseconds(_ time: Duration?) -> JSON {
    time.map {
      .integer(Int(clamping: $0.components.seconds * 1000 + $0.components.attoseconds / 1_000_000_000_000_000))
    }
      ?? .null
  }

  /// Empty where it failed: what failed is told as any failure is.
  var lines: [String] {
    guard let restoration = drill.restoration, let reached = drill.reached else { return [] }
    return [
      "\(export.name): restored in \(Words.duration(restoration)), and its guest showed \(words.quoted) after "
        + Words.duration(reached.time) + (reached.isEmulated ? ", emulated" : "")
    ]
  }
}
