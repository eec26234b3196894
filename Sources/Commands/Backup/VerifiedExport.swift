// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
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
    /// There, in a format that only its OS definition can check, or not to be checked here and now.
    case unknown
    /// Or missing.
    case damaged

    /// What a failure says of the dump: it is unknown where this machine could not read or unpack it.
    init(of failure: Failure) {
      let isUnchecked = [Failure.Code.io, .tool, .space].contains(failure.code)
      self = isUnchecked ? .unknown : .damaged
    }
  }

  /// Which of two failures counts: damage before what could not be checked, else the first.
  static func worse(_ one: Failure?, _ other: Failure?) -> Failure? {
    guard let one, let other else { return one ?? other }
    return Verdict(of: one) == .unknown && Verdict(of: other) == .damaged ? other : one
  }

  let number: Int
  let path: String
  let bytes: UInt64
  let verdict: Verdict
  /// Of one that is damaged or could not be checked.
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
  /// Where the definition that an export names is looked for.
  let searchPath: SearchPath
  let steps: Steps

  /// What is found of each dump that an export names, one after the other as it is asked for; one that is damaged, missing or
  /// not to be read ends nothing.
  func disks(of configuration: ExportConfiguration) -> some Sequence<VerifiedDisk> {
    let expected = ExpectedDumps(configuration, searchPath)
    return configuration.namedDumps.lazy.map { dump in verify(dump, of: configuration, expected) }
  }

  private func verify(
    _ dump: ExportConfiguration.NamedDump, of configuration: ExportConfiguration, _ expected: ExpectedDumps
  ) -> VerifiedDisk {
    func found(_ verdict: VerifiedDisk.Verdict, _ failure: Failure? = nil) -> VerifiedDisk {
      VerifiedDisk(number: dump.disk, path: dump.path, bytes: dump.size ?? 0, verdict: verdict, failure: failure)
    }
    guard let size = dump.size else { return found(.damaged, dump.fault) }
    let diskSize = configuration.disks.first { $0.index == dump.disk }?.size
    let isOurs = expected.areOurs(disk: dump.disk)
    do throws(Failure) {
      let verdict = try judge(
        dump.path, to: max(size, diskSize ?? 16 << 40), isGzipped: configuration.isGzipped, isOurs: isOurs)
      return found(verdict)
    } catch {
      Interrupts.holdIfInterrupted()
      let failure =
        switch error.cause {
        // The kernel ends a worker for want of memory, whatever the dump is like.
        case .killed: Failure(.io, error.message, remedy: error.remedy)
        // Its storage has lost a part of it.
        case .system(EIO): Failure(.dump, error.message, remedy: "export the instance again, to other storage")
        default: error
        }
      // What another definition has packed is checked as far as there are tools for it.
      guard failure.code == .tool, !isOurs else { return found(.init(of: failure), failure) }
      steps.note("\(dump.path) was not unpacked: \(error.message)")
      return found(.unknown)
    }
  }

  /// - Parameters:
  ///   - size: the most that it unpacks to, in bytes.
  ///   - isGzipped: the host says that it compressed the dump by gzip.
  ///   - isOurs: it must be a dump of guestsmith, or what import takes in the place of one.
  private func judge(
    _ path: String, to size: UInt64, isGzipped: Bool, isOurs: Bool
  ) throws(Failure) -> VerifiedDisk.Verdict {
    let stored = IncomingStream(reading: SharedDescriptor(try Descriptor(path, O_RDONLY | O_NOFOLLOW)))
    let storedKind = StreamKind(prefix: try stored.prefix(StreamKind.prefixLength))
    let (stream, kind) = try stored.unpacked(to: size)
    let isPacked = stream !== stored
    if kind == .empty {
      throw Failure(
        .dump, isPacked ? "\(path) is empty once it is unpacked" : "\(path) is empty",
        remedy: "export the instance again, and see the log of the export: one that fails before it begins leaves this")
    }
    if kind == .dump {
      _ = try VerifiedDump(
        stream, path, size: size, threads: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), by: workers, steps)
      return .good
    }
    if isOurs { try refuseUnlikely(stream, kind, path, isPacked: isPacked) }
    guard isPacked else { return .unknown }
    // What packed it tells at its end whether it is whole.
    try steps.step("verify \(path)") { progress throws(Failure) in
      try stream.eachPiece { bytes, _ throws(Failure) in progress.advance(by: UInt64(bytes.count)) }
    }
    return storedKind == .gzip && isGzipped ? .good : .unknown
  }

  /// Refuses what guestsmith does not write and its import does not take. Import would take zeros, for a disk that is blank;
  /// but they are what a crash of the machine leaves of a file.
  private func refuseUnlikely(
    _ stream: IncomingStream, _ kind: StreamKind, _ path: String, isPacked: Bool
  ) throws(Failure) {
    let isBlank = try stream.prefix(StreamKind.prefixLength).allSatisfy { $0 == 0 }
    let others: String
    if isBlank, !isPacked {
      others = "but with zeros"
    } else if kind == .unknown {
      others = "or as anything else that import takes"
    } else {
      return
    }
    throw Failure(
      .dump, "\(path) is damaged: it does not begin as a dump of guestsmith, \(others)",
      remedy: "take another copy of the dump, or export again")
  }
}
