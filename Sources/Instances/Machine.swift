// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report

/// The command line of qemu, but for its accelerator.
///
/// A guest that breaks out of qemu finds a process that may do nothing: for root it runs as nobody, and always in qemu's
/// own sandbox. What it needs of ours, disks and kernel, it has as open descriptors.
struct Machine {
  private var arguments: [String]
  private var files: [SharedDescriptor]

  /// What it begins with.
  enum Start {
    case kernel(GuestKernel)
    case firmware(Firmware)
  }

  /// What it inherits, each under its own number.
  var descriptors: [DescriptorView] { files.map(\.view) }

  /// - Parameters:
  ///   - folder: of the instance.
  ///   - keepsChanges: whether what the guest writes goes to its disks.
  init(
    _ instance: KeptInstance, in folder: String, _ start: Start, keepsChanges: Bool
  ) throws(Failure) {
    let backend = instance.backend
    var files: [SharedDescriptor] = []
    arguments = ["-name", instance.name.text, "-m", backend["maxmem"] ?? "512", "-smp", backend["vcpus"] ?? "1"]
    arguments += ["-uuid", instance.uuid]
    for (index, disk) in instance.disks.enumerated() {
      let isWritten = keepsChanges && disk.access != .readOnly
      // Qemu opens a disk for reading first, and looks for a descriptor of just that kind.
      for flags in isWritten ? [O_RDONLY, O_RDWR] : [O_RDONLY] {
        let file = SharedDescriptor(try Descriptor(disk.path, flags))
        arguments += ["-add-fd", "fd=\(file.view.number),set=\(index)"]
        files.append(file)
      }
      let drive = "file=/dev/fdset/\(index),format=raw,if=virtio"
      arguments += ["-drive", disk.access == .readOnly ? drive + ",readonly=on" : drive]
    }
    self.files = files
    if !keepsChanges { arguments.append("-snapshot") }
    for nic in instance.nics { arguments += ["-nic", "user,model=virtio-net-pci,mac=\(nic.mac)"] }
    if instance.nics.isEmpty { arguments += ["-nic", "none"] }
    let kernel: GuestKernel
    switch start {
    case .kernel(let found):
      kernel = found
      self.files += kernel.files
    case .firmware(let firmware):
      let attached = try firmware.attach(in: folder, keepsChanges: keepsChanges)
      arguments += attached.arguments
      self.files += attached.files
      return
    }
    arguments += ["-kernel", kernel.kernel.path]
    if let initrd = kernel.initrd { arguments += ["-initrd", initrd.path] }
    let parameters = instance.hypervisorParameters
    let root = "root=\(parameters["root_path"] ?? "/dev/vda") ro"
    arguments += ["-append", "\(root) \(parameters["kernel_args"] ?? "console=ttyS0")"]
  }

  /// A machine that has a kernel and nothing else. For want of a root the kernel gives up, which ends qemu.
  init(trying kernel: GuestKernel) {
    files = [kernel.kernel.file]
    arguments = ["-nodefaults", "-m", "256", "-no-reboot", "-kernel", kernel.kernel.path]
    arguments += ["-append", "console=ttyS0 earlyprintk=serial panic=-1"]
  }

  /// With its console on our terminal.
  func onTerminal(_ accelerator: Accelerator) -> Command { qemu(accelerator, ["-nographic", "-serial", "mon:stdio"]) }

  /// With its console on standard output; it starts but once.
  func watched(_ accelerator: Accelerator) -> Command {
    qemu(accelerator, ["-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"])
  }

  private func qemu(_ accelerator: Accelerator, _ console: [String]) -> Command {
    let sandbox = ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]
    var command = Command("qemu-system-x86_64", accelerator.arguments + arguments + console + sandbox)
    command.extras = descriptors.map { ($0.number, $0) }
    command.rights = .ofNobody(using: accelerator == .kvm ? KVM.device : nil)
    if command.rights != nil {
      // A folder for temporary files that is root's own is of no use to it.
      command.environment = ownEnvironment().merging(["TMPDIR": "/var/tmp"]) { $1 }
    }
    return command
  }
}
