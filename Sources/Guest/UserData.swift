// SPDX-License-Identifier: Apache-2.0

/// What an administrator has cloud-init do in a guest.
package enum UserData {
  /// How cloud-init tells the kinds of it (documentation of cloud-init, "User data formats").
  private static let marks = [
    "#cloud-config", "#!", "#include", "#cloud-boothook", "#part-handler", "#upstart-job", "## template: jinja",
    "Content-Type:", "MIME-Version:",
  ]
  private static let gzip: [UInt8] = [0x1F, 0x8B]

  /// What is wrong with it, as it follows "it"; nil where cloud-init reads it. Its text is not told: it may hold secrets.
  package static func fault(of bytes: [UInt8]) -> String? {
    if bytes.starts(with: gzip) { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else { return "is not UTF-8" }
    guard let mark = marks.first(where: { text.hasPrefix($0) }) else {
      return "does not begin with #cloud-config, #!, #include, Content-Type: or another word that cloud-init knows"
    }
    // A script may hold anything.
    let others = ["#cloud-config-archive", "#cloud-config-jsonp"]
    return mark == "#cloud-config" && !others.contains(where: text.hasPrefix) ? faultOfYAML(text) : nil
  }

  /// The faults of YAML that people make and that can be told without reading all of it.
  private static func faultOfYAML(_ text: String) -> String? {
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    guard lines[0].dropFirst("#cloud-config".count).allSatisfy(\.isWhitespace) else {
      return "has more than #cloud-config in its first line"
    }
    if let stranger = text.unicodeScalars.first(where: { $0.value < 0x20 && !"\t\n\r".unicodeScalars.contains($0) }) {
      return "is not YAML: it has the control character \(stranger.value) in it"
    }
    for (index, line) in lines.enumerated().dropFirst() {
      let content = line.drop { $0 == " " }
      if content.isEmpty || content.first == "#" || line == "---" { continue }
      if content.first != "\t", !isOfMapping(content) {
        return "is not a YAML mapping: line \(index + 1) does not have a key and a colon"
      }
      break
    }
    return YAMLScan(lines).fault.map { "is not YAML: \($0)" }
  }

  private static func isOfMapping(_ line: Substring) -> Bool {
    if "{?".contains(line.first ?? " ") { return true }
    return !line.hasPrefix("- ") && (line.contains(": ") || line.hasSuffix(":"))
  }
}
