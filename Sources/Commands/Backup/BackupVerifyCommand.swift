// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Report
internal import Worker

struct BackupVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check an export: its description and its dumps.",
    discussion: """
      Dumps of guestsmith are compared with their checksums to the last byte, also those that are packed by gzip, xz, \
      bzip2, lz4 or zstd. Where guestsmith wrote the export, what does not begin as anything that its import takes is \
      damaged. A dump in the format of another OS definition is checked to be there, not empty, and whole as far as its \
      packing tells. A dump that cannot be read or unpacked on this machine is unknown, not damaged. The exit status is 0 \
      if nothing is wrong, 7 if anything is damaged, and else that of what could not be read.

      With --all every export of the state folder is checked, also behind one that is damaged. Their JSON has name, path, \
      result (good, unknown or damaged), reason, bytes, timestamp and disks of each, for what watches over backups.

      Examples:
        guestsmith backup verify vm1.example.com
        guestsmith backup verify --all --json
      """)

  @Argument(
    help: ArgumentHelp(
      "The name of an instance, or the folder of an export, which must contain a slash.", valueName: "name|dir"))
  var export: String?

  @Flag(help: "Check all exports of the state folder.")
  var all = false

  @OptionGroup var options: StateOption

  @OptionGroup var search: SearchPathOption

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if all && export != nil { throw ValidationError("--all checks every export: leave out \(export ?? "")") }
    if !all && export == nil { throw ValidationError("name an export, or check all with --all") }
  }

  func run() throws {
    let node = Node(searchPath: search.searchPath, state: options.state, steps: options.progress.steps)
    let workers = try commandWorkers(node.steps)
    guard let export else {
      let (rows, failure) = try AllExports(node: node, workers: workers).verify()
      try output.write(rows)
      if let failure { throw failure }
      return
    }
    let configuration = try ExportConfiguration(in: node.export(named: export))
    var worst: Failure?
    var told: [JSON] = []
    let verification = ExportVerification(workers: workers, searchPath: node.searchPath, steps: node.steps)
    for disk in verification.disks(of: configuration) {
      worst = VerifiedDisk.worse(worst, disk.failure)
      told.append(disk.json)
      if !output.json { try writeOutput(["disk \(disk.number): \(disk.words)"]) }
    }
    if output.json { try writeOutput(.array(told)) }
    // An export that names no dump is one of nothing.
    if let failure = worst ?? configuration.missing { throw failure }
  }
}
