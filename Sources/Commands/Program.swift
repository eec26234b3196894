// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import LinuxIO
internal import Provider
internal import Report
internal import Worker

/// The whole program: the scripts of an OS definition by the name they are called by, else the command line.
public enum Program {
  public static func main() {
    WorkerMain.run(workerTasks)
    StandardStream.holdAll()
    Interrupts.install()
    Exit.after {
      if let script = ProviderScript(CommandLine.arguments) { return try script.run() }
      let words = withoutDebug(Array(ownArguments().dropFirst()))
      try Guestsmith.checkCommand(words)
      var command = try Guestsmith.parseAsRoot(words)
      try command.run()
    }
  }
}

/// The words without `--debug`, which any command may have behind it; where it is there, programs that are run are shown.
private func withoutDebug(_ words: [String]) -> [String] {
  let options = words.prefix { $0 != "--" }
  guard options.contains("--debug") else { return words }
  Debugging.turnOn()
  return options.filter { $0 != "--debug" } + words.dropFirst(options.count)
}

struct Guestsmith: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guestsmith",
    abstract: "Install, dump, restore and rename guest operating systems for Ganeti.",
    subcommands: [
      OSCommand.self, InstanceCommand.self, BackupCommand.self, ImageCommand.self, DumpCommand.self, ConfigCommand.self,
    ])

  @Flag(help: "Show the version.")
  var version = false

  /// For the help alone: it is taken from the words before they are parsed.
  @Flag(help: "Show the command line of each program that is run, as GUESTSMITH_DEBUG=1 does.")
  var debug = false

  func run() throws {
    guard version else { throw CleanExit.helpRequest(self) }
    try writeText("guestsmith \(programVersion)\n")
  }

  /// That the first words name a command. The parser says of any other word that it is unexpected, and no more.
  static func checkCommand(_ words: [String]) throws(Failure) {
    // The parser would take it, and do nothing about it.
    if words.first?.hasPrefix("-") == false, words.prefix(while: { $0 != "--" }).contains("--version") {
      throw Failure(.usage, "--version is not an option of a command", remedy: "use guestsmith --version")
    }
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
