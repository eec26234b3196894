// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO

/// The pins of this machine (apt_preferences(5)) that can concern a guest.
enum AptPreferences {
  /// - Parameter hosts: those of the guest's sources: a pin on another host says nothing about them. Nil: they are not known.
  static func text(_ configuration: AptConfiguration, hosts: Set<String>?) -> String {
    let main = configuration.path("Dir::Etc::preferences").map { [$0] } ?? []
    let files = main + configuration.files(in: "Dir::Etc::preferencesparts", endings: ["", ".pref"])
    return files.compactMap { fileText($0) }.flatMap(stanzas)
      .filter { stanza in
        guard let hosts, let host = pinnedHost(in: stanza) else { return true }
        return hosts.contains(host)
      }.joined(separator: "\n")
  }

  /// Each with its last newline.
  private static func stanzas(_ text: String) -> [String] {
    var stanzas: [String] = []
    var stanza = ""
    for line in (text + "\n").split(separator: "\n", omittingEmptySubsequences: false) {
      if !line.allSatisfy(\.isWhitespace) {
        // A comment says nothing to apt.
        if line.first != "#" { stanza += line + "\n" }
      } else if !stanza.isEmpty {
        stanzas.append(stanza)
        stanza = ""
      }
    }
    return stanzas
  }

  /// The host in `Pin: origin "HOST"`; nil for any other pin, and for a pattern.
  private static func pinnedHost(in stanza: String) -> String? {
    for line in stanza.split(separator: "\n") where line.lowercased().hasPrefix("pin:") {
      let words = line.dropFirst(4).split(whereSeparator: \.isWhitespace)
      guard words.count == 2, words[0].lowercased() == "origin" else { return nil }
      let host = words[1].filter { $0 != "\"" }
      return host.isEmpty || host.contains { "*?[/".contains($0) } ? nil : host.lowercased()
    }
    return nil
  }
}
