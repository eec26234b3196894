// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import LinuxIO
internal import Provider
internal import Report

/// The whole program: the scripts of an OS definition by the name they are called by, else the command line.
public enum Program {
  public static func main() {
    StandardStream.holdAll()
    Interrupts.install()
    Exit.after {
      if let script = ProviderScript(CommandLine.arguments) { return try script.run() }
      let words = Array(ownArguments().dropFirst())
      try Guestsmith.checkCommand(words)
      var command = try Guestsmith.parseAsRoot(words)
      try command.run()
    }
  }
}

struct Guestsmith: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guestsmith",
    abstract: "Guest operating systems for Ganeti: installed, dumped, restored and renamed.",
    version: "guestsmith \(programVersion)",
    subcommands: [
      OSCommand.self, InstanceCommand.self, BackupCommand.self, ImageCommand.self, DumpCommand.self, ConfigCommand.self,
    ])

  /// That the first words name a command. The parser says of any other word that it is unexpected, and no more.
  static func checkCommand(_ words: [String]) throws(Failure) {
    var command: any ParsableCommand.Type = Self.self
    var path = "guestsmith"
    for word in words {
      let commands = command.configuration.subcommands
      if word == "help" && path == "guestsmith" { continue }
      if commands.isEmpty || word.hasPrefix("-") { return }
      guard let next = commands.first(where: { $0.configuration.commandName == word }) else {
        let names = commands.compactMap { $0.configuration.commandName }
        throw Failure(
          .usage, "\(path) has no command \(Words.printable(word).quoted)",
          remedy: nearest(to: word, among: names).map { "did you mean \(path) \($0)? See \(path) --help" })
      }
      command = next
      path += " \(word)"
    }
  }
}
