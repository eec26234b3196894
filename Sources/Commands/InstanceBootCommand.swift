// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Interface
internal import Report

struct InstanceBootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "boot", abstract: "Start an instance in qemu, with its console on the terminal.",
    discussion: """
      With KVM where it works, else emulated. The kernel and the initrd are those of the guest where its root disk is \
      one ext filesystem, or those of -H kernel_path=,initrd_path=; else the disk boots by its own boot loader. The \
      network is qemu's own, behind this machine. Ctrl-A X ends it. While it runs, no other command has the instance.

      Example:
        guestsmith instance boot vm1.example.com
      """)

  @Argument(help: "The name of the instance.")
  var name: String

  @OptionGroup var options: StateOption

  func run() throws {
    try options.node().boot(InstanceName(name))
  }
}
