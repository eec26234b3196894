// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport

/// What `guestsmith os check --json` says.
struct Judged {
  let status: Int32
  let json: JSON
  let errors: String

  /// - Parameters:
  ///   - options: in the words of a shell.
  ///   - program: what is called, in the same.
  init(_ folder: String, _ options: String = "", program: String = "'\(TestSupport.program)'") throws {
    let outcome = try bash("\(program) os check '\(folder)' --json --quiet \(options) </dev/null")
    status = outcome.status
    errors = outcome.errors
    json = try JSON(parsing: Array(outcome.output.utf8))
  }

  /// The identifiers of the checks that came to `outcome`; in one version of the interface, or in any.
  func checks(_ outcome: String, version: Int? = nil) -> Set<String> {
    Set(
      (json["checks"]?.array ?? []).filter {
        $0["outcome"]?.string == outcome && (version == nil || $0["api_version"]?.integer == version)
      }.compactMap { $0["id"]?.string })
  }

  /// What failed, in full.
  var failures: String {
    JSON.array((json["checks"]?.array ?? []).filter { $0["outcome"]?.string == "fail" }).serialized() + errors
  }

  /// All that is said of the check in words.
  func evidence(_ check: String) -> String {
    (json["checks"]?.array ?? []).filter { $0["id"]?.string == check }
      .flatMap { [$0["reason"]?.string ?? ""] + ($0["evidence"]?.array ?? []).compactMap(\.string) }
      .joined(separator: "\n")
  }

  /// By the name of the series of Ganeti: what it says, nil where it accepts the definition.
  var series: [String: String?] {
    Dictionary(
      (json["series"]?.array ?? []).map { ($0["ganeti"]?.string ?? "", $0["fault"]?.string) }, uniquingKeysWith: { $1 })
  }
}
