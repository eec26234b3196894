// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Instances
import Report
import TestSupport
import Testing

private let hasKVM = access("/dev/kvm", R_OK | W_OK) == 0

/// When KVM is believed. A stand-in for qemu does what KVM does on one machine or another.
@Suite struct AcceleratorTests {
  private static let alive = "echo '[0.0] Linux version 6.1.0'; echo 'Kernel panic: no root'"

  /// An instance with a kernel of its own.
  private func instance(_ host: TestHost, _ name: String = "vm1", kernel: String = "one") throws {
    try host.folder.define("one")
    var request = try host.request(name)
    request.hypervisorParameters = ["kernel_path": try host.folder.write(kernel, to: "kernel-\(kernel)")]
    try host.node().createInstance(request)
  }

  @Test(
    "KVM under which a kernel has run is used, and believed from then on, whatever the kernel",
    .enabled(if: hasKVM, "needs /dev/kvm"))
  func kvmUnderKernel() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try instance(host)
      try instance(host, "vm2", kernel: "two")
      let qemu = try StandIn(host)
      for name in ["vm1", "vm1", "vm2"] {
        let outcome = try qemu.boot(name, trial: Self.alive)
        #expect(outcome.output.contains(" -accel kvm -cpu host "), "\(outcome)")
        #expect(!outcome.errors.contains("emulating"))
      }
      #expect(qemu.tries == 1)
    }
  }

  @Test(
    "where a kernel does not run under KVM the guest is emulated, with a note, and that is remembered",
    .enabled(if: hasKVM, "needs /dev/kvm"),
    arguments: [
      ("exec sleep 600", "a Linux kernel shows nothing on its console under KVM"),
      ("echo 'Probing EDD... ok'; exec sleep 600", "a Linux kernel shows nothing on its console under KVM"),
      ("echo '[0.0] Linux version 6.1.0'; exec sleep 600", "a Linux kernel hangs under KVM"),
      ("echo 'KVM internal error. Suberror: 1' >&2; exec sleep 600", "KVM stopped the guest with an internal error"),
      ("echo 'Probing EDD... ok'", "a Linux kernel ends before its first line under KVM"),
      ("echo no vmx >&2; exit 1", "qemu ended with exit status 1 under KVM: no vmx"),
      ("\(alive); kill -ABRT $$", "qemu was ended by signal 6 under KVM: it said nothing"),
    ])
  func whereKernelDoes(
    _ trial: String, _ words: String
  ) throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try instance(host)
      let qemu = try StandIn(host)
      for _ in 1...2 {
        let outcome = try qemu.boot("vm1", trial: trial)
        #expect(outcome.output.contains(" -accel tcg,thread=multi -cpu max "), "\(outcome)")
        #expect(outcome.errors.contains("emulating the processor, which is slow: \(words)\n"), "\(outcome)")
      }
      #expect(qemu.tries == 1)
    }
  }

  @Test(
    "a kernel that says nothing speaks for itself alone, not for that of another guest",
    .enabled(if: hasKVM, "needs /dev/kvm"))
  func kernelSaysNothing() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try instance(host, kernel: "silent")
      try instance(host, "vm2", kernel: "common")
      let qemu = try StandIn(host)
      let first = try qemu.boot("vm1", trial: "exit 0")
      #expect(first.output.contains(" -accel tcg"), "\(first)")
      let second = try qemu.boot("vm2", trial: Self.alive)
      #expect(second.output.contains(" -accel kvm"), "\(second)")
    }
  }

  @Test("what was remembered before the machine started anew is tried again", .enabled(if: hasKVM, "needs /dev/kvm"))
  func rememberedBeforeMachine() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try instance(host)
      let qemu = try StandIn(host)
      _ = try qemu.boot("vm1", trial: "exit 0")
      try shell("sed -i '1s/^......../00000000/' '\(folder("state/kvm"))'")
      let outcome = try qemu.boot("vm1", trial: Self.alive)
      #expect(outcome.output.contains(" -accel kvm"), "\(outcome)")
      #expect(qemu.tries == 2)
    }
  }

  @Test("the option chooses, and nothing is tried") func optionChoosesNothing() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try instance(host)
      let qemu = try StandIn(host)
      for (option, words) in [("kvm", " -accel kvm -cpu host "), ("tcg", " -accel tcg,thread=multi -cpu max ")] {
        let outcome = try qemu.boot("vm1", "--accelerator \(option)")
        #expect(outcome.output.contains(words), "\(outcome)")
        #expect(!outcome.errors.contains("emulating"))
      }
      #expect(qemu.tries == 0)
      #expect(try qemu.boot("vm1", "--accelerator xen").status == Failure.Code.usage.rawValue)
    }
  }

  @Test("where there is no KVM the guest is emulated") func whereThereNo() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try instance(host)
      // A /dev without kvm, in mounts of its own.
      try folder.write("", to: "dev/null")
      let hiding = "mount --bind /dev/null dev/null && mount --rbind dev /dev && exec"
      let outcome = try StandIn(host).boot(
        "vm1", by: "unshare --mount \(isRoot ? "" : "--map-root-user") sh -c '\(hiding) \"$@\"' sh")
      #expect(outcome.output.contains(" -accel tcg"), "\(outcome)")
      #expect(outcome.errors.contains("emulating the processor, which is slow: this machine has no /dev/kvm\n"))
    }
  }

  @Test(
    "an internal error of KVM while a guest boots starts it again under emulation",
    .enabled(if: hasKVM, "needs /dev/kvm"))
  func internalErrorKVM() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try instance(host)
      let fails = "[ $accelerator != kvm ] || { echo 'KVM internal error. Suberror: 3' >&2; exec sleep 600; }"
      let qemu = try StandIn(host)
      let outcome = try qemu.boot(
        "vm1", "--until login:", boots: "\(fails); echo login:; exec sleep 600", trial: Self.alive)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(
        outcome.errors.contains(
          "emulating the processor, which is slow: KVM stopped the guest with an internal error\n"))
      // And it is not believed again.
      #expect(try qemu.boot("vm1").output.contains(" -accel tcg"))
      let forced = try qemu.boot("vm1", "--until login: --accelerator kvm", boots: fails)
      #expect(forced.status == Failure.Code.tool.rawValue, "\(forced)")
    }
  }
}
