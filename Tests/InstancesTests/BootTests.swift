// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Instances
import Interface
import Report
import TestSupport
import Testing

/// What qemu is started with; guests that really boot are in InstanceBootTests.
@Suite struct BootTests {
  private func boot(_ host: TestHost, _ name: String, meanwhile: String = "true", _ more: String = "true") throws
    -> Outcome
  {
    try StandIn(host).boot(name, "--accelerator tcg & pid=$!; \(more); wait $pid; echo $? $pid", boots: meanwhile)
  }

  @Test("qemu takes the place of the command, with the guest's own newest kernel and with the lock")
  func qemuTakesPlace() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      var request = try host.request(disks: ["0:size=16", "1:size=4,access=ro"])
      request.backend = ["memory": "1G", "vcpus": "2"]
      let instance = try host.node().createInstance(request)
      for name in ["vmlinuz-6.9.1-a", "vmlinuz-6.10.0-a", "initrd.img-6.10.0-a"] {
        try folder.write(name, to: "guest/boot/\(name)")
      }
      let disk = folder("state/instances/vm1/disk0")
      try shell("mke2fs -q -t ext4 -d '\(folder("guest"))' '\(disk)'")
      let outcome = try boot(
        host, "vm1", meanwhile: "echo >started; until [ -s done ]; do sleep 0.05; done",
        "until [ -s started ]; do sleep 0.05; done; '\(program)' instance remove vm1 --state state; echo $?; echo >done"
      )
      let lines = outcome.output.split(separator: "\n").map(String.init)
      let (started, ended) = (lines.first ?? "", lines.last ?? "")
      #expect(ended.hasPrefix("0 ") && started.hasPrefix("\(ended.dropFirst(2)) "), "\(outcome)")
      #expect(started.contains(" -accel tcg,thread=multi -cpu max "))
      #expect(started.contains(" -m 1024 -smp 2 "))
      #expect(started.contains(" -drive file=/dev/fdset/0,format=raw,if=virtio -add-fd "))
      #expect(started.contains(" -drive file=/dev/fdset/1,format=raw,if=virtio,readonly=on "))
      #expect(started.contains("mac=\(instance.nics[0].mac)"))
      #expect(started.contains(" -append root=/dev/vda ro console=ttyS0 -nographic "))
      #expect(Array(lines.dropFirst().prefix(3)) == ["-kernel vmlinuz-6.10.0-a", "-initrd initrd.img-6.10.0-a", "5"])
      #expect(outcome.errors.hasPrefix("booting vm1 with its /boot/vmlinuz-6.10.0-a\n"))
      #expect(outcome.errors.contains("vm1 is in use by guestsmith instance boot (process \(ended.dropFirst(2)))"))
      try host.node().removeInstance(instance.name)
    }
  }

  @Test("a disk without a filesystem boots by itself, and signals reach qemu") func diskWithoutFilesystem() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try host.create()
      let outcome = try boot(
        host, "vm1", meanwhile: "echo >started; while :; do sleep 0.1; done",
        "for i in {1..12000}; do [ -s started ] && break; sleep 0.01; done; kill -TERM $pid")
      #expect(!outcome.output.contains("-kernel"))
      #expect(outcome.output.contains("ended by TERM\n7 "), "\(outcome)")
      #expect(outcome.errors == "booting vm1 by the boot loader on \(folder("state/instances/vm1/disk0"))\n")
    }
  }

  @Test("a disk with partitions boots by itself, whatever kernel the filesystem has that it was before") func divided()
    throws
  {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try host.create(disks: ["0:size=16", "1:size=16"])
      try folder.write("kernel", to: "guest/boot/vmlinuz-6.9.1-a")
      let disk = folder("state/instances/vm1/disk0")
      try shell(
        """
        mke2fs -q -F -t ext4 -d '\(folder("guest"))' '\(disk)'
        printf 'label: dos\\nstart=2048, type=83\\n' | /sbin/sfdisk --quiet --wipe never '\(disk)'
        """)
      let outcome = try boot(host, "vm1")
      #expect(!outcome.output.contains("-kernel"), "\(outcome)")
      #expect(outcome.errors.hasPrefix("booting vm1 by the boot loader on \(disk)\n"), "\(outcome)")
    }
  }

  @Test(
    "variables of the firmware that were written in part are made anew, and whole ones stay",
    .enabled(if: access("/usr/share/OVMF/OVMF_VARS_4M.fd", R_OK) == 0, "needs the package ovmf"))
  func variablesInPart() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try host.create()
      let instance = folder("state/instances/vm1")
      for short in ["variables.uefi", "variables.uefi.new"] {
        try shell("cd '\(instance)'; rm -f variables.uefi; printf cut >\(short)")
        let outcome = try StandIn(host).boot("vm1", "--accelerator tcg --firmware uefi")
        #expect(outcome.status == 0, "\(outcome)")
        try shell("cmp '\(instance)/variables.uefi' /usr/share/OVMF/OVMF_VARS_4M.fd")
        let files = try shell("cd '\(instance)'; ls; stat -c %a variables.uefi")
        #expect(files == "disk0\ndisk1\ninstance.ini\nvariables.uefi\n600")
      }
      try shell("printf mine | dd of='\(instance)/variables.uefi' conv=notrunc status=none")
      #expect(try StandIn(host).boot("vm1", "--accelerator tcg --firmware uefi").status == 0)
      #expect(try folder.read("state/instances/vm1/variables.uefi").hasPrefix("mine"))
    }
  }

  @Test("qemu is in its sandbox, as nobody where it can be, and has its disks as descriptors alone")
  func qemuSandboxNobody() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try host.create(disks: ["0:size=16", "1:size=4,access=ro"])
      let outcome = try boot(
        host, "vm1",
        meanwhile:
          "id -u; id -G; for i in /proc/$$/fd/*; do echo $(readlink $i) $(grep flags /proc/$$/fdinfo/${i##*/}); done")
      #expect(
        outcome.output.contains(" -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny\n"))
      if isRoot { #expect(outcome.output.contains("\n65534\n65534\n"), "\(outcome)") }
      let open = outcome.output.split(separator: "\n").filter { $0.contains("/instances/vm1/disk") }
      // The last digit of the flags: 0 is for reading, 2 for both.
      let kinds = open.map { "\($0.contains("/disk0 ") ? "disk0" : "disk1") \($0.last ?? " ")" }
      #expect(kinds.sorted() == ["disk0 0", "disk0 2", "disk1 0"], "\(outcome)")
    }
  }

  @Test("a kernel of the machine is used where the instance names one") func kernelMachineUsed() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      var request = try host.request()
      request.hypervisorParameters = ["kernel_path": try folder.write("mine", to: "kernel"), "kernel_args": "quiet"]
      try host.node().createInstance(request)
      let outcome = try boot(host, "vm1")
      #expect(outcome.output.contains("\n-kernel mine\n"), "\(outcome)")
      #expect(outcome.output.contains(" -append root=/dev/vda ro quiet "))
    }
  }
}

