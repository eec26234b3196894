// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Host
internal import Interface
package import Report

/// The judge of OS definitions, whoever wrote them.
package struct Judge: Sendable {
  package let definition: OSDefinition
  package var trial: TrialOptions
  package let steps: Steps

  package init(_ definition: OSDefinition, trial: TrialOptions, steps: Steps) {
    self.definition = definition
    self.trial = trial
    self.steps = steps
  }

  /// The verdict on the definition.
  ///
  /// - Parameter command: how this program is called so that it does its part inside of the sandbox.
  /// - Throws: where the judge itself cannot work, such as without a sandbox; never for what a definition does.
  package func verdict(inSandbox command: [String]) throws(Failure) -> Verdict {
    let checks = StaticChecks(DefinitionFiles(definition.path))
    let found = checks.findings
    guard trial.runs else { return Verdict(definition, series: checks.series, findings: found) }
    if let reason = reasonNotToRun(found) {
      let skipped = Check.allCases.filter { !$0.isStatic }.map { Finding($0, .notApplicable(reason)) }
      return Verdict(definition, series: checks.series, findings: found + skipped)
    }
    let run = try Sandbox(steps: steps).run(command, request: trial.json, versions: versions)
    return Verdict(definition, series: checks.series, findings: found + run.findings, mounts: run.mounts)
  }

  /// The versions in which its scripts are called, the highest first.
  package var versions: [Int] {
    let spoken = Set(definition.versions).intersection(InterfaceVersion.all).sorted(by: >)
    return trial.versions.isEmpty ? spoken : spoken.filter(trial.versions.contains)
  }

  private func reasonNotToRun(_ found: [Finding]) -> String? {
    if geteuid() != 0 { return "needs root" }
    if versions.isEmpty { return "it declares no version that is known here" }
    if definition.contents?.lacksCreate == true { return "its create_untrusted is for a virtual machine" }
    let needed: Set<Check> = [.folder, .scripts, .interpreters]
    guard let fault = found.first(where: { needed.contains($0.check) && $0.hasFailed }) else { return nil }
    return "\(fault.check.rawValue) failed"
  }
}

/// How the scripts are tried.
package struct TrialOptions: Sendable {
  /// False to look at the files alone.
  package var runs = true
  /// The versions of the interface to try; empty for all that it declares.
  package var versions: [Int] = []
  package var variant: String?
  /// Parameters by name, for version 20.
  package var parameters: [String: String] = [:]
  /// The names of those that are secret.
  package var secrets: Set<String> = []
  /// Of the first disk, in bytes.
  package var diskSize: UInt64 = 2 << 30
  /// For each call of a script.
  package var seconds = 900
  /// Folders that the scripts may change, such as a cache.
  package var mayChange: [String] = ["/var/cache", "/var/log"]

  package init() {}
}
