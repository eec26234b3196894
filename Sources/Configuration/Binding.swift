// SPDX-License-Identifier: Apache-2.0
internal import Interface

/// How a key's value gets in and out of a configuration.
struct Binding: Sendable {
  /// What a value of this key looks like; a parameter, which is text, is read as this.
  enum Shape: Sendable {
    case text, integer, decimal, flag
    /// A list whose parts hold no blank: a parameter separates them by blanks or commas.
    case words
    /// A list of lines: a parameter separates them by semicolons.
    case lines
  }

  let shape: Shape
  /// Nil where the key is not set.
  let get: @Sendable (Configuration) -> Value?
  /// Returns whether the value is one that the key can have.
  let set: @Sendable (inout Configuration, Value) -> Bool

  typealias Path<T> = any WritableKeyPath<Configuration, T> & Sendable

  static func text(_ path: Path<String>, _ isRight: @escaping @Sendable (String) -> Bool) -> Binding {
    Binding(
      shape: .text, get: { .text($0[keyPath: path]) },
      set: { configuration, value in
        guard case .text(let text) = value, isRight(text) else { return false }
        configuration[keyPath: path] = text
        return true
      })
  }

  /// A text that may be unset, which `""` does.
  static func text(_ path: Path<String?>, _ isRight: @escaping @Sendable (String) -> Bool) -> Binding {
    Binding(
      shape: .text, get: { $0[keyPath: path].map { .text($0) } },
      set: { configuration, value in
        guard case .text(let text) = value, text.isEmpty || isRight(text) else { return false }
        configuration[keyPath: path] = text.isEmpty ? nil : text
        return true
      })
  }

  static func choice<T: RawRepresentable & CaseIterable & Sendable>(_ path: Path<T>) -> Binding
  where T.RawValue == String {
    Binding(
      shape: .text, get: { .text($0[keyPath: path].rawValue) },
      set: { configuration, value in
        guard case .text(let text) = value, let choice = T(rawValue: text) else { return false }
        configuration[keyPath: path] = choice
        return true
      })
  }

  /// A choice that may be unset, which `""` does.
  static func choice<T: RawRepresentable & CaseIterable & Sendable>(_ path: Path<T?>) -> Binding
  where T.RawValue == String {
    Binding(
      shape: .text, get: { $0[keyPath: path].map { .text($0.rawValue) } },
      set: { configuration, value in
        guard case .text(let text) = value else { return false }
        let choice = T(rawValue: text)
        guard text.isEmpty || choice != nil else { return false }
        configuration[keyPath: path] = choice
        return true
      })
  }

  static func integer(_ path: Path<Int>, _ isRight: @escaping @Sendable (Int) -> Bool) -> Binding {
    Binding(
      shape: .integer, get: { .integer($0[keyPath: path]) },
      set: { configuration, value in
        guard case .integer(let integer) = value, isRight(integer) else { return false }
        configuration[keyPath: path] = integer
        return true
      })
  }

  static func integer(_ path: Path<Int?>, _ isRight: @escaping @Sendable (Int) -> Bool) -> Binding {
    Binding(
      shape: .integer, get: { $0[keyPath: path].map { .integer($0) } },
      set: { configuration, value in
        guard case .integer(let integer) = value, isRight(integer) else { return false }
        configuration[keyPath: path] = integer
        return true
      })
  }

  static func decimal(_ path: Path<Double>, in range: ClosedRange<Double>) -> Binding {
    Binding(
      shape: .decimal, get: { .decimal($0[keyPath: path]) },
      set: { configuration, value in
        let decimal: Double
        switch value {
        case .decimal(let number): decimal = number
        case .integer(let number): decimal = Double(number)
        default: return false
        }
        guard range.contains(decimal) else { return false }
        configuration[keyPath: path] = decimal
        return true
      })
  }

  /// Truth that may be unset.
  static func flag(_ path: Path<Bool?>) -> Binding {
    Binding(
      shape: .flag, get: { $0[keyPath: path].map { .flag($0) } },
      set: { configuration, value in
        guard case .flag(let flag) = value else { return false }
        configuration[keyPath: path] = flag
        return true
      })
  }

  /// What a disk is for; `""` unsets it.
  static func role(_ path: Path<RequestedDisk.Role?>) -> Binding {
    Binding(
      shape: .text,
      get: { $0[keyPath: path].map { .text($0.text) } },
      set: { configuration, value in
        guard case .text(let text) = value else { return false }
        let role = RequestedDisk.Role(configured: text)
        guard text.isEmpty || role != nil else { return false }
        configuration[keyPath: path] = role
        return true
      })
  }

  /// A number of bytes, or a text with a unit.
  static func size(_ path: Path<UInt64>) -> Binding {
    Binding(
      shape: .text, get: { .text(Size.render($0[keyPath: path])) },
      set: { configuration, value in
        let size: UInt64?
        switch value {
        case .text(let text): size = Size.parse(text)
        case .integer(let integer): size = UInt64(exactly: integer)
        default: size = nil
        }
        guard let size else { return false }
        configuration[keyPath: path] = size
        return true
      })
  }

  static func list(
    _ path: Path<[String]>, of shape: Shape, _ isRight: @escaping @Sendable (String) -> Bool
  ) -> Binding {
    Binding(
      shape: shape, get: { .list($0[keyPath: path]) },
      set: { configuration, value in
        guard case .list(let list) = value, list.allSatisfy(isRight) else { return false }
        configuration[keyPath: path] = list
        return true
      })
  }

  /// A list of words that may be unset, which an empty one does. A text with the words that a parameter has is one, too.
  static func words(_ path: Path<[String]?>, _ isRight: @escaping @Sendable (String) -> Bool) -> Binding {
    Binding(
      shape: .words, get: { $0[keyPath: path].map { .list($0) } },
      set: { configuration, value in
        let list: [String]
        switch value {
        case .list(let words): list = words
        case .text(let text): list = Self.separated(text)
        default: return false
        }
        guard list.allSatisfy(isRight) else { return false }
        configuration[keyPath: path] = list.isEmpty ? nil : list
        return true
      })
  }

  private static func separated(_ text: String) -> [String] {
    text.split { $0 == "," || $0.isWhitespace }.map(String.init)
  }

  /// A parameter's text as a value of the shape; the text itself if it is not one.
  func value(ofParameter text: String) -> Value {
    switch shape {
    case .text: return .text(text)
    case .integer: return Int(text).map { .integer($0) } ?? .text(text)
    case .decimal: return Double(text).map { .decimal($0) } ?? .text(text)
    case .flag:
      switch text.lowercased() {
      case "true", "yes", "on", "1": return .flag(true)
      case "false", "no", "off", "0": return .flag(false)
      default: return .text(text)
      }
    case .words: return .list(Self.separated(text))
    case .lines:
      return .list(text.split { $0 == ";" || $0.isNewline }.map { String($0.drop(while: \.isWhitespace)) })
    }
  }
}
