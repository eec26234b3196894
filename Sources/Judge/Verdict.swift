// SPDX-License-Identifier: Apache-2.0
package import Host
package import Report

/// All that the judge has to say of a definition.
package struct Verdict: Sendable {
  package let name: String
  package let path: String
  /// As it declares them.
  package let versions: [Int]
  package let series: [SeriesVerdict]
  /// In the order of the table of checks, and of versions in each.
  package private(set) var findings: [Finding]
  /// What the scripts could not change, or did not see, although the machine has it.
  package let mounts: [CoveredMount]

  package init(
    _ definition: OSDefinition, series: [SeriesVerdict], findings: [Finding], mounts: [CoveredMount] = []
  ) {
    name = definition.name
    path = definition.path
    versions = definition.versions
    self.series = series
    self.mounts = mounts
    let order = Dictionary(uniqueKeysWithValues: Check.allCases.enumerated().map { ($1, $0) })
    self.findings = findings.sorted {
      (order[$0.check] ?? 0, -($0.version ?? 0)) < (order[$1.check] ?? 0, -($1.version ?? 0))
    }
  }

  /// Nothing failed.
  package var isAccepted: Bool { failures.isEmpty }

  package var failures: [Finding] { findings.filter(\.hasFailed) }

  /// What failed in the same way in several versions is one: the first of them, with all the versions.
  var failuresOnce: [(finding: Finding, versions: [Int])] {
    var found: [(finding: Finding, versions: [Int])] = []
    for finding in failures {
      let versions = finding.version.map { [$0] } ?? []
      if let index = found.firstIndex(where: {
        $0.finding.check == finding.check && $0.finding.kindOfReason == finding.kindOfReason
      }) {
        found[index].versions += versions
      } else {
        found.append((finding, versions))
      }
    }
    return found
  }

  /// `37 passed, 2 failed, 5 not applicable`.
  package var counts: String {
    let counts = Dictionary(grouping: findings, by: \.word).mapValues(\.count)
    return
      "\(counts["pass"] ?? 0) passed, \(counts["fail"] ?? 0) failed, \(counts["not applicable"] ?? 0) not applicable"
  }

  package var json: JSON {
    [
      "name": .string(name), "path": .string(path), "api_versions": .array(versions.map { .integer($0) }),
      "accepted": .bool(isAccepted),
      "series": .array(
        series.map {
          [
            "ganeti": .string($0.series), "speaks": $0.version.map { .integer($0) } ?? .null,
            "accepts": .bool($0.fault == nil), "fault": .optional($0.fault),
          ]
        }),
      "checks": .array(findings.map(\.json)), "mounts": .array(mounts.map(\.json)),
    ]
  }
}

extension Finding {
  /// The reason without the numbers in it, which are others in each version: sizes, names of temporary files.
  fileprivate var kindOfReason: String { (reason ?? "").filter { !$0.isNumber } }

  package var json: JSON {
    [
      "id": .string(check.rawValue), "api_version": version.map { .integer($0) } ?? .null, "outcome": .string(word),
      "reason": .optional(reason), "why": .string(check.why), "evidence": .array(evidence.map { .string($0) }),
    ]
  }

  /// Nil where `json` is not what the property of this name makes.
  init?(_ json: JSON) {
    guard let id = json["id"]?.string, let check = Check(rawValue: id), let word = json["outcome"]?.string else {
      return nil
    }
    let reason = json["reason"]?.string ?? ""
    let outcome: Outcome = word == "pass" ? .pass : word == "fail" ? .fail(reason) : .notApplicable(reason)
    self.init(
      check, version: json["api_version"]?.integer, outcome,
      evidence: json["evidence"]?.array?.compactMap(\.string) ?? [])
  }
}
