// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// Whether this machine's KVM runs a Linux kernel.
///
/// A machine may have a /dev/kvm under which an empty guest, and a BIOS, run and a kernel hangs or stops with an internal
/// error of KVM. So KVM is believed when a kernel has run under it from its first line to its last, for want of a root.
/// That is remembered in the state folder for as long as the machine runs and /dev/kvm stays the same.
struct KVM {
  let state: State
  let steps: Steps

  static let device = "/dev/kvm"
  private var record: String { "\(state.folder)/kvm" }

  /// Why guests have to be emulated; nil where KVM runs them.
  ///
  /// - Parameter kernel: what the machine is to start; nil for a boot loader, for which any kernel is the proof.
  func fault(of kernel: GuestKernel?) throws(Failure) -> String? {
    guard access(Self.device, R_OK | W_OK) == 0 else {
      if errno == ENOENT { return "this machine has no \(Self.device)" }
      return "\(Self.device) cannot be opened: \(String(cString: strerror(errno)))"
    }
    // That one kernel says nothing need not be the fault of KVM.
    if let known = remembered(), known.fault == nil || kernel == nil || known.kernel == kernel?.kernel.digest {
      return known.fault
    }
    guard let kernel = kernel ?? GuestKernel.ofThisMachine() else {
      return "there is no Linux kernel in /boot to try KVM with"
    }
    let fault = try steps.step("try KVM with \(kernel.words)") { _ throws(Failure) in try trial(of: kernel) }
    remember(fault, of: kernel)
    return fault
  }

  private func trial(of kernel: GuestKernel) throws(Failure) -> String? {
    var shown: [UInt8] = []
    // It says something all the time, be the machine as busy as it may.
    let machine = Machine(trying: kernel)
    defer { withExtendedLifetime(machine) {} }
    let end = try watchConsole(
      of: machine.watched(.kvm),
      silence: .seconds(5), limit: .seconds(60)
    ) { bytes in
      shown += bytes
      return false
    }
    let isAlive = shown.contains(Array("Linux version ".utf8))
    return switch end {
    case .ended(.exited(0), _) where isAlive: nil
    case .ended(.exited(0), _): "a Linux kernel ends before its first line under KVM"
    case .ended(let status, let words): "qemu \(status) under KVM: \(words)"
    case .internalError: Self.internalError
    case .silent, .late, .shown:
      isAlive ? "a Linux kernel hangs under KVM" : "a Linux kernel shows nothing on its console under KVM"
    }
  }

  static let internalError = "KVM stopped the guest with an internal error"

  // MARK: What is remembered

  /// What stays the same until the machine starts anew, or the modules of KVM are loaded anew.
  private var key: String? {
    let (status, error) = examine(Self.device)
    guard error == 0, let boot = fileText("/proc/sys/kernel/random/boot_id") else { return nil }
    return "\(boot.filter { !$0.isWhitespace }) \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
  }

  /// What a kernel, which is told by its digest, came to.
  private func remembered() -> (kernel: String, fault: String?)? {
    let lines = (fileText(record, limit: 4096) ?? "").split(separator: "\n", omittingEmptySubsequences: false)
    // The last line ends too, where all of it is written.
    guard lines.count == 4, lines[0] == key ?? "" else { return nil }
    return (String(lines[1]), lines[2].isEmpty ? nil : String(lines[2]))
  }

  func remember(_ fault: String?, of kernel: GuestKernel?) {
    guard let key, let file = try? Descriptor(record, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600) else {
      return
    }
    // Where it cannot be remembered it is tried again.
    try? file.writeAll(Array("\(key)\n\(kernel?.kernel.digest ?? "")\n\(fault ?? "")\n".utf8))
  }
}
