// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Host
package import Interface
internal import LinuxIO
package import Report

// Disks, network interfaces and parameters as gnt-instance(8) has them on its command line.

/// A disk as `--disk N:size=10G,name=…` or `--disk N:adopt=PATH` asks for it.
package struct DiskTemplate: Sendable, Equatable {
  package var index: Int
  /// In bytes; nil for a disk that is adopted, or whose size an export knows.
  package var size: UInt64?
  package var name: String?
  package var access = RequestedDisk.Access.readWrite
  /// Absolute: the device or file that is there and becomes the disk.
  package var adopted: String?

  static let most = 16

  init(index: Int) {
    self.index = index
  }

  package init(parsing text: String) throws(Failure) {
    let (index, pairs) = try numbered(text, "--disk 0:size=10G", below: Self.most)
    self.index = index
    for (name, value) in pairs {
      switch name {
      case "size":
        guard let bytes = bytes(ofSize: value, multiple: 4) else {
          throw Failure(
            .usage, "disk \(index): \(value.quoted) is not a size", remedy: "write 10G, 512M or a number of MiB")
        }
        size = bytes
      case "name": self.name = try line(value, "the name of disk \(index)")
      case "access":
        guard let known = RequestedDisk.Access(rawValue: value) else {
          throw Failure(
            .usage, "disk \(index): \(value.quoted) is not an access", remedy: "write access=rw or access=ro")
        }
        access = known
      case "adopt":
        adopted = absolute(try line(value, "the path of disk \(index)"))
      default: throw unknown(name, "disk \(index)", ["size", "name", "access", "adopt"])
      }
    }
    if adopted != nil && size != nil {
      throw Failure(
        .usage, "disk \(index): a disk that is adopted has its size already", remedy: "give size or adopt, not both")
    }
  }
}

/// A network interface as `--net N:ip=…,mac=…` asks for it.
package struct NICTemplate: Sendable, Equatable {
  package var index: Int
  /// Nil for one that is made up.
  package var mac: String?
  package var ip: String?
  package var mode: String?
  package var link: String?
  package var network: String?
  package var name: String?

  static let most = 8

  package init(index: Int) {
    self.index = index
  }

  package init(parsing text: String) throws(Failure) {
    let (index, pairs) = try numbered(text, "--net 0:mac=auto", below: Self.most)
    self.index = index
    for (name, value) in pairs {
      let value = try line(value, "\(name) of NIC \(index)")
      switch name {
      case "mac": mac = value == "auto" || value == "generate" ? nil : try Self.mac(value, index)
      case "ip":
        guard isAddress(value) || value == "none" else {
          throw Failure(.usage, "NIC \(index): \(value.quoted) is not an IP address")
        }
        ip = value == "none" ? nil : value
      case "mode":
        guard ["bridged", "routed", "openvswitch", "ext"].contains(value) else {
          throw Failure(
            .usage, "NIC \(index): \(value.quoted) is not a mode", remedy: "write bridged, routed, openvswitch or ext")
        }
        mode = value
      case "link": link = value
      case "network": network = value == "none" ? nil : value
      case "name": self.name = value
      default: throw unknown(name, "NIC \(index)", ["mac", "ip", "mode", "link", "network", "name"])
      }
    }
  }

  static func mac(_ text: String, _ index: Int) throws(Failure) -> String {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let isGood = parts.count == 6 && parts.allSatisfy { $0.utf8.count == 2 && UInt8($0, radix: 16) != nil }
    guard isGood, let first = UInt8(parts[0], radix: 16), first & 1 == 0 else {
      throw Failure(
        .usage, "NIC \(index): \(text.quoted) is not the MAC of an interface", remedy: "write aa:00:00:12:34:56 or auto"
      )
    }
    return text.lowercased()
  }
}

