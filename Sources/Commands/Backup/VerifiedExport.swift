// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Inspection
internal import Instances
internal import LinuxIO
internal import Report
internal import Sources
internal import Worker

/// A dump of an export that was read to its end.
struct VerifiedDisk {
  enum Verdict: String {
    case good
    /// There, in a format that only its OS definition can check.
    case unknown
    case damaged
  }

  let number: Int
  let path: String
  let bytes: UInt64
  let verdict: Verdict
  let failure: Failure?

  var words: String {
    failure?.message ?? (verdict == .good ? "good" : "present, in a format that only its OS definition can check")
  }

  var json: JSON {
    [
      "disk": .integer(number), "path": .string(path), "bytes": .integer(Int(clamping: bytes)),
      "verdict": .string(verdict.rawValue), "failure": .optional(failure?.message),
    ]
  }
}

/// Reads the dumps of exports to their ends.
struct ExportVerification {
  let workers: Workers
  let steps: Steps

  /// What is found of each dump of an export, one after the other as it is asked for; one that is damaged ends nothing.
  func disks(of configuration: ExportConfiguration) -> some Sequence<VerifiedDisk> {
    configuration.dumps.lazy.map { dump in
      do throws(Failure) {
        let size = configuration.disks.first { $0.index == dump.disk }?.size ?? 0
        let isKnown = try verify(dump.path, isGzipped: configuration.isGzipped, .unpacking(to: max(dump.size, size)))
        return VerifiedDisk(
          number: dump.disk, path: dump.path, bytes: dump.size, verdict: isKnown ? .good : .unknown, failure: nil)
      } catch {
        Interrupts.holdIfInterrupted()
        return VerifiedDisk(
          number: dump.disk, path: dump.path, bytes: dump.size, verdict: .damaged, failure: error)
      }
    }
  }

  /// Returns whether the dump could be judged.
  private func verify(
    _ path: String, isGzipped: Bool, _ limits: ChildLimits
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
