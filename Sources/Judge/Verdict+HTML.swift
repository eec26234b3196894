// SPDX-License-Identifier: Apache-2.0
internal import Host
internal import Report

extension Verdict {
  /// One page that needs nothing else: no script, no image, nothing from elsewhere.
  package var html: String {
    let word = isAccepted ? "accepted" : "not accepted"
    var page = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <title>\(name.forXML): \(word)</title>
      <style>\(style)</style>
      </head>
      <body>
      <header>
      <h1>\(name.forXML) <span class="badge \(isAccepted ? "pass" : "fail")">\(word)</span></h1>
      <p>\(counts.forXML)</p>
      <p class="quiet"><code>\(path.forXML)</code>, interface versions \(list(versions))</p>
      </header>
      <main>

      """
    if !failures.isEmpty {
      page += "<section>\n<h2>What failed</h2>\n" + failuresOnce.map(details).joined() + "</section>\n"
    }
    page += "<section>\n<h2>Releases of Ganeti</h2>\n" + seriesTable + "</section>\n"
    page += "<section>\n<h2>All checks</h2>\n" + matrix + "</section>\n"
    if !mounts.isEmpty {
      page += "<section>\n<h2>Mounts that are not as on the machine</h2>\n\(mountTable)</section>\n"
    }
    return page + "</main>\n</body>\n</html>\n"
  }

  private func list(_ versions: [Int]) -> String {
    versions.isEmpty ? "unknown" : versions.map { String($0) }.joined(separator: ", ")
  }

  private func details(_ finding: Finding, _ versions: [Int]) -> String {
    var text = "<article>\n<h3><code>\(finding.check.rawValue)</code>"
    if !versions.isEmpty { text += " <span class=\"quiet\">api \(list(versions))</span>" }
    text +=
      "</h3>\n<p class=\"reason\">\((finding.reason ?? "").forXML)</p>\n<p class=\"quiet\">\(finding.check.why.forXML)</p>\n"
    if !finding.evidence.isEmpty {
      // Readers who use the keyboard have to reach what scrolls.
      text += "<pre tabindex=\"0\" aria-label=\"evidence\">\(finding.evidence.joined(separator: "\n").forXML)</pre>\n"
    }
    return text + "</article>\n"
  }

  private var seriesTable: String {
    var text =
      "<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr><th>Ganeti</th><th>api</th><th>outcome</th><th>in its words</th></tr></thead>\n<tbody>\n"
    for row in series {
      let isAccepted = row.fault == nil
      text += "<tr><th scope=\"row\">\(row.series.forXML)</th><td>\(row.version.map { String($0) } ?? "–")</td>"
      text +=
        "<td><span class=\"badge \(isAccepted ? "pass" : "none")\">\(isAccepted ? "accepts" : "refuses")</span></td>"
      text += "<td class=\"words\">\((row.fault ?? "").forXML)</td></tr>\n"
    }
    return text + "</tbody>\n</table></div>\n"
  }

  private var mountTable: String {
    var text = "<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr><th>mount</th><th>type</th>"
    text += "<th>what the scripts see of it</th></tr></thead>\n<tbody>\n"
    for mount in mounts {
      text += "<tr><th scope=\"row\"><code>\(mount.place.escaped.forXML)</code></th>"
      text += "<td>\(mount.type.escaped.forXML)</td><td>\(mount.words.escaped.forXML)</td></tr>\n"
    }
    return text + "</tbody>\n</table></div>\n"
  }

  /// A row a check with a column a version.
  private var matrix: String {
    let columns = Set(findings.compactMap(\.version)).sorted(by: >)
    let byCheck = Dictionary(grouping: findings, by: \.check)
    var text = "<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr><th>check</th>"
    text += columns.map { "<th>api \($0)</th>" }.joined()
    text += columns.isEmpty ? "<th>outcome</th></tr></thead>\n<tbody>\n" : "</tr></thead>\n<tbody>\n"
    for check in Check.allCases {
      guard let findings = byCheck[check] else { continue }
      text += "<tr><th scope=\"row\"><code>\(check.rawValue)</code><span class=\"why\">\(check.why.forXML)</span></th>"
      if let finding = findings.first(where: { $0.version == nil }) {
        text += "<td colspan=\"\(max(1, columns.count))\">\(cell(finding))</td>"
      } else {
        text += columns.map { column in
          "<td>\(findings.first { $0.version == column }.map(cell) ?? "–")</td>"
        }.joined()
      }
      text += "</tr>\n"
    }
    return text + "</tbody>\n</table></div>\n"
  }

  private func cell(_ finding: Finding) -> String {
    let style = finding.hasFailed ? "fail" : finding.outcome == .pass ? "pass" : "none"
    let badge = "<span class=\"badge \(style)\">\(finding.word == "not applicable" ? "n/a" : finding.word)</span>"
    let lines = (finding.reason.map { [$0] } ?? []) + (finding.outcome == .pass ? finding.evidence : [])
    guard !lines.isEmpty else { return badge }
    return
      "<details><summary>\(badge)</summary><div class=\"lines\">\(lines.joined(separator: "\n").forXML)</div></details>"
  }

  private var style: String {
    """

    :root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de; --panel: #f6f8fa;
      --pass: #116329; --pass-ground: #dafbe1; --fail: #a40e26; --fail-ground: #ffebe9; --none: #57606a; --none-ground: #eaeef2; }
    @media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --text: #e6edf3; --quiet: #9da7b3; --line: #30363d;
      --panel: #161b22; --pass: #7ee787; --pass-ground: #12261e; --fail: #ffa198; --fail-ground: #3c1618; --none: #9da7b3;
      --none-ground: #21262d; } }
    * { box-sizing: border-box; }
    body { margin: 0 auto; max-width: 72rem; padding: 1rem clamp(0.75rem, 3vw, 2rem) 3rem; background: var(--ground);
      color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
    h1 { font-size: 1.6rem; margin: 0.5rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; } h3 { font-size: 1rem; margin: 0; }
    p { margin: 0.25rem 0; } code, pre { font: 0.875em/1.45 ui-monospace, monospace; }
    .quiet, .why { color: var(--quiet); } .why { display: block; font-weight: normal; font-size: 0.8rem; max-width: 46ch; }
    .badge { display: inline-block; padding: 0 0.5em; border-radius: 1em; font-size: 0.8rem; font-weight: 600; white-space: nowrap; }
    .pass { color: var(--pass); background: var(--pass-ground); } .fail { color: var(--fail); background: var(--fail-ground); }
    .none { color: var(--none); background: var(--none-ground); }
    article { border: 1px solid var(--line); border-left: 4px solid var(--fail); border-radius: 6px; padding: 0.75rem; margin: 0.75rem 0; }
    .reason { font-weight: 600; }
    pre, .lines { background: var(--panel); padding: 0.5rem; border-radius: 4px; white-space: pre-wrap; }
    pre { max-height: 24rem; overflow: auto; margin: 0.5rem 0 0; } .lines { font: 0.75rem/1.4 ui-monospace, monospace; margin-top: 0.25rem; }
    .wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
    th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.6rem; border-bottom: 1px solid var(--line); font-size: 0.9rem; }
    thead th { white-space: nowrap; } h3 .quiet { font-weight: normal; }
    tbody th { font-weight: normal; min-width: 11rem; } td.words { min-width: 12rem; }
    summary { cursor: pointer; white-space: nowrap; } details { max-width: 30rem; }
    @media (max-width: 40rem) { .why { display: none; } tbody th { min-width: 6rem; } td.words { min-width: 9rem; } th, td { padding: 0.35rem 0.4rem; } }

    """
  }
}