/// What an instance has more than one value of: parameters of the OS, of the back end, of the hypervisor.
package enum Assignments {
  /// `name=value,name=value`; a comma in a value is written `\,`.
  package static func parse(_ text: String, of option: String) throws(Failure) -> [String: String] {
    var values: [String: String] = [:]
    for (name, value) in try pairs(text, option) {
      guard values.updateValue(try keepable(value, "\(option) \(name)"), forKey: name) == nil else {
        throw Failure(.usage, "\(option) has \(name.quoted) twice")
      }
    }
    return values
  }

  /// `HYPERVISOR`, `HYPERVISOR:name=value,…` or `name=value,…`.
  package static func hypervisor(
    _ text: String
  ) throws(Failure) -> (name: String?, parameters: [String: String]) {
    let head = text.prefix { $0 != "=" }
    guard let colon = head.firstIndex(of: ":") else {
      return text.contains("=") ? (nil, try parse(text, of: "-H")) : (try hypervisorName(text), [:])
    }
    return (try hypervisorName(String(text[..<colon])), try parse(String(text[text.index(after: colon)...]), of: "-H"))
  }

  private static func hypervisorName(_ text: String) throws(Failure) -> String {
    guard ["kvm", "xen-pvm", "xen-hvm", "lxc", "chroot", "fake"].contains(text) else {
      throw Failure(
        .usage, "\(text.quoted) is not a hypervisor", remedy: "write kvm, xen-pvm, xen-hvm, lxc, chroot or fake")
    }
    return text
  }

  /// Parameters of the OS out of a file with the sections public, private and secret: they do not stand in the
  /// command line, where every user of the machine can read them.
  package static func parameters(reading path: String) throws(Failure) -> [String: Instance.Parameter] {
    let file = try INI(reading: absolute(path))
    var parameters: [String: Instance.Parameter] = [:]
    for section in file.sections {
      guard let visibility = Instance.Parameter.Visibility(rawValue: section.name) else {
        throw Failure(
          .invalid, "\(file.place(section.line)): the section [\(section.name.escaped)] is not known",
          remedy: "use [public], [private] and [secret]")
      }
      for entry in section.entries {
        guard parameters.updateValue(.init(entry.value, visibility), forKey: entry.name) == nil else {
          throw Failure(.invalid, "\(file.place(entry.line)): \(entry.name.quoted) is given in two sections")
        }
      }
    }
    return parameters
  }
}

private func numbered(
  _ text: String, _ example: String, below most: Int
) throws(Failure) -> (Int, [(String, String)]) {
  let option = String(example.prefix { $0 != " " })
  let head = text.prefix { $0 != ":" }
  guard let index = Int(head), head.allSatisfy(\.isNumber) else {
    throw Failure(.usage, "\(text.quoted) does not begin with a number and a colon", remedy: "write \(example)")
  }
  guard index < most else { throw Failure(.usage, "\(option) \(index): an instance has \(most) of them at most") }
  let pairs = try pairs(String(text.dropFirst(head.count + 1)), "\(option) \(index)")
  for (place, pair) in pairs.enumerated() where pairs[..<place].contains(where: { $0.0 == pair.0 }) {
    throw Failure(.usage, "\(option) \(index) has \(pair.0.quoted) twice")
  }
  return (index, pairs)
}

private func pairs(_ text: String, _ option: String) throws(Failure) -> [(String, String)] {
  var parts: [String] = [""]
  var isEscaped = false
  for scalar in text.unicodeScalars {
    if isEscaped {
      parts[parts.count - 1].unicodeScalars.append(
        contentsOf: scalar == "," || scalar == "\\" ? [scalar] : ["\\", scalar])
      isEscaped = false
    } else if scalar == "\\" {
      isEscaped = true
    } else if scalar == "," {
      parts.append("")
    } else {
      parts[parts.count - 1].unicodeScalars.append(scalar)
    }
  }
  if isEscaped { parts[parts.count - 1] += "\\" }
  var pairs: [(String, String)] = []
  for part in parts where !part.isEmpty {
    guard let equals = part.firstIndex(of: "="), equals != part.startIndex else {
      // What stands there may be a secret.
      throw Failure(.usage, "\(option): one of the parts between commas is not name=value")
    }
    pairs.append((String(part[..<equals]), String(part[part.index(after: equals)...])))
  }
  return pairs
}

/// A value that can be kept in the description of an instance.
private func keepable(_ value: String, _ what: String) throws(Failure) -> String {
  if let fault = INI.fault(inValue: value) { throw Failure(.invalid, "the value of \(what.escaped) \(fault)") }
  return value
}

/// One that is a line, and not empty.
func line(_ value: String, _ what: String) throws(Failure) -> String {
  guard !value.isEmpty, !value.contains("\n") else {
    throw Failure(.invalid, "the value of \(what.escaped) is \(value.isEmpty ? "empty" : "more than one line")")
  }
  return try keepable(value, what)
}

private func unknown(_ name: String, _ what: String, _ known: [String]) -> Failure {
  Failure(.usage, "\(what) has no \(name.quoted)", remedy: "it may have: \(known.joined(separator: ", "))")
}

private func isAddress(_ text: String) -> Bool {
  var bytes = [UInt8](repeating: 0, count: 16)
  return inet_pton(AF_INET, text, &bytes) == 1 || inet_pton(AF_INET6, text, &bytes) == 1
}
