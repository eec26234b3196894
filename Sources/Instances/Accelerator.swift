// SPDX-License-Identifier: Apache-2.0

/// What runs the instructions of a guest.
package enum Accelerator: String, CaseIterable, Sendable {
  /// KVM where a kernel has shown that it runs under it, else emulation.
  case auto
  /// The processor itself.
  case kvm
  /// Emulation by qemu.
  case tcg

  var arguments: [String] {
    self == .kvm ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg,thread=multi", "-cpu", "max"]
  }
}
