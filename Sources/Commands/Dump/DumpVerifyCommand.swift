// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Glibc
internal import Inspection
internal import LinuxIO
internal import Report
internal import Worker

struct DumpVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check dumps to the last byte, without a disk.",
    discussion: """
      Compares every frame, every checksum and the digest of the whole: a dump that passes is what export wrote. The exit \
      status is 0 if all dumps are good, else that of the first failure: 7 for a damaged dump.

      Example:
        guestsmith dump verify /var/lib/ganeti/export/vm1.example.com/*.snap*
      """)

  @Argument(help: "The dumps.")
  var dump: [String]

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func run() throws {
    let steps = progress.steps
    let threads = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    var failures: [Failure] = []
    var told: [JSON] = []
    for path in dump {
      do throws(Failure) {
        let verified = try VerifiedDump(path, threads: threads, by: commandWorkers(steps), steps)
        told.append([
          "path": .string(path), "good": true, "instance": .string(verified.instance),
          "sha256": .string(verified.sha256),
          "stored_bytes": .number(verified.stored), "failure": nil,
        ])
        if !output.json { try writeOutput(["\(path): good, SHA-256 \(verified.sha256)"]) }
      } catch {
        Interrupts.holdIfInterrupted()
        failures.append(error)
        told.append([
          "path": .string(path), "good": false, "instance": nil, "sha256": nil, "stored_bytes": nil,
          "failure": .string(error.message),
        ])
        if !output.json { try writeOutput(["\(path): \(error.message)"]) }
      }
    }
    if output.json { try writeOutput(.array(told)) }
    guard let first = failures.first else { return }
    guard dump.count > 1 else { throw first }
    throw Failure(
      first.code, "\(failures.count) of \(dump.count) dumps are damaged or unreadable", remedy: first.remedy)
  }
}
