// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Report

/// The virtual hardware of an instance.
struct MachineOptions: ParsableArguments {
  @Option(
    name: [.customShort("B"), .customLong("backend-parameters")],
    help: ArgumentHelp("memory, minmem, maxmem, vcpus, and others of gnt-instance.", valueName: "name=value,..."))
  var backend: String?

  @Option(
    name: [.customShort("H"), .customLong("hypervisor-parameters")],
    help: ArgumentHelp(
      "The hypervisor that scripts are told of, and its parameters.", valueName: "[hypervisor:]name=value,..."))
  var hypervisor: String?

  func apply(to request: inout InstanceRequest) throws(Failure) {
    request.backend = try backend.map { text throws(Failure) in try Assignments.parse(text, of: "-B") } ?? [:]
    if let hypervisor {
      (request.hypervisor, request.hypervisorParameters) = try Assignments.hypervisor(hypervisor)
    }
  }
}

/// How an instance is started.
struct BootOptions: ParsableArguments {
  @Option(help: "What boots the disk: bios, uefi, or uefi with Secure Boot (uefi-secure).")
  var firmware: Firmware?

  @Option(help: "How the guest runs: kvm, emulation (tcg), or kvm where it works (auto).")
  var accelerator = Accelerator.auto
}

extension Accelerator: ExpressibleByArgument {}
extension Firmware: ExpressibleByArgument {}
