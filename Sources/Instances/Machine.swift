// SPDX-License-Identifier: Apache-2.0
internal import Host
internal import Interface
internal import LinuxIO
internal import Report

/// The command line of qemu, but for its accelerator.
struct Machine {
  private var arguments: [String]

  init(_ instance: Instance, _ kernel: GuestKernel?) {
    let backend = instance.backend
    arguments = ["-name", instance.name.text, "-m", backend["maxmem"] ?? "512", "-smp", backend["vcpus"] ?? "1"]
    arguments += ["-uuid", instance.uuid]
    for disk in instance.disks {
      let file = "file=\(disk.path.replacing(",", with: ",,"))"
      arguments += ["-drive", "\(file),format=raw,if=virtio\(disk.access == .readOnly ? ",readonly=on" : "")"]
    }
    for nic in instance.nics { arguments += ["-nic", "user,model=virtio-net-pci,mac=\(nic.mac)"] }
    if instance.nics.isEmpty { arguments += ["-nic", "none"] }
    guard let kernel else { return }
    arguments += ["-kernel", kernel.kernel.path]
    if let initrd = kernel.initrd { arguments += ["-initrd", initrd] }
    let parameters = instance.hypervisorParameters
    let root = "root=\(parameters["root_path"] ?? "/dev/vda") ro"
    arguments += ["-append", "\(root) \(parameters["kernel_args"] ?? "console=ttyS0")"]
  }

  /// A machine that has a kernel and nothing else. For want of a root the kernel gives up, which ends qemu.
  init(trying kernel: GuestKernel) {
    arguments = ["-nodefaults", "-m", "256", "-no-reboot", "-kernel", kernel.kernel.path]
    arguments += ["-append", "console=ttyS0 earlyprintk=serial panic=-1"]
  }

  /// With its console on our terminal.
  func onTerminal(_ accelerator: Accelerator) -> Command { qemu(accelerator, ["-nographic", "-serial", "mon:stdio"]) }

  /// With its console on standard output. What the guest writes to its disks is dropped, and it starts but once.
  func watched(_ accelerator: Accelerator) -> Command {
    qemu(accelerator, ["-display", "none", "-monitor", "none", "-serial", "stdio", "-snapshot", "-no-reboot"])
  }

  private func qemu(_ accelerator: Accelerator, _ console: [String]) -> Command {
    Command("qemu-system-x86_64", accelerator.arguments + arguments + console)
  }
}
