// SPDX-License-Identifier: Apache-2.0
internal import Report

extension NetworkRenderer {
  /// A file of ours in which interfaces go by other MAC addresses than they have now.
  struct Rematched {
    let path: ByteString
    let found: [UInt8]
    let changed: [UInt8]
  }

  /// The files of ours with the MAC addresses that the interfaces have here; all else in them stays, whoever wrote it. Those that the
  /// host does not tell stay as well.
  static func rematching(_ network: GuestNetwork, in guest: some GuestFiles) throws(Failure) -> [Rematched] {
    var changes: [Rematched] = []
    for place in ownPlaces where place.renderer != .networkd {
      for path in try place.files(of: guest) {
        guard let found = try guest.read(path), let text = String(validating: found, as: UTF8.self) else { continue }
        let changed = Array(rematching(text, to: network).utf8)
        if changed != found { changes.append(Rematched(path: path, found: found, changed: changed)) }
      }
    }
    return changes
  }

  /// - Parameter text: of any of the forms that have MAC addresses. Each names the interface in the object or the line of its address,
  ///   or in one before it: `"00-guestsmith0"`, `id=guestsmith-0`, `NAME="nic0"`, `"eth0"`.
  private static func rematching(_ text: String, to network: GuestNetwork) -> String {
    var parts = text.splitKeeping { $0.isNewline || $0 == "{" }
    var (uuids, olds): ([String: String], [Int: String]) = ([:], [:])
    var last: Int?
    for number in parts.indices {
      last = index(namedIn: parts[number]) ?? last
      guard let last, let old = macAddress(in: parts[number]),
        case .mac(let new)? = network.interfaces.first(where: { $0.index == last })?.match,
        // What the administrator has added may have addresses of others.
        old.lowercased() == olds[last, default: old.lowercased()], old.lowercased() != new
      else { continue }
      olds[last] = old.lowercased()
      // As Red Hat writes it.
      parts[number] = parts[number].replacing(
        old, with: parts[number].hasPrefix("HWADDR=") ? new.uppercased() : new)
      uuids[ConnectionFiles.uuid(of: .mac(old.lowercased())).description] =
        ConnectionFiles.uuid(of: .mac(new)).description
    }
    for number in parts.indices where parts[number].hasPrefix("uuid=") {
      let old = parts[number].dropFirst(5).prefix { $0.isHexDigit || $0 == "-" }
      if let new = uuids[String(old)] { parts[number] = parts[number].replacing(old, with: new) }
    }
    return parts.joined()
  }

  private static func index(namedIn part: String) -> Int? {
    for name in ["guestsmith-", "guestsmith", "nic", "eth"] {
      for range in part.ranges(of: name) {
        let digits = part[range.upperBound...].prefix { $0.isASCII && $0.isNumber }
        if let index = Int(digits) { return index }
      }
    }
    return nil
  }

  /// Six numbers of two digits, which no word goes on with: an address of IPv6 may have such a part.
  private static func macAddress(in part: String) -> String? {
    part.split { !$0.isHexDigit && $0 != ":" }.map(String.init).first { word in
      let numbers = word.split(separator: ":", omittingEmptySubsequences: false)
      return numbers.count == 6 && numbers.allSatisfy { $0.count == 2 }
    }
  }
}

extension String {
  /// Its pieces, each with the character that ends it.
  fileprivate func splitKeeping(_ isEnd: (Character) -> Bool) -> [String] {
    var pieces: [String] = []
    var start = startIndex
    while let end = self[start...].firstIndex(where: isEnd) {
      let next = index(after: end)
      pieces.append(String(self[start..<next]))
      start = next
    }
    return pieces + [String(self[start...])]
  }
}
