// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
package import Interface
internal import LinuxIO
package import Report

extension Node {
  /// Starts an instance in qemu.
  ///
  /// Without a goal qemu takes the place of this process, with the console on our terminal. With one it is watched until
  /// the console shows that, and what the guest writes to its disks is dropped.
  ///
  /// - Parameter firmware: what boots the disk; nil: the BIOS, unless there is a kernel to start.
  package func boot(
    _ name: InstanceName, firmware: Firmware? = nil, accelerator: Accelerator = .auto, until goal: BootGoal? = nil
  ) throws(Failure) {
    let adopted = (try? state.instance(name))?.adoptedPaths ?? []
    try state.locking(
      [State.key(name)] + adopted.compactMap(adoptionKey), for: "instance boot", steps: steps
    ) { lock throws(Failure) in
      let instance = try state.instance(name)
      if let fault = instance.unusable(in: state) { throw fault }
      let folder = state.instanceFolder(name)
      if let goal {
        let output = Descriptor(owning: dup(STDOUT_FILENO), name: "standard output")
        _ = try boot(
          instance, in: folder, firmware: firmware, accelerator: accelerator, until: goal
        ) { bytes throws(Failure) in try output.writeAll(bytes) }
        return
      }
      let ready = try prepare(instance, in: folder, firmware, accelerator, keepsChanges: true)
      defer { withExtendedLifetime(ready.machine) {} }
      try Command.needing("qemu-system-x86") { () throws(Failure) in
        try ready.machine.onTerminal(ready.accelerator).replaceProcess(
          inheriting: lock.descriptors + ready.machine.descriptors)
      }
    }
  }

  /// Starts an instance in qemu, and watches it until its console shows the words of `goal`. What the guest writes to its
  /// disks is dropped.
  ///
  /// - Parameters:
  ///   - folder: where its firmware's variables are.
  ///   - show: gets what the console shows.
  func boot(
    _ instance: KeptInstance, in folder: String, firmware: Firmware?, accelerator: Accelerator, until goal: BootGoal,
    _ show: ([UInt8]) throws(Failure) -> Void
  ) throws(Failure) -> ReachedGoal {
    let ready = try prepare(instance, in: folder, firmware, accelerator, keepsChanges: false)
    defer { withExtendedLifetime(ready.machine) {} }
    let fault: String
    switch try watch(ready.machine, of: instance.name, until: goal, by: ready.accelerator, show) {
    case .success(let reached): return reached
    case .failure(let found): fault = found.words
    }
    guard accelerator == .auto else {
      throw Failure(.tool, fault, remedy: "emulate the processor: --accelerator tcg")
    }
    ready.kvm.remember(fault, of: ready.kernel)
    noteEmulation(fault)
    switch try watch(ready.machine, of: instance.name, until: goal, by: .tcg, show) {
    case .success(let reached): return reached
    case .failure(let found): throw Failure(.tool, found.words)
    }
  }

  /// A machine that is ready to start.
  private struct ReadyMachine {
    let machine: Machine
    let accelerator: Accelerator
    let kernel: GuestKernel?
    let kvm: KVM
  }

  private func prepare(
    _ instance: KeptInstance, in folder: String, _ firmware: Firmware?, _ accelerator: Accelerator, keepsChanges: Bool
  ) throws(Failure) -> ReadyMachine {
    let kernel = firmware == nil ? try GuestKernel.find(for: instance, by: workers) : nil
    let start = kernel.map { Machine.Start.kernel($0) } ?? .firmware(firmware ?? .bios)
    let how = kernel.map { "with \($0.words)" } ?? "by the boot loader on \(instance.disks[0].path)"
    steps.note("booting \(instance.name) \(how)")
    let kvm = KVM(state: state, steps: steps)
    var chosen = accelerator
    if accelerator == .auto {
      let fault = try kvm.fault(of: kernel)
      if let fault { noteEmulation(fault) }
      chosen = fault == nil ? .kvm : .tcg
    }
    return ReadyMachine(
      machine: try Machine(instance, in: folder, start, keepsChanges: keepsChanges), accelerator: chosen,
      kernel: kernel, kvm: kvm)
  }

  private func noteEmulation(_ fault: String) {
    steps.note("emulating the processor, which is slow: \(fault)")
  }
}
