// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import LinuxIO
internal import Report

/// The whole program: the scripts of an OS definition by the name they are called by, else the command line.
public enum Program {
  public static func main() {
    StandardStream.holdAll()
    Interrupts.install()
    Exit.after {
      if let script = ProviderScript(CommandLine.arguments) { return try script.run() }
      var command = try Guestsmith.parseAsRoot(ownArguments().dropFirst().map { $0 })
      try command.run()
    }
  }
}

struct Guestsmith: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guestsmith",
    abstract: "Guest operating systems for Ganeti: installed, dumped, restored and renamed.",
    subcommands: [
      OSCommand.self, InstanceCommand.self, BackupCommand.self, ImageCommand.self, DumpCommand.self, ConfigCommand.self,
    ])
}
