// SPDX-License-Identifier: Apache-2.0
internal import Report

/// An installed definition of interface version 20, called as Ganeti 3.0 calls: by absolute path in its folder, with a
/// reset environment that says everything, no arguments, no terminal, and a mask that hides all from others.
package struct EnvironmentDefinition: Sendable {
  /// The folder of the definition.
  package let folder: String

  /// Installs the definition into `scratch`.
  ///
  /// - Parameters:
  ///   - configuration: lines of guestsmith.toml.
  ///   - variants: contents by name.
  package init(
    in scratch: Scratch, cache: String = sharedCache, configuration: String = "", variants: [String: String] = [:]
  ) throws {
    folder = scratch("os/guestsmith")
    try shell("mkdir -p '\(cache)'")
    // Its own folder, also without anything in it: the machine's variants are not what is tested.
    try scratch.folder("os/guestsmith/variants")
    for (name, text) in variants { try scratch.write(text, to: "os/guestsmith/variants/\(name).toml") }
    try scratch.write(
      "cache = \"\(try shell("realpath '\(cache)'"))\"\n" + sandboxLine + configuration,
      to: "os/guestsmith/guestsmith.toml")
    let outcome = try bash("'\(program)' os install --api 20 --into '\(scratch("os"))'")
    guard outcome.status == 0 else { throw Failure(.script, "os install: \(outcome)") }
  }

  /// What every script is told.
  package static let base = [
    "OS_API_VERSION": "20", "OS_NAME": "guestsmith", "OS_VARIANT": "default", "DEBUG_LEVEL": "0",
    "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
  ]

  /// What the scripts of an instance with these disks are told, and with one interface in a network.
  package static func instance(_ name: String, disks: [String]) -> [String: String] {
    var variables = [
      "INSTANCE_NAME": name, "INSTANCE_OS": "guestsmith+default",
      "INSTANCE_UUID": "5d2a9bd0-4f1c-4f5e-8b3a-000000000000",
      "INSTANCE_CTIME": "1700000000.5", "INSTANCE_MTIME": "1700000000.5", "INSTANCE_PRIMARY_NODE": "f00d",
      "INSTANCE_SECONDARY_NODES": "", "HYPERVISOR": "fake", "DISK_COUNT": "\(disks.count)", "NIC_COUNT": "1",
      "INSTANCE_BE_memory": "128", "INSTANCE_HV_kernel_path": "/boot/vmlinuz-3-kvmU", "INSTANCE_HV_acpi": "True",
      "NIC_0_MAC": "aa:00:00:11:22:33", "NIC_0_UUID": "0ac1", "NIC_0_MODE": "bridged", "NIC_0_LINK": "br0",
      "NIC_0_BRIDGE": "br0", "NIC_0_IP": "198.51.100.21", "NIC_0_NETWORK_NAME": "lan", "NIC_0_NETWORK_UUID": "1a2b",
      "NIC_0_NETWORK_TAGS": "", "NIC_0_NETWORK_SUBNET": "198.51.100.0/25", "NIC_0_NETWORK_GATEWAY": "198.51.100.1",
    ]
    for (index, path) in disks.enumerated() {
      variables["DISK_\(index)_PATH"] = path
      variables["DISK_\(index)_ACCESS"] = "rw"
      variables["DISK_\(index)_BACKEND_TYPE"] = "file:loop"
      variables["DISK_\(index)_UUID"] = "d15c-\(index)"
      variables["DISK_\(index)_SIZE"] = "1024"
    }
    return base.merging(variables) { $1 }
  }

  /// Runs a script.
  ///
  /// - Parameters:
  ///   - variables: its whole environment.
  ///   - redirections: in the words of a shell.
  package func call(
    _ script: String, _ variables: [String: String], arguments: String = "", _ redirections: String = "</dev/null"
  ) throws -> Outcome {
    try bash("\(line(script, variables, arguments: arguments)) \(redirections)")
  }

  /// The call of a script as a line of shell.
  package func line(_ script: String, _ variables: [String: String], arguments: String = "") -> String {
    let words = variables.sorted { $0.key < $1.key }.map { "\($0.key)='\($0.value)'" }.joined(separator: " ")
    return "cd '\(folder)' && umask 077 && env -i \(words) '\(folder)/\(script)' \(arguments)"
  }

  /// Runs the check of parameters, which are given as the variables that they become.
  package func verify(_ parameters: [String: String], variant: String = "default") throws -> Outcome {
    try call(
      "verify", Self.base.merging(["OS_VARIANT": variant].merging(parameters) { $1 }) { $1 }, arguments: "parameters")
  }
}
