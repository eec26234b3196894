// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Host
package import Interface
internal import Report

/// What somebody wants a new instance to be.
package struct InstanceRequest: Sendable {
  package var name: InstanceName
  /// `NAME` or `NAME+VARIANT`; nil for the one that an export names.
  package var os: String?
  package var disks: [DiskTemplate] = []
  /// Nil for what an export has, else for one with a MAC of its own; empty for none.
  package var nics: [NICTemplate]?
  package var parameters: [String: Instance.Parameter] = [:]
  package var backend: [String: String] = [:]
  package var hypervisor: String?
  package var hypervisorParameters: [String: String] = [:]
  /// Whether the OS is installed.
  package var installs = true
  /// Whether disks that are adopted may be overwritten.
  package var force = false

  package init(name: InstanceName, os: String? = nil) {
    self.name = name
    self.os = os
  }
}

extension InstanceRequest {
  /// The disks in their order: each number once, from 0 on.
  func orderedDisks() throws(Failure) -> [DiskTemplate] {
    try checkNumbers(disks.map(\.index), "--disk")
    guard !disks.isEmpty else {
      throw Failure(.usage, "an instance needs a disk", remedy: "give one: --disk 0:size=10G")
    }
    let ordered = disks.sorted { $0.index < $1.index }
    for disk in ordered where disk.size == nil && disk.adopted == nil {
      throw Failure(
        .usage, "disk \(disk.index) has no size", remedy: "give one: --disk \(disk.index):size=10G, or adopt=PATH")
    }
    return ordered
  }

  func orderedNICs() throws(Failure) -> [NICTemplate] {
    let nics = nics ?? [NICTemplate(index: 0)]
    try checkNumbers(nics.map(\.index), "--net")
    return nics.sorted { $0.index < $1.index }
  }

  private func checkNumbers(_ numbers: [Int], _ option: String) throws(Failure) {
    for (expected, number) in numbers.sorted().enumerated() where number != expected {
      throw Failure(
        .usage,
        number < expected
          ? "\(option) \(number) is given twice" : "\(option) \(expected) is missing, and \(number) is there",
        remedy: "number them from 0 on")
    }
  }

  /// The parameters of the back end with those that are not given, sizes in MiB.
  func fullBackend() throws(Failure) -> [String: String] {
    var full = ["vcpus": "1", "auto_balance": "True", "always_failover": "False", "spindle_use": "1"]
    let sizes = ["memory", "maxmem", "minmem"]
    for (name, value) in backend {
      guard full[name] != nil || sizes.contains(name) else {
        throw Failure(
          .usage, "the back end has no parameter \(name.quoted)",
          remedy: "it has: \((sizes + full.keys.sorted()).joined(separator: ", "))")
      }
      if sizes.contains(name) {
        guard let size = bytes(ofSize: value) else {
          throw Failure(
            .usage, "-B \(name): \(value.quoted) is not a size", remedy: "write 512M, 2G or a number of MiB")
        }
        full[name] = String(size >> 20)
      } else if ["vcpus", "spindle_use"].contains(name) {
        guard let number = Int(value), (1...1024).contains(number) else {
          throw Failure(.usage, "-B \(name): \(value.quoted) is not a number from 1 to 1024")
        }
        full[name] = String(number)
      } else {
        guard let truth = ["true": "True", "yes": "True", "false": "False", "no": "False"][value.lowercased()] else {
          throw Failure(.usage, "-B \(name): \(value.quoted) is neither true nor false")
        }
        full[name] = truth
      }
    }
    let most = full["maxmem"] ?? full["memory"] ?? full["minmem"] ?? "512"
    full["maxmem"] = most
    full["minmem"] = full["minmem"] ?? most
    full["memory"] = most
    guard let least = full["minmem"].flatMap({ Int($0) }), let top = Int(most), least <= top else {
      throw Failure(.usage, "-B minmem is more than maxmem")
    }
    return full
  }

  func checkHypervisorParameters() throws(Failure) {
    for name in hypervisorParameters.keys.sorted() {
      let isGood =
        !name.isEmpty && name.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f }
      guard isGood else {
        throw Failure(
          .usage, "\(name.quoted) is not a parameter of a hypervisor", remedy: "use names such as kernel_path")
      }
    }
  }
}

/// A MAC below Ganeti's own prefix that is not one of `used`.
func randomMAC(besides used: Set<String>) -> String {
  while true {
    let mac = "aa:00:00:" + (0..<3).map { _ in hexadecimal(UInt8.random(in: 0...255)) }.joined(separator: ":")
    if !used.contains(mac) { return mac }
  }
}

private func hexadecimal(_ byte: UInt8) -> String {
  let digits = String(byte, radix: 16)
  return byte < 16 ? "0\(digits)" : digits
}
