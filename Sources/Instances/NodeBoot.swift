// SPDX-License-Identifier: Apache-2.0
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
      let kernel = firmware == nil ? try GuestKernel.find(for: instance, by: workers) : nil
      let start = kernel.map { Machine.Start.kernel($0) } ?? .firmware(firmware ?? .bios)
      let how = kernel.map { "with \($0.words)" } ?? "by the boot loader on \(instance.disks[0].path)"
      steps.note("booting \(name) \(how)")
      let kvm = KVM(state: state, steps: steps)
      var chosen = accelerator
      if accelerator == .auto {
        let fault = try kvm.fault(of: kernel)
        if let fault { noteEmulation(fault) }
        chosen = fault == nil ? .kvm : .tcg
      }
      let machine = try Machine(instance, in: state.instanceFolder(name), start, keepsChanges: goal == nil)
      defer { withExtendedLifetime(machine) {} }
      guard let goal else {
        return try machine.onTerminal(chosen).replaceProcess(inheriting: lock.descriptors + machine.descriptors)
      }
      guard let fault = try watch(machine, of: name, until: goal, by: chosen) else { return }
      guard accelerator == .auto else {
        throw Failure(.tool, fault, remedy: "emulate the processor: --accelerator tcg")
      }
      kvm.remember(fault, of: kernel)
      noteEmulation(fault)
      _ = try watch(machine, of: name, until: goal, by: .tcg)
    }
  }

  private func noteEmulation(_ fault: String) {
    steps.note("emulating the processor, which is slow: \(fault)")
  }
}
