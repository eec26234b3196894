// SPDX-License-Identifier: Apache-2.0
internal import Report

extension NetworkRenderer {
  /// The fixed addresses in the files of ours that a guest has, without their prefixes; those of routers and name servers are not among
  /// them.
  static func ownAddresses(in guest: some GuestFiles) throws(Failure) -> [String] {
    var found: [String] = []
    for place in ownPlaces where place.renderer != nil {
      for path in try place.files(of: guest) { found += addresses(inFile: try guest.readLeniently(path) ?? []) }
    }
    return try found + AlpineInterfaces.ownLines(in: guest).flatMap { addresses(of: $0) }
  }

  /// The same in one of them.
  static func addresses(inFile bytes: [UInt8]) -> [String] { TextLines(bytes).lines.flatMap { addresses(of: $0) } }

  /// What gives an interface an address, in each of the forms: `Address=`, `address1=`, `address `, `IPADDR_1=`, `IPV6ADDR=` and the
  /// items of netplan's list at the beginning of a line; `ip addr add` and cloud-init's `"address":` anywhere.
  private static func addresses(of line: [UInt8]) -> [String] {
    if TextLines.isComment(line) { return [] }
    let text = String(decoding: line, as: UTF8.self).lowercased()
    let start = text.drop { $0.isWhitespace }
    let key = start.prefix { !$0.isWhitespace && $0 != "=" }
    if ["address", "ipaddr"].contains(key.prefix { $0.isLetter }) || key.hasPrefix("ipv6addr")
      || start.hasPrefix(#"- ""#)
    {
      return addresses(in: start.dropFirst(key.count))
    }
    return [" addr add ", #""address":"#].flatMap { words in
      text.ranges(of: words).compactMap { addresses(in: text[$0.upperBound...]).first }
    }
  }

  private static func addresses(in text: Substring) -> [String] {
    TextLines.addressWords(of: Array(text.utf8)).filter { IPAddress($0) != nil }
  }
}
