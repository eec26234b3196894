// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage

/// The scripts of a definition, called in one version of the interface on scratch disks.
///
/// The checks are in extensions, a file a group. Each call of a script is watched: what it leaves is noted and taken away.
final class Trial {
  let definition: OSDefinition
  let version: Int
  let options: TrialOptions
  /// Of this trial alone.
  let folder: String
  private let scratch: String
  let runner: Runner
  let host: HostWatch
  private let steps: Steps
  /// Are called with each finding, and with what is begun.
  var tell: (Finding) -> Void = { _ in }
  var tellStart: (Check, String) -> Void = { _, _ in }

  /// What the calls left, by the check that it belongs to.
  private var left: [Check: [String]] = [:]
  private var told: Set<Check> = []
  private var current = Check.help
  /// A disk that no call is for.
  private let bystander: ScratchDisk
  private let bystanderDigest: String
  let oldName: InstanceName
  let newName: InstanceName

  init(
    _ definition: OSDefinition, _ version: Int, _ options: TrialOptions, scratch: String, host: HostWatch, steps: Steps
  )
    throws(Failure)
  {
    self.steps = steps
    self.definition = definition
    self.version = version
    self.options = options
    self.scratch = scratch
    runner = Runner(logFolder: "\(scratch)/log")
    self.host = host
    folder = "\(scratch)/api\(version)"
    guard mkdir(folder, 0o755) == 0 else { throw .system("make the folder", folder) }
    oldName = try InstanceName("judged-one.example.com")
    newName = try InstanceName("renamed-two.example.org")
    bystander = try ScratchDisk("\(folder)/another-guest.img", size: 4 << 20, isDevice: version == 5)
    try bystander.scribble()
    bystanderDigest = try bystander.digest()
  }

  func judgeAll() {
    judgeUsage()
    judgeVerify()
    let created = judgeCreate()
    let readable = judgeFilesystem(created)
    judgeWholeDisk(created)
    let exported = judgeDump(judgeExport(created), readable)
    let importable = judgeImport(exported, readable)
    judgeBadDumps(created)
    judgeBootFiles(readable.and(exported))
    judgeImportedNames(readable.and(importable))
    judgeKeptNames(readable)
    judgeFeatures(readable.and(exported))
    judgeHostility(readable, exported)
    judgeRename(created, readable)
    judgeRefusals(created, importable)
    judgeCutDumps(importable)
    judgeSurroundings(created)
    judgeLeftovers()
  }

  // MARK: Findings

  func found(_ check: Check, _ result: CheckResult) {
    guard told.insert(check).inserted else { return }
    let shown: Finding.Outcome =
      switch result.outcome {
      case .pass: .pass
      case .fail(let words): .fail(withoutSecrets(words))
      case .notApplicable(let words): .notApplicable(withoutSecrets(words))
      }
    tell(Finding(check, version: version, shown, evidence: result.evidence.map(withoutSecrets)))
  }

  /// What is told may have what a script was told, as it is or as it is shown.
  private func withoutSecrets(_ text: String) -> String {
    let values = options.secrets.compactMap { options.parameters[$0] }.filter { !$0.isEmpty }
    let forms = Set(values + values.map(\.escaped)).sorted { $0.utf8.count > $1.utf8.count }
    return forms.reduce(text) { $0.replacing($1, with: "[secret]") }
  }

  /// Makes one check.
  func judge(_ check: Check, _ body: () throws(Failure) -> CheckResult) {
    guard !told.contains(check) else { return }
    current = check
    do throws(Failure) {
      let result = try steps.step("api \(version): \(check.rawValue)") { _ throws(Failure) in try body() }
      found(check, result)
    } catch {
      // A missing checker and a full disk of this machine are not faults of the definition.
      let isOurs = error.code == .tool || error.code == .space
      found(check, isOurs ? .notApplicable("the check could not be made: \(error.message)") : .fail(error.message))
    }
  }

  /// The same with what an earlier stage made; without it the check does not apply.
  func judge<Needed>(
    _ check: Check, with needed: Made<Needed>, _ body: (Needed) throws(Failure) -> CheckResult
  ) {
    switch needed {
    case .made(let value): judge(check) { () throws(Failure) in try body(value) }
    case .missing(let reason): found(check, .notApplicable(reason))
    }
  }

  /// Makes a check, and hands on what later ones need: where it does not, they do not apply.
  func stage<Needed, Value>(
    _ check: Check, with needed: Made<Needed>, _ body: (Needed) throws(Failure) -> (CheckResult, Value?)
  ) -> Made<Value> {
    var made: Value?
    judge(check, with: needed) { needed throws(Failure) in
      let (result, value) = try body(needed)
      made = value
      return result
    }
    return needed.flatMap { _ in made.map { .made($0) } ?? .missing(because: "\(check.rawValue) failed") }
  }

  func skip(_ checks: [Check], _ reason: String) {
    for check in checks { found(check, .notApplicable(reason)) }
  }

  // MARK: Calls

  /// How a call ended.
  struct Ending: Sendable {
    let script: String
    /// Nil when it could not be run, or was ended at a limit.
    let status: ExitStatus?
    let lines: [String]