/// A program in the place of qemu: what a machine's KVM does, and what a guest shows, is different on each machine.
///
/// It tells how it is called, and what is in its kernel and initrd. A kernel alone is a trial of KVM.
struct StandIn {
  private static let qemu = """
    #!/bin/bash
    case "$*" in *-nodefaults*) echo tried >>tries; eval "$QEMU_TRIAL"; exit ;; esac
    echo "$$ $*"
    while [ $# -gt 0 ]; do
      case $1 in -accel) accelerator=$2 ;; -kernel | -initrd) echo "$1 $(cat "$2")" ;; esac
      shift
    done
    trap 'echo ended by TERM; exit 7' TERM
    eval "$QEMU_BOOT"
    """
  private let host: TestHost

  init(_ host: TestHost) throws {
    self.host = host
    try host.folder.write(Self.qemu, to: "bin/qemu-system-x86_64", mode: 0o755)
    // It is nobody when it runs for root.
    try shell("chmod 755 '\(host.folder.path)'")
    for name in ["tries", "started"] { try host.folder.write("", to: name, mode: 0o666) }
  }

  /// - Parameters:
  ///   - more: what follows the command in the words of a shell.
  ///   - boots: what qemu does, in the words of a shell, when it is to boot an instance.
  ///   - trial: what it does when KVM is tried.
  ///   - runner: words before the command.
  func boot(
    _ name: String, _ more: String = "", boots: String = "true", trial: String = "exit 99", by runner: String = ""
  ) throws -> Outcome {
    try bash(
      """
      cd '\(host.folder.path)'
      PATH="$PWD/bin:$PATH" \(runner) '\(program)' instance boot \(name) --state state </dev/null \(more)
      """, environment: ["QEMU_BOOT": boots, "QEMU_TRIAL": trial])
  }

  /// How often KVM was tried.
  var tries: Int { (try? host.folder.read("tries"))?.split(separator: "\n").count ?? 0 }
}
