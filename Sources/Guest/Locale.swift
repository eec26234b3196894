// SPDX-License-Identifier: Apache-2.0
import Report

/// The time zone and the language of the guest; what is not set stays as it was installed.
package struct Locale: Sendable, Equatable {
  /// A name of the zone database: `Europe/Zurich`.
  package var timezone: String?
  /// A value for LANG: `C.UTF-8`, `de_CH.UTF-8`.
  package var language: String?

  package init(timezone: String? = nil, language: String? = nil) {
    self.timezone = timezone
    self.language = language
  }

  func apply(to guest: some GuestFiles) throws(Failure) {
    if let timezone { try setTimezone(timezone, of: guest) }
    if let language { try setLanguage(language, of: guest) }
  }

  private func setTimezone(_ zone: String, of guest: some GuestFiles) throws(Failure) {
    let file: ByteString = "/usr/share/zoneinfo/\(zone)"
    let isPath = zone.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && $0 != "." && $0 != ".."
    }
    let kind = isPath ? try guest.kind(file) : nil
    guard kind == .file || kind == .symbolicLink else {
      throw Failure(
        .guest, "the guest knows no time zone \(zone.quoted)",
        remedy: "set timezone to a name below /usr/share/zoneinfo, or add tzdata to packages")
    }
    try guest.link("/etc/localtime", to: file)
    try guest.place("/etc/timezone", zone + "\n")
  }

  private func setLanguage(_ language: String, of guest: some GuestFiles) throws(Failure) {
    let installed = try guest.list("/usr/lib/locale")
    // What is in an archive of many locales, this one among them or not, only the guest's own glibc can tell.
    let isKnown = installed.contains(ByteString(Self.folder(of: language))) || installed.contains("locale-archive")
    guard isKnown || ["C", "POSIX", "C.UTF-8"].contains(language) else {
      throw Failure(
        .guest, "the guest has no locale \(language.quoted)",
        remedy: "set locale to C.UTF-8, or add locales-all to packages")
    }
    guard try isLinked(by: guest) else { return try guest.place("/etc/default/locale", "LANG=\(language)\n") }
    try guest.place("/etc/locale.conf", "LANG=\(language)\n")
    try guest.link("/etc/default/locale", to: "../locale.conf")
  }

  /// Whether each boot of the guest makes /etc/default/locale a link to /etc/locale.conf, as Debian's systemd does since
  /// version 255 (Debian 13, Ubuntu 24.04): what was in it is lost.
  private func isLinked(by guest: some GuestFiles) throws(Failure) -> Bool {
    let rules = String(decoding: try guest.read("/usr/lib/tmpfiles.d/debian.conf") ?? [], as: UTF8.self)
    return rules.split(separator: "\n").contains { line in
      let fields = line.split(separator: " ", maxSplits: 2)
      return fields.count > 1 && fields[0].hasPrefix("L") && fields[1] == "/etc/default/locale"
    }
  }

  /// glibc's spelling of the encoding in names of folders: `de_CH.UTF-8` is in `de_CH.utf8`.
  private static func folder(of language: String) -> String {
    let parts = language.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let encoding = name.count > 1 ? "." + name[1].lowercased().filter { $0 != "-" } : ""
    return name[0] + encoding + (parts.count > 1 ? "@" + parts[1] : "")
  }
}