    var isSuccess: Bool { status?.isSuccess == true }
    /// It said itself that it failed.
    var isRefusal: Bool { if case .exited(let code) = status { code != 0 } else { false } }
    /// Where it did not end by itself, the first line says what ended it.
    var words: String { status.map { "\(script) \($0)" } ?? lines.first ?? "\(script) did not end by itself" }
    var evidence: [String] { status == nil ? lines : [words] + lines }
  }

  /// - Parameter isOther: whether it is there beside the first one: then all that tells instances apart differs.
  func instance(_ disks: [ScratchDisk], named name: InstanceName? = nil, isOther: Bool = false) -> Instance {
    let start = isOther ? "2e7d41b8-93c4-4a06-8b15-0f3c9d52" : "1c1b25f5-6a1b-4fd8-9a0e-5d7f6c6a"
    var instance = Instance(
      name: name ?? oldName, os: definition.name, variant: version >= 15 ? variant : nil,
      uuid: "\(start)0b01", created: 1_700_000_000)
    instance.disks = disks.enumerated().map { index, disk in
      Instance.Disk(path: disk.path, size: disk.size, uuid: "\(start)0c0\(index)")
    }
    var nic = Instance.NIC(mac: isOther ? "aa:00:00:5a:3c:02" : "aa:00:00:5a:3c:01", uuid: "\(start)0d00")
    nic.link = "br0"
    instance.nics = [nic]
    instance.backend = ["memory": "512", "vcpus": "1"]
    if version >= 20 {
      instance.parameters = options.parameters.reduce(into: [:]) { parameters, entry in
        parameters[entry.key] = Instance.Parameter(
          entry.value, options.secrets.contains(entry.key) ? .secret : .public)
      }
    }
    return instance
  }

  private var variant: String? { options.variant ?? preferredVariant(of: definition.contents?.variants ?? []) }

  /// Calls a script, watches what it leaves, and takes that away.
  func call(
    _ purpose: ScriptCall.Purpose, _ instance: Instance, environment: [String: String] = [:]
  ) throws(Failure) -> Ending {
    let call = try scriptCall(purpose, instance, environment)
    return try watched(call.script.rawValue) { runner.run(call) }
  }

  func scriptCall(
    _ purpose: ScriptCall.Purpose, _ instance: Instance, _ environment: [String: String] = [:]
  ) throws(Failure) -> ScriptCall {
    var call = try ScriptCall(definition, purpose, of: instance, version: version)
    call.limits.seconds = options.seconds
    // What it leaves has to be visible here; the sandbox is around it.
    call.isIsolated = false
    call.moreEnvironment = environment
    return call
  }

  /// Runs `body`, which calls scripts, and notes what they leave.
  func watched<T>(_ what: String, _ body: () throws(Failure) -> T) throws(Failure) -> T {
    tellStart(current, "calling \(what)")
    let before = Leftovers(below: scratch)
    let result = try body()
    var after = Leftovers(below: scratch)
    // A process that is just ending does not stay, nor does a loop device that goes with it: the kernel lets go of that
    // a moment later.
    for _ in 0..<40 where after.hasNewProcesses(since: before) || after.hasNewLoops(since: before) {
      usleep(50000)
      after = Leftovers(below: scratch)
    }
    for (check, lines) in after.takeAway(since: before) { note(check, what, lines) }
    // What forks faster than it is killed is killed again.
    for _ in 0..<100 {
      let left = Leftovers(below: scratch)
      guard left.hasNewProcesses(since: before) else { break }
      _ = left.takeAway(since: before)
    }
    for change in host.newChanges() {
      note(change.isTemporary ? .temporaryFiles : .hostFiles, what, [change.words])
    }
    return result
  }

  func note(_ check: Check, _ what: String, _ lines: [String]) {
    left[check, default: []] += lines.map { "\($0), by \(what) during \(current.rawValue)" }
  }

  private func judgeLeftovers() {
    judge(.otherDisks) { () throws(Failure) in
      if try bystander.digest() != bystanderDigest {
        note(.otherDisks, "a script", ["the disk of another instance was written to"])
      }
      return leftovers(.otherDisks)
    }
    for check in [Check.hostFiles, .loopDevices, .mounts, .mappings, .processes, .temporaryFiles] {
      found(check, leftovers(check))
    }
  }

  private func leftovers(_ check: Check) -> CheckResult {
    .clean(left[check].map { Array($0.prefix(50)) }, [])
  }

  // MARK: Disks

  func newDisk(_ name: String, size: UInt64? = nil, readOnly: Bool = false) throws(Failure) -> ScratchDisk {
    try ScratchDisk(
      "\(folder)/\(name).img", size: size ?? options.diskSize, isDevice: version == 5, readOnly: readOnly)
  }

  /// The one for swap is small.
  func newSwap(_ name: String) throws(Failure) -> ScratchDisk { try newDisk(name, size: 64 << 20) }
}

/// Runs calls, of several threads at once too.
struct Runner: Sendable {
  let logFolder: String

  func run(_ call: ScriptCall) -> Trial.Ending {
    do {
      let end = try call.runToEnd(logFolder: logFolder)
      return Trial.Ending(script: call.script.rawValue, status: end.status, lines: end.lastLines)
    } catch {
      let lines = error.message.split(separator: "\n").map { String($0) }
      return Trial.Ending(script: call.script.rawValue, status: nil, lines: lines)
    }
  }
}
