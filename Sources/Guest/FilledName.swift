// SPDX-License-Identifier: Apache-2.0
internal import Report

/// A place in a file of a guest where the guest's name was filled in, or a part of it.
package struct FilledName: Sendable, Equatable {
  package enum Form: String, Sendable {
    case full = "f"
    case short = "s"
    case domain = "d"

    /// Nil for the domain of a name that has one part.
    func text(of name: GuestName) -> String? {
      switch self {
      case .full: name.full
      case .short: name.short
      case .domain: name.domain
      }
    }
  }

  /// In bytes, from the beginning of the file.
  package let offset: Int
  /// In bytes.
  package let length: Int
  package let form: Form

  var end: Int { offset + length }

  package init(offset: Int, length: Int, form: Form) {
    self.offset = offset
    self.length = length
    self.form = form
  }

  /// Nil for what `text` does not write.
  init?(parsing text: ByteString) {
    let numbers = text.bytes.dropLast().split(separator: UInt8(ascii: "+"), omittingEmptySubsequences: false)
      .map(Self.number)
    guard numbers.count == 2, let offset = numbers[0], let length = numbers[1], length > 0,
      let form = Form(rawValue: String(decoding: text.bytes.suffix(1), as: UTF8.self))
    else { return nil }
    self.init(offset: offset, length: length, form: form)
  }

  /// `120+15f`
  var text: String { "\(offset)+\(length)\(form.rawValue)" }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard (1...9).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }
}

extension [FilledName] {
  /// Whether each is behind the one before it.
  var areInOrder: Bool { zip(self, dropFirst()).allSatisfy { $0.end <= $1.offset } }

  /// Their places once the file has this name. A name of one part lacks a domain: the old one stays.
  func moved(to name: GuestName) -> [FilledName] {
    var shift = 0
    return map { place in
      let moved = FilledName(
        offset: place.offset + shift, length: place.form.text(of: name)?.utf8.count ?? place.length, form: place.form)
      shift += moved.length - place.length
      return moved
    }
  }

  func have(_ name: GuestName, in file: [UInt8]) -> Bool {
    allSatisfy { place in
      place.end <= file.count
        && place.form.text(of: name).map { file[place.offset..<place.end].elementsEqual($0.utf8) } ?? true
    }
  }

  /// The file with this name in its places, all of which it has.
  func filling(_ name: GuestName, into file: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var end = 0
    for place in self {
      result += file[end..<place.offset]
      if let text = place.form.text(of: name) { result += text.utf8 } else { result += file[place.offset..<place.end] }
      end = place.end
    }
    return result + file[end...]
  }
}
