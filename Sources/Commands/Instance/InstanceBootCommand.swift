// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Interface
internal import Report

struct InstanceBootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "boot", abstract: "Start an instance in qemu, with its console on the terminal.",
    discussion: """
      The kernel and the initrd are those of the guest where its root disk is one ext filesystem, or those of \
      -H kernel_path=,initrd_path=; else the disk boots by its own boot loader, under a BIOS, or as --firmware says: with \
      uefi and uefi-secure each instance has its own variables of the firmware. The network is qemu's own, behind this \
      machine. Ctrl-A X ends it. While it runs, no other command has the instance.

      KVM is used if a Linux kernel runs under it, which is tested once after each boot of this machine; otherwise the \
      processor is emulated, and a note says why. --accelerator overrides that.

      With --until the command ends as soon as the console shows the given words: a test of whether a guest comes up. \
      The console goes to standard output, no input is read, and what the guest writes to its disks is discarded. A \
      guest that panics, drops to an emergency shell, powers off or takes too long is a failure, with exit status 6 and \
      the last lines of the console.

      Examples:
        guestsmith instance boot vm1.example.com
        guestsmith instance boot vm1.example.com --firmware uefi-secure
        guestsmith instance boot vm1.example.com --until 'vm1 login:' --timeout 120 >console
      """)

  @Argument(help: "The name of the instance.")
  var name: String

  @OptionGroup var options: StateOption

  @OptionGroup var boot: BootOptions

  @Option(help: ArgumentHelp("Stop when the console shows these words; the disks stay unchanged.", valueName: "words"))
  var until: String?

  @Option(help: ArgumentHelp("With --until: how long to wait (default: 300).", valueName: "seconds"))
  var timeout: Int?

  func validate() throws {
    if until?.isEmpty == true { throw ValidationError("--until needs words to wait for") }
    if let timeout, timeout < 1 { throw ValidationError("--timeout \(timeout) must be at least 1 second") }
    if timeout != nil && until == nil { throw ValidationError("--timeout needs --until") }
  }

  func run() throws {
    let goal = until.map { BootGoal($0, seconds: timeout ?? 300) }
    try options.readingNode().boot(
      InstanceName(name), firmware: boot.firmware, accelerator: boot.accelerator, until: goal)
  }
}
