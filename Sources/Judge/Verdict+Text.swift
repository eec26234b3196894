// SPDX-License-Identifier: Apache-2.0
internal import Host
internal import Report

extension Verdict {
  /// A line a check, then what the series of Ganeti make of it, then the failures in full.
  package var lines: [String] {
    var lines = Table(
      findings.map {
        [$0.check.rawValue, $0.version.map { String($0) } ?? "", $0.word, Words.printable($0.reason ?? "", limit: 100)]
      }, header: ["check", "api", "outcome", "what was found"]
    ).lines
    lines += [""]
    lines +=
      Table(
        series.map {
          [$0.series, $0.version.map { String($0) } ?? "", $0.fault == nil ? "accepted" : "refused", $0.fault ?? ""]
        }, header: ["ganeti", "api", "outcome", "in its words"]
      ).lines
    if !mounts.isEmpty {
      lines += [""]
      lines +=
        Table(mounts.map { [$0.place, $0.type, $0.words] }, header: ["mount", "type", "what the scripts see of it"])
        .lines
    }
    for (finding, versions) in failuresOnce {
      let api = versions.isEmpty ? "" : " (api \(versions.map { String($0) }.joined(separator: ", ")))"
      lines += ["", "\(finding.check.rawValue)\(api): \(finding.reason ?? "")"]
      lines.append("  \(finding.check.why)")
      lines += finding.evidence.map { "  | \($0.escaped)" }
    }
    return lines + ["", "\(name.escaped): \(isAccepted ? "accepted" : "not accepted"), \(counts)"]
  }

  /// As the tools of continuous integration read it: a suite a version, a case a check.
  package var junit: String {
    let suites = Dictionary(grouping: findings) { $0.version ?? 0 }.sorted { $0.key > $1.key }
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text += "<testsuites name=\"\(name.forXML)\" tests=\"\(findings.count)\" failures=\"\(failures.count)\">\n"
    for (version, findings) in suites {
      let title = version == 0 ? name : "\(name), api \(version)"
      let skipped = findings.count { $0.word == "not applicable" }
      text += "  <testsuite name=\"\(title.forXML)\" tests=\"\(findings.count)\""
      text += " failures=\"\(findings.count(where: \.hasFailed))\" skipped=\"\(skipped)\">\n"
      for finding in findings {
        text += "    <testcase classname=\"\(title.forXML)\" name=\"\(finding.check.rawValue)\">"
        let evidence = finding.evidence.joined(separator: "\n").forXML
        switch finding.outcome {
        case .pass: break
        case .fail(let reason):
          text += "<failure message=\"\(reason.forXML)\">\("\(finding.check.why)\n".forXML)\(evidence)</failure>"
        case .notApplicable(let reason): text += "<skipped message=\"\(reason.forXML)\"/>"
        }
        text += "</testcase>\n"
      }
      text += "  </testsuite>\n"
    }
    return text + "</testsuites>\n"
  }
}

extension String {
  /// As text or an attribute of XML and HTML: what these cannot have is replaced.
  var forXML: String {
    var text = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      case "\"": text += "&quot;"
      case "'": text += "&#39;"
      case "\n", "\t": text.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value & 0xFFFE == 0xFFFE:
        text += "\u{FFFD}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
