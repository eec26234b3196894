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
      -H kernel_path=,initrd_path=; else the disk boots by its own boot loader. The network is qemu's own, behind this \
      machine. Ctrl-A X ends it. While it runs, no other command has the instance.

      KVM runs the guest where a Linux kernel has shown that it runs under it, which is tried once after each start of \
      this machine; else the processor is emulated, and a note says why. --accelerator chooses.

      With --until the command ends as soon as the console shows some words: a test of whether a guest comes up. The \
      console goes to standard output, nothing is read, and what the guest writes to its disks is dropped. A guest that \
      panics, ends in an emergency shell, goes off or takes too long is a failure, with exit status 6 and the last \
      lines of the console.

      Examples:
        guestsmith instance boot vm1.example.com
        guestsmith instance boot vm1.example.com --until 'vm1 login:' --timeout 120 >console
      """)

  @Argument(help: "The name of the instance.")
  var name: String

  @OptionGroup var options: StateOption

  @Option(help: "What runs the guest's instructions: kvm, emulation (tcg), or what works (auto).")
  var accelerator = Accelerator.auto

  @Option(help: ArgumentHelp("End when the console shows these words; the disks stay as they are.", valueName: "words"))
  var until: String?

  @Option(help: ArgumentHelp("With --until: how long to wait (default: 300).", valueName: "seconds"))
  var timeout: Int?

  func validate() throws {
    if until?.isEmpty == true { throw ValidationError("--until '' would be shown by any console") }
    if let timeout, timeout < 1 { throw ValidationError("--timeout \(timeout) is not a number of seconds above 0") }
    if timeout != nil && until == nil { throw ValidationError("--timeout goes with --until") }
  }

  func run() throws {
    let goal = until.map { BootGoal($0, seconds: timeout ?? 300) }
    try options.node().boot(InstanceName(name), accelerator: accelerator, until: goal)
  }
}

extension Accelerator: ExpressibleByArgument {}
