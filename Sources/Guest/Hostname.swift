// SPDX-License-Identifier: Apache-2.0
import Report

/// `/etc/hostname`: the first word of the first line that is neither empty nor a comment, as systemd reads it.
enum Hostname {
  static let path: ByteString = "/etc/hostname"

  static func render(_ name: GuestName) -> String {
    name.short + "\n"
  }

  /// What the guest calls itself; nil where the file is missing or names nothing.
  static func read(from guest: some GuestFiles) throws(Failure) -> String? {
    try guest.read(path).flatMap(parse)
  }

  static func parse(_ bytes: [UInt8]) -> String? {
    place(in: TextLines(bytes))?.field.text
  }

  /// The file with another name in the same form, full or short, as far as it can be; comments and blanks around it stay.
  static func renaming(_ bytes: [UInt8], to name: GuestName) -> [UInt8] {
    var text = TextLines(bytes)
    guard let (line, field) = place(in: text) else { return Array(render(name).utf8) }
    text.lines[line].replaceSubrange(field.range, with: name.hostname(inFormOf: field.text).utf8)
    return text.bytes
  }

  private static func place(in text: TextLines) -> (line: Int, field: TextLines.Field)? {
    for (index, line) in text.lines.enumerated() {
      if let field = TextLines.fields(of: line).first { return (index, field) }
    }
    return nil
  }
}

/// `/etc/mailname`: the name that mail from this guest carries, in its full form.
enum Mailname {
  static let path: ByteString = "/etc/mailname"

  static func render(_ name: GuestName) -> String {
    name.full + "\n"
  }

  /// The file with the new name where it held the old one; a name of the administrator's own choice stays.
  static func renaming(_ bytes: [UInt8], from old: GuestName, to new: GuestName) -> [UInt8] {
    guard let found = Hostname.parse(bytes), old.matches(found) else { return bytes }
    return bytes.replacingName(found, with: new.full)
  }
}
