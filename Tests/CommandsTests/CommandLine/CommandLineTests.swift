// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("The command line of guestsmith")
struct CommandLineTests {
  @Test("The version is the one of the package's changelog")
  func version() throws {
    let outcome = try bash("'\(program)' --version")
    let changelog = try shell("head -n 1 '\(examples)/../packaging/changelog'")
    let version = changelog.split(separator: "(").last?.prefix { $0 != ")" } ?? ""
    #expect(outcome.status == 0 && outcome.output == "guestsmith \(version)\n", "\(outcome)")
    #expect(version.contains("."))
  }

  @Test(
    "The version is not asked of a command", arguments: ["instance list --version", "dump --version", "help --version"])
  func versionOfCommand(line: String) throws {
    let outcome = try bash("'\(program)' \(line)")
    #expect(outcome.status == Failure.Code.usage.rawValue && outcome.output == "", "\(outcome)")
    #expect(outcome.errors == "guestsmith: --version is not an option of a command\n  use guestsmith --version\n")
  }

  @Test(
    "An unknown command is told with the nearest",
    arguments: [
      ("instnace list", "guestsmith has no command 'instnace'", "guestsmith instance"),
      ("help bakcup", "guestsmith has no command 'bakcup'", "guestsmith backup"),
      ("instance bot vm1", "guestsmith instance has no command 'bot'", "guestsmith instance boot"),
      ("dump 'in\tfo'", "guestsmith dump has no command 'in\\tfo'", "guestsmith dump info"),
      ("verison", "guestsmith has no command 'verison'", "guestsmith "),
    ])
  func unknown(line: String, words: String, meant: String) throws {
    let outcome = try bash("'\(program)' \(line)")
    #expect(outcome.status == Failure.Code.usage.rawValue, "\(outcome)")
    #expect(outcome.errors.hasPrefix("guestsmith: \(words)\n  did you mean \(meant)"), "\(outcome)")
    #expect(outcome.output == "")
  }

  @Test("Help is asked for in each way", arguments: ["--help", "help", "help instance boot", "instance boot --help"])
  func help(line: String) throws {
    let outcome = try bash("'\(program)' \(line)")
    #expect(outcome.status == 0 && outcome.output.contains("USAGE: guestsmith"), "\(outcome)")
  }

  @Test("Scripts find the system's tools although the caller's PATH has no sbin")
  func tools() throws {
    try withScratch { scratch in
      try scratch.define("one", scripts: ["create": "command -v mke2fs losetup"])
      let outcome = try bash(
        """
        cd '\(scratch.path)' && env -i PATH=/usr/bin:/bin '\(program)' instance create vm1 -o one --disk 0:size=1 \
          --disk 1:size=1 --state state --search-path os --log-dir log
        """)
      #expect(outcome.status == 0, "\(outcome)")
    }
  }
}
