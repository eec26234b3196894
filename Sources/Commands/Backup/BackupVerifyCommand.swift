// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Dump
internal import Glibc
internal import Inspection
internal import Instances
internal import LinuxIO
internal import Report
internal import Sources
internal import Worker

struct BackupVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check an export: its description and its dumps.",
    discussion: """
      Dumps of guestsmith are compared with their checksums to the last byte; those that a host compressed with gzip \
      are unpacked to their end. A dump in the format of another OS definition is only checked to be there. The exit \
      status is 0 if nothing is wrong, else 7.

      Example:
        guestsmith backup verify vm1.example.com
      """)

  @Argument(
    help: ArgumentHelp(
      "The name of an instance, or the folder of an export, which must contain a slash.", valueName: "name|dir"))
  var export: String

  @OptionGroup var options: StateOption

  @OptionGroup var output: OutputOptions

  func run() throws {
    let node = options.node()
    let workers = try commandWorkers(node.steps)
    let configuration = try ExportConfiguration(in: node.export(named: export))
    if let missing = configuration.missing { throw missing }
    var failures: [Failure] = []
    var told: [JSON] = []
    for dump in configuration.dumps {
      var verdict = "good"
      do throws(Failure) {
        if try !verify(
          dump.path, isGzipped: configuration.isGzipped,
          .unpacking(to: max(dump.size, configuration.disks.first { $0.index == dump.disk }?.size ?? 0)), workers,
          node.steps)
        {
          verdict = "unknown"
        }
      } catch {
        Interrupts.holdIfInterrupted()
        failures.append(error)
        verdict = "damaged"
      }
      let message = verdict == "damaged" ? failures.last?.message : nil
      told.append([
        "disk": .integer(dump.disk), "path": .string(dump.path), "bytes": .integer(Int(clamping: dump.size)),
        "verdict": .string(verdict), "failure": .optional(message),
      ])
      let words = message ?? (verdict == "good" ? "good" : "present, in a format that only its OS definition can check")
      if !output.json { try writeOutput(["disk \(dump.disk): \(words)"]) }
    }
    if output.json { try writeOutput(.array(told)) }
    if let first = failures.first { throw first }
  }

  /// Returns whether the dump could be judged.
  private func verify(
    _ path: String, isGzipped: Bool, _ limits: ChildLimits, _ workers: Workers, _ steps: Steps
  ) throws(Failure) -> Bool {
    let file = try Descriptor(path, O_RDONLY | O_NOFOLLOW)
    switch StreamKind(prefix: try file.bytes(at: 0, count: StreamKind.prefixLength)) {
    case .dump:
      _ = try VerifiedDump(
        path, threads: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), by: workers, steps)
      return true
    case .gzip where isGzipped:
      var command = Command.ofSystem("gzip", ["-t"])
      command.confinement = Confinement(.unpacker)
      command.input = .descriptor(file.view)
      command.limits = limits
      let (status, words) = try steps.step("verify \(path)") { _ throws(Failure) in
        try command.capture(limit: 500)
      }
      guard status.isSuccess else {
        throw Failure(
          .dump, "\(path) is damaged: gzip \(status): \(Words.printable(String(decoding: words, as: UTF8.self)))")
      }
      return true
    default: return false
    }
  }
}
