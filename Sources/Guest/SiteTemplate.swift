// SPDX-License-Identifier: Apache-2.0
package import Report

/// A text in which words between `{{` and `}}` stand for what a guest is called and reached by. The words are a closed list, and
/// nothing is evaluated.
package struct SiteTemplate: Sendable {
  package enum Word: String, Sendable, CaseIterable {
    case instance, name, fqdn, domain, address, prefix, gateway, address6, prefix6, gateway6, mac
    /// For `{{` itself.
    case braces

    /// As which form of the name it follows when the guest is renamed; nil where it does not.
    fileprivate var form: FilledName.Form? {
      switch self {
      case .instance, .fqdn: .full
      case .name: .short
      case .domain: .domain
      default: nil
      }
    }
  }

  private enum Part: Sendable {
    case text([UInt8])
    case word(Word, line: Int)
  }

  private let file: String
  private var parts: [Part] = []

  /// - Parameter file: what it is called in a message.
  /// - Throws: `.invalid` for a word that is not one of the list.
  package init(_ bytes: [UInt8], file: String) throws(Failure) {
    self.file = file
    var rest = bytes[...]
    var line = 1
    func count(_ text: ArraySlice<UInt8>) { line += text.count { $0 == UInt8(ascii: "\n") } }
    while let start = rest.firstRange(of: "{{".utf8)?.lowerBound {
      let text = rest[..<start]
      count(text)
      let inside = rest[(start + 2)...].prefix { $0 != UInt8(ascii: "\n") }
      guard let end = inside.firstRange(of: "}}".utf8) else {
        throw Failure(
          .invalid, "\(file), line \(line): {{ is not followed by }} on its line",
          remedy: "write {{ braces }} for two braces that stand for themselves")
      }
      let name = String(decoding: inside[..<end.lowerBound], as: UTF8.self)
      let word = name.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }
      guard let known = Word(rawValue: String(word)),
        name.drop(while: \.isWhitespace).dropFirst(word.count).allSatisfy(\.isWhitespace)
      else {
        throw Failure(
          .invalid, "\(file), line \(line): {{\(String(name.prefix(80)).escaped)}} is not known",
          remedy: "the words are \(Word.allCases.map(\.rawValue).joined(separator: ", ")); braces stands for {{")
      }
      parts += [.text(Array(text)), .word(known, line: line)]
      rest = rest[end.upperBound...]
    }
    parts.append(.text(Array(rest)))
  }

  /// Whether the name of the guest is in it, or a part of it.
  package var isNaming: Bool {
    parts.contains { if case .word(let word, _) = $0 { word.form != nil } else { false } }
  }

  /// The text of one guest.
  package struct Filled: Sendable, Equatable {
    package fileprivate(set) var bytes: [UInt8] = []
    /// Where the guest's name is in it by a word of the template.
    package fileprivate(set) var names: [FilledName] = []
  }

  /// - Throws: `.invalid` where the guest lacks what a word stands for.
  package func filled(for name: GuestName, _ network: GuestNetwork) throws(Failure) -> Filled {
    var filled = Filled()
    for part in parts {
      switch part {
      case .text(let text): filled.bytes += text
      case .word(let word, let line):
        guard let value = Self.value(of: word, name, network) else {
          throw Failure(
            .invalid, "\(file), line \(line): {{ \(word.rawValue) }} is not known of \(name.full): \(Self.lack(word))",
            remedy: "give the guest one, or take the word out of the file")
        }
        if let form = word.form {
          filled.names.append(FilledName(offset: filled.bytes.count, length: value.utf8.count, form: form))
        }
        filled.bytes += value.utf8
      }
    }
    return filled
  }

  private static func value(of word: Word, _ name: GuestName, _ network: GuestNetwork) -> String? {
    func address(_ family: GuestNetwork.Family) -> Network.StaticAddress? {
      network.fixedAddresses.first { $0.address.contains(":") == (family == .ipv6) }
    }
    func gateway(_ family: GuestNetwork.Family) -> String? {
      network.interfaces.flatMap(\.routes).first { $0.destination == nil && $0.family == family }?.gateway
    }
    switch word {
    case .instance, .fqdn: return name.full
    case .name: return name.short
    case .domain: return name.domain
    case .address: return address(.ipv4)?.address
    case .prefix: return address(.ipv4).map { "\($0.prefix)" }
    case .gateway: return gateway(.ipv4)
    case .address6: return address(.ipv6)?.address
    case .prefix6: return address(.ipv6).map { "\($0.prefix)" }
    case .gateway6: return gateway(.ipv6)
    case .mac:
      for interface in network.interfaces { if case .mac(let mac) = interface.match { return mac } }
      return nil
    case .braces: return "{{"
    }
  }

  /// Why a guest lacks the value of a word.
  private static func lack(_ word: Word) -> String {
    switch word {
    case .domain: "its name has one part"
    case .address, .prefix: "it lacks a fixed IPv4 address"
    case .address6, .prefix6: "it lacks a fixed IPv6 address"
    case .gateway, .gateway6: "no default route of that family is configured"
    case .mac: "the host does not tell it"
    case .instance, .name, .fqdn, .braces: "it has none"
    }
  }
}
