// SPDX-License-Identifier: Apache-2.0
package import Report

/// What a site puts into a guest whose cloud-init is told who it is: the files, as a part of `SeedScript`. They are not told by the
/// modules of cloud-init for that (write_files, runcmd): user data with a list of the same name would take their place.
package struct SeedSite: Sendable, Equatable {
  package struct Entry: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
      case folder
      case file([UInt8])
      case link(to: ByteString)
      /// Another name of a file that comes before.
      case name(of: ByteString)
    }

    package var path: ByteString
    package var kind: Kind
    package var mode: UInt16
    package var uid: UInt32
    package var gid: UInt32
    /// When it was changed, in seconds from 1970.
    package var seconds: Int64

    package init(
      _ path: ByteString, _ kind: Kind, mode: UInt16, uid: UInt32 = 0, gid: UInt32 = 0, seconds: Int64 = 0
    ) {
      self.path = path
      self.kind = kind
      self.mode = mode
      self.uid = uid
      self.gid = gid
      self.seconds = seconds
    }

    /// Why no seed carries it, as it follows its path; nil where one does.
    package var fault: String? {
      var texts = [path]
      if case .link(let target) = kind { texts.append(target) }
      // What YAML takes for the end of a line is one of them.
      let isFit = texts.allSatisfy { text in
        String(validating: text.bytes, as: UTF8.self)?.unicodeScalars.allSatisfy {
          $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && $0 != "\u{2028}" && $0 != "\u{2029}"
        } == true
      }
      return isFit ? nil : "has a name, or leads to one, with bytes that are not text"
    }
  }

  /// Folders before what is in them.
  package var entries: [Entry]
  /// Whether scripts of the first boot are among them.
  package var runsScripts: Bool
  /// Those of the entries that have the name of the guest in them.
  package var templates: TemplateRecord

  package init(_ entries: [Entry], runsScripts: Bool, templates: TemplateRecord) {
    self.entries = entries
    self.runsScripts = runsScripts
    self.templates = templates
  }

  /// What it takes of a seed, in bytes.
  package var size: UInt64 { UInt64(commands(for: GuestName("")).utf8.count) }

  /// Puts all in its place by the functions of `SeedScript`.
  ///
  /// - Parameter name: for which the templates were filled in.
  func commands(for name: GuestName) -> String {
    var texts: [Entry] = []
    func add(_ path: ByteString, _ text: String, mode: UInt16) {
      texts.append(Entry(path, .file(Array(text.utf8)), mode: mode))
    }
    if runsScripts { add(FirstBootScripts.runnerPath, FirstBootScripts.runner, mode: 0o700) }
    if !templates.entries.isEmpty {
      texts.append(Entry(TemplateRecord.path, .file(templates.render()), mode: 0o600))
      add(SeedScript.namePath, "\(name.full)\n", mode: 0o600)
    }
    // Of the guest that an image was made of.
    let left = templates.entries.isEmpty ? "rm -f \(TemplateRecord.path) \(SeedScript.namePath)\n" : ""
    let before = runsScripts ? "rm -rf \(FirstBootScripts.folder)\nmkdir -m 700 \(FirstBootScripts.folder)\n" : ""
    return left + before + (entries + texts).map(Self.command).joined() + (runsScripts ? Self.enabling : "")
  }

  /// As `FirstBootScripts.enable` does it in a guest whose files can be edited.
  private static var enabling: String {
    let folder = "/etc/systemd/system/multi-user.target.wants"
    let unit = Entry(FirstBootScripts.unitPath, .file(Array(FirstBootScripts.unit.utf8)), mode: 0o644)
    let local = Entry(FirstBootScripts.localPath, .file(Array(FirstBootScripts.local.utf8)), mode: 0o755)
    return """
      if [ -d /run/systemd/system ]; then
      mkdir -p \(folder)
      \(command(unit))ln -sf \(FirstBootScripts.unitPath) \(folder)/\(FirstBootScripts.unitName)
      systemctl daemon-reload
      elif [ -e /etc/init.d/local ]; then
      \(command(local))ln -sf /etc/init.d/local /etc/runlevels/default/local
      fi

      """
  }

  private static func command(_ entry: Entry) -> String {
    let path = quoted(entry.path)
    let owner = "\(entry.uid):\(entry.gid)"
    let mode = String(entry.mode, radix: 8)
    switch entry.kind {
    case .folder: return "folder \(path) \(mode) \(owner)\n"
    case .link(let target): return "link \(path) \(quoted(target)) \(owner)\n"
    case .name(let first): return "name \(path) \(quoted(first))\n"
    case .file(let bytes):
      return "file \(path) \(mode) \(owner) \(entry.seconds) <<'end'\n\(bytes.inBase64)end\n"
    }
  }

  /// For a shell, whatever is in it.
  private static func quoted(_ text: ByteString) -> String {
    "'\(String(decoding: text.bytes, as: UTF8.self).replacing("'", with: #"'\''"#))'"
  }
}

extension [UInt8] {
  /// In lines of 76 characters (RFC 2045).
  fileprivate var inBase64: String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(count / 3 * 4 + count / 57 + 8)
    for start in stride(from: 0, to: count, by: 3) {
      let part = self[start..<Swift.min(start + 3, count)]
      let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
      for place in 0..<4 {
        text.append(place <= part.count ? digits[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
      }
      if start % 57 == 54 { text.append(UInt8(ascii: "\n")) }
    }
    if text.last.map({ $0 != UInt8(ascii: "\n") }) == true { text.append(UInt8(ascii: "\n")) }
    return String(decoding: text, as: UTF8.self)
  }
}
