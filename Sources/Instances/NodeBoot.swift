// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
package import Interface
internal import LinuxIO
internal import Report

extension Node {
  /// Starts an instance in qemu, with its console on our terminal: qemu takes the place of this process.
  package func boot(_ name: InstanceName) throws {
    let adopted = (try? state.instance(name))?.disks.filter(\.isAdopted).map(\.path) ?? []
    try state.locking(
      [State.key(name)] + adopted.compactMap(adoptionKey), for: "instance boot", steps: steps
    ) { lock in
      let instance = try state.instance(name)
      if let fault = instance.unusable(in: state) { throw fault }
      var machine = Machine(instance, accelerator: accelerator())
      let root = instance.disks[0].path
      let parameters = instance.hypervisorParameters
      if let kernel = parameters["kernel_path"] {
        machine.boot(kernel: kernel, initrd: parameters["initrd_path"], parameters)
        steps.note("booting \(name) with \(kernel) of this machine")
        return try machine.run(inheriting: lock.descriptors)
      }
      guard let guest = try GuestKernel.find(on: root) else {
        steps.note("booting \(name) by the boot loader on \(root)")
        return try machine.run(inheriting: lock.descriptors)
      }
      defer { withExtendedLifetime(guest) {} }
      let initrd = guest.initrd?.raw
      machine.boot(
        kernel: "/proc/self/fd/\(guest.kernel.raw)", initrd: initrd.map { "/proc/self/fd/\($0)" }, parameters)
      steps.note("booting \(name) with its \(guest.path)")
      return try machine.run(inheriting: lock.descriptors + [guest.kernel.raw] + (initrd.map { [$0] } ?? []))
    }
  }

  /// KVM where a guest runs with it: a machine may show /dev/kvm and still be unable to run one, so an empty guest that
  /// starts and quits is the proof.
  private func accelerator() -> [String] {
    let emulation = ["-accel", "tcg,thread=multi", "-cpu", "max"]
    guard access("/dev/kvm", R_OK | W_OK) == 0, let order = try? Descriptor(inMemory: "an order to quit"),
      (try? order.writeAll(Array("quit\n".utf8))) != nil, lseek(order.raw, 0, SEEK_SET) == 0
    else { return emulation }
    let hardware = ["-accel", "kvm", "-cpu", "host"]
    var command = Command(Machine.program, hardware + ["-nodefaults", "-display", "none", "-monitor", "stdio"])
    command.input = .descriptor(order.raw)
    command.output = .null
    command.error = .null
    let started = ContinuousClock.now
    let status = try? command.start().wait { () throws(Failure) in
      if started.duration(to: .now) > .seconds(10) { throw Failure(.tool, "KVM does not answer") }
    }
    return status?.isSuccess == true ? hardware : emulation
  }
}

/// The command line of qemu.
private struct Machine {
  static let program = "qemu-system-x86_64"

  private var arguments: [String]

  init(_ instance: Instance, accelerator: [String]) {
    let backend = instance.backend
    arguments =
      accelerator + ["-name", instance.name.text, "-m", backend["maxmem"] ?? "512", "-smp", backend["vcpus"] ?? "1"]
    arguments += ["-uuid", instance.uuid, "-nographic", "-serial", "mon:stdio"]
    for disk in instance.disks {
      let file = "file=\(disk.path.replacing(",", with: ",,"))"
      arguments += ["-drive", "\(file),format=raw,if=virtio\(disk.access == .readOnly ? ",readonly=on" : "")"]
    }
    for nic in instance.nics { arguments += ["-nic", "user,model=virtio-net-pci,mac=\(nic.mac)"] }
    if instance.nics.isEmpty { arguments += ["-nic", "none"] }
  }

  mutating func boot(kernel: String, initrd: String?, _ parameters: [String: String]) {
    arguments += ["-kernel", kernel]
    if let initrd { arguments += ["-initrd", initrd] }
    let root = "root=\(parameters["root_path"] ?? "/dev/vda") ro"
    arguments += ["-append", "\(root) \(parameters["kernel_args"] ?? "console=ttyS0")"]
  }

  func run(inheriting descriptors: [Int32]) throws {
    try Command(Self.program, arguments).replaceProcess(inheriting: descriptors)
  }
}
