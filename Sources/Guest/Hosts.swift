// SPDX-License-Identifier: Apache-2.0
import Report

/// `/etc/hosts`: the address of the guest's own name, among the lines of the administrator.
enum Hosts {
  static let path: ByteString = "/etc/hosts"
  /// In bytes, of what is read: lists of names that are not to be found may have some MiB.
  static let largest = 16 << 20

  /// Debian's address for a host without a static one: the name resolves even without a network.
  private static let ownLoopback = "127.0.1.1"

  static func render(_ name: GuestName, address: String?) -> String {
    """
    127.0.0.1\tlocalhost
    \(ownLine(name, address: address))

    ::1\t\tlocalhost ip6-localhost ip6-loopback
    ff02::1\t\tip6-allnodes
    ff02::2\t\tip6-allrouters

    """
  }

  /// The file with the new name in the lines of the old one, and with `address` in the guest's own line.
  ///
  /// The full name is replaced wherever it is a name of a line. The short one only in a line that also has the full
  /// one or is of a loopback address: `10.0.0.9 vm1.other.org vm1` speaks of another host. Comments stay, and so do the
  /// names of the loopback itself: a guest that was called `localhost` gets a line of its own.
  static func renaming(_ bytes: [UInt8], from old: GuestName, to new: GuestName, address: Readdress? = nil) -> [UInt8] {
    if isOfLoopback(old) { return ensuring(bytes, new, address: address?.new) }
    var text = TextLines(bytes)
    for index in text.lines.indices {
      text.lines[index] = renaming(line: text.lines[index], from: old, to: new, address: address)
    }
    return text.bytes
  }

  /// The file with a line for the name, added where no line has it.
  static func ensuring(_ bytes: [UInt8], _ name: GuestName, address: String?) -> [UInt8] {
    var text = TextLines(bytes)
    let isThere = text.lines.contains { line in
      TextLines.fields(of: line).dropFirst().contains { $0.text.lowercased().withoutRoot == name.full }
    }
    if !isThere { text.append(ownLine(name, address: address)) }
    return text.bytes
  }

  /// The full name that the guest's own line gives to a short one, where it does.
  static func fullName(of short: String, in bytes: [UInt8]) -> String? {
    let short = short.lowercased()
    for line in TextLines(bytes).lines {
      let fields = TextLines.fields(of: line).map { $0.text.lowercased().withoutRoot }
      guard let address = fields.first, isLoopback(address) || fields.dropFirst().contains(short) else { continue }
      if let full = fields.dropFirst().first(where: { $0.hasPrefix(short + ".") }) { return full }
    }
    return nil
  }

  /// A static address that changes: `old` is empty where the guest had none, and has several where it is not known which of them the name
  /// has; nothing is `new` where it has none.
  struct Readdress {
    var old: [String]
    var new: String?
  }

  private static func ownLine(_ name: GuestName, address: String?) -> String {
    "\(address ?? ownLoopback)\t\(name.forms.joined(separator: " "))"
  }

  private static func isLoopback(_ address: String) -> Bool {
    address.hasPrefix("127.") || address == "::1"
  }

  /// Whether it is a name of every machine: `localhost`, `localhost.localdomain`, `ip6-loopback`.
  static func isOfLoopback(_ name: GuestName) -> Bool {
    [
      "localhost", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix",
      "ip6-allnodes", "ip6-allrouters", "ip6-allhosts",
    ].contains(name.short)
  }

  private static func renaming(
    line: [UInt8], from old: GuestName, to new: GuestName, address: Readdress?
  ) -> [UInt8] {
    let fields = TextLines.fields(of: line)
    guard let first = fields.first else { return line }
    let names = fields.dropFirst()
    let hasFull = names.contains { $0.text.lowercased().withoutRoot == old.full }
    let isOurs = hasFull || (isLoopback(first.text) && names.contains { $0.text.lowercased().withoutRoot == old.short })
    guard isOurs else { return line }

    var written: Set<String> = []
    var result = line
    // From the last word to the first, so that the places of the others hold.
    var replacements: [(Range<Int>, String)] = []
    for name in names {
      let text = name.text.lowercased().withoutRoot
      let root = name.text.hasSuffix(".") ? "." : ""
      let form =
        if text == old.full && old.full == old.short {
          new.forms.map { $0 + root }.joined(separator: " ")
        } else if text == old.full {
          new.full + root
        } else if text == old.short {
          new.short + root
        } else {
          name.text
        }
      // A name that would stand twice in the line goes, with the blank before it.
      if written.insert(form).inserted {
        replacements.append((name.range, form))
      } else {
        let before = fields.last { $0.range.upperBound <= name.range.lowerBound }
        replacements.append(((before?.range.upperBound ?? name.range.lowerBound)..<name.range.upperBound, ""))
      }
    }
    for (range, form) in replacements.reversed() { result.replaceSubrange(range, with: form.utf8) }
    if let address, address.old.contains(first.text) || first.text == ownLoopback {
      result.replaceSubrange(first.range, with: (address.new ?? ownLoopback).utf8)
    }
    return result
  }
}
