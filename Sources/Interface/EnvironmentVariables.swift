// SPDX-License-Identifier: Apache-2.0
internal import Report

/// Variables as a host sets them, read with the shape that each has to have. A fault names the variable and its value.
struct EnvironmentVariables: Sendable {
  private let variables: [String: String]

  init(_ variables: [String: String]) {
    self.variables = variables
  }

  /// Nil where it is not set, or empty.
  subscript(name: String) -> String? {
    variables[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Those whose names begin so, by the rest of their names.
  func all(beginningWith start: String) -> [String: String] {
    var found: [String: String] = [:]
    for (name, value) in variables where name.hasPrefix(start) && name != start {
      found[String(name.dropFirst(start.count))] = value
    }
    return found
  }

  func required(_ name: String) throws(Failure) -> String {
    guard let value = self[name] else {
      throw Failure(
        .invalid, "\(name) is \(variables[name] == nil ? "not in the environment" : "empty")", remedy: Self.remedy)
    }
    return value
  }

  func number(_ name: String, in range: ClosedRange<Int>) throws(Failure) -> Int? {
    self[name] == nil ? nil : try requiredNumber(name, in: range)
  }

  func requiredNumber(_ name: String, in range: ClosedRange<Int>) throws(Failure) -> Int {
    let value = try required(name)
    guard value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(value), range.contains(number) else {
      throw fault(name, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func path(_ name: String) throws(Failure) -> String? {
    guard let value = self[name] else { return nil }
    guard value.hasPrefix("/"), !value.contains("\0") else { throw fault(name, "an absolute path") }
    return value
  }

  func name(_ name: String) throws(Failure) -> InstanceName {
    do throws(Failure) {
      return try InstanceName(passed: required(name))
    } catch {
      guard self[name] != nil else { throw error }
      throw Failure(.invalid, "\(name): \(error.message)", remedy: error.remedy)
    }
  }

  /// An IPv4 or IPv6 address by its letters: what it is used for looks closer.
  func address(_ name: String) throws(Failure) -> String? {
    guard let value = self[name] else { return nil }
    guard Self.isAddress(value) else { throw fault(name, "an IP address") }
    return value
  }

  /// `ADDRESS/PREFIX`
  func subnet(_ name: String) throws(Failure) -> RequestedNIC.Subnet? {
    guard let value = self[name] else { return nil }
    let parts = value.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, Self.isAddress(parts[0]), let prefix = Int(parts[1]),
      (0...(parts[0].contains(":") ? 128 : 32)).contains(prefix)
    else { throw fault(name, "a network such as 192.0.2.0/24") }
    return RequestedNIC.Subnet(address: String(parts[0]), prefix: prefix)
  }

  /// Says of a variable that is set what it must be.
  func fault(_ name: String, _ rule: String) -> Failure {
    let value = String((variables[name] ?? "").prefix(200))
    return Failure(.invalid, "\(name) is \(value.quoted), must be \(rule)", remedy: Self.remedy)
  }

  private static let remedy = "call the script as a host of the interface does: ganeti-os-interface(7)"

  private static func isAddress(_ text: some StringProtocol) -> Bool {
    let isIPv6 = text.contains(":")
    return text.utf8.count >= 2 && (isIPv6 || text.contains("."))
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, UInt8(ascii: "."): true
        case UInt8(ascii: ":"), 0x41...0x46, 0x61...0x66: isIPv6
        default: false
        }
      }
  }
}
