// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Instances
internal import Interface
internal import Report

struct InstanceInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Show all that is known about an instance.",
    discussion: """
      The values of private parameters are not shown.

      Example:
        guestsmith instance info vm1.example.com
      """)

  @Argument(help: "The name of the instance.")
  var name: String

  @OptionGroup var options: StateOption

  @OptionGroup var output: OutputOptions

  func run() throws {
    options.node().recover()
    let instance = try options.state.instance(InstanceName(name))
    let listed = ListedInstance(
      name: instance.name.text, instance: instance, fault: instance.unusable(in: options.state))
    if output.json { return try writeOutput(listed.json) }
    let fault = listed.fault.map {
      ["State: broken", "  \($0.message.escaped)"] + ($0.remedy.map { ["  \($0)"] } ?? [])
    }
    try writeOutput(["Instance: \(instance.name)"] + instance.lines + (fault ?? ["State: ready"]))
  }
}

extension KeptInstance {
  /// For a reader, without its name.
  var lines: [String] {
    var lines = ["OS: \(told.osName)", "UUID: \(told.uuid)"]
    lines.append("Hypervisor: \(told.hypervisor)")
    for (title, values) in [("Back end", told.backend), ("Parameters of the hypervisor", told.hypervisorParameters)]
    where !values.isEmpty {
      lines.append(
        "\(title): " + values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", "))
    }
    for (name, parameter) in told.parameters.sorted(by: { $0.key < $1.key }) {
      lines.append("Parameter \(name): \(parameter.shown ?? "(\(parameter.visibility.rawValue))")")
    }
    for (index, disk) in told.disks.enumerated() {
      let more = [disk.name, disk.access == .readOnly ? "read-only" : nil, adopted.contains(index) ? "adopted" : nil]
      lines.append(
        "Disk \(index): \(([Words.bytes(disk.size), disk.path] + more.compactMap { $0 }).joined(separator: ", "))")
    }
    for (index, nic) in told.nics.enumerated() {
      let more = [nic.ip, nic.mode, nic.link, nic.network?.name, nic.name].compactMap { $0 }
      lines.append("NIC \(index): \(([nic.mac] + more).joined(separator: ", "))")
    }
    return lines.map(\.escaped)
  }

  var members: [JSON.Member] {
    func object(_ values: [String: String]) -> JSON {
      .object(values.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: .string($0.value)) })
    }
    let shown: [JSON.Member] = told.parameters.sorted { $0.key < $1.key }.map {
      .init(
        key: $0.key,
        value: ["value": .optional($0.value.shown), "visibility": .string($0.value.visibility.rawValue)])
    }
    return [
      .init(key: "name", value: .string(told.name.text)), .init(key: "os", value: .string(told.os)),
      .init(key: "variant", value: .optional(told.variant)), .init(key: "uuid", value: .string(told.uuid)),
      .init(key: "serial", value: .integer(serial)),
      .init(key: "created", value: .integer(told.created)), .init(key: "modified", value: .integer(told.modified)),
      .init(key: "hypervisor", value: .string(told.hypervisor)), .init(key: "backend", value: object(told.backend)),
      .init(key: "hypervisor_parameters", value: object(told.hypervisorParameters)),
      .init(key: "parameters", value: .object(shown)),
      .init(key: "disks", value: .array(told.disks.enumerated().map { $1.json(isAdopted: adopted.contains($0)) })),
      .init(key: "nics", value: .array(told.nics.map(\.json))),
    ]
  }
}

extension Instance.Parameter {
  /// Nil for what is not to be seen.
  var shown: String? { visibility == .public ? value : nil }
}

extension Instance.Disk {
  fileprivate func json(isAdopted: Bool) -> JSON {
    [
      "path": .string(path), "size_bytes": .integer(Int(size)), "uuid": .string(uuid), "name": .optional(name),
      "access": .string(access.rawValue), "adopted": .bool(isAdopted),
    ]
  }
}

extension Instance.NIC {
  var json: JSON {
    [
      "mac": .string(mac), "uuid": .string(uuid), "ip": .optional(ip), "mode": .string(mode), "link": .optional(link),
      "network": .optional(network?.name), "name": .optional(name),
    ]
  }
}
