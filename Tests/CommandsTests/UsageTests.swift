// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("What the scripts of the definition say before they touch anything")
struct Usage {
  static let scripts = ["create", "import", "export", "rename"]

  @Test("Help as the first argument is the usage on standard output", arguments: scripts, ["-h", "--help"])
  func help(script: String, option: String) throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
      for arguments in [option, "\(option) -i vm1.example.com"] {
        let outcome = try definition.script(script, arguments)
        #expect(outcome.status == 0)
        #expect(outcome.output.lowercased().contains("usage"))
        #expect(outcome.output.contains(script))
        #expect(outcome.errors == "")
      }
    }
  }

  @Test(
    "A wrong command line is the usage on standard error, and status 2",
    arguments: [
      ("create", ""), ("create", "-i vm1.example.com"), ("create", "-i vm1.example.com -b A"),
      ("create", "-i vm1.example.com -b A -s B rest"), ("create", "-i vm1.example.com -b A -s"),
      ("create", "-i vm1.example.com -i vm2.example.com -b A -s B"), ("create", "-x vm1.example.com -b A -s B"),
      ("create", "-i vm1.example.com -b A -s B -s C"), ("create", "vm1.example.com A B"),
      ("create", "-i vm1.example.com -h -b A -s B"),
      ("import", ""), ("import", "-i vm1.example.com -b A"), ("import", "-o a -n b -b A -s B"),
      ("export", ""), ("export", "-i vm1.example.com"), ("export", "-i vm1.example.com -b A -s B"),
      ("export", "-i vm1.example.com -b A -b A"),
      ("rename", ""), ("rename", "-o a -n b -b A"), ("rename", "-i a -n b -b A -s B"),
      ("rename", "-o a -o b -b A -s B"),
    ])
  func wrong(script: String, arguments: String) throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
      let outcome = try definition.script(script, arguments)
      #expect(outcome.status == Failure.Code.usage.rawValue, "\(outcome)")
      #expect(outcome.errors.lowercased().contains("usage"))
      #expect(outcome.output == "")
    }
  }

  @Test(
    "A name that is no host name is refused before a byte is written",
    arguments: [
      "../x", "a b", "'vm1\nvm2'", "-rf", "--help", "''", "vm1..example.com", "vm_1.example.com", ".",
      "vm1.example.com.",
      "'vm1;true'", "vm1/../x", "-vm1.example.com", "vm1-.example.com", String(repeating: "a", count: 64),
      Array(repeating: "abcdefg", count: 33).joined(separator: "."),
    ])
  func names(name: String) throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(in: scratch, cache: scratch("cache"))
      let disk = try makeSparseFile(scratch("disk"), size: 1 << 30)
      let swap = try makeSparseFile(scratch("swap"), size: 1 << 20)
      let quoted = name.hasPrefix("'") ? name : "'\(name)'"
      for (script, arguments) in [
        ("create", "-i \(quoted) -b \(disk) -s \(swap)"), ("import", "-i \(quoted) -b \(disk) -s \(swap)"),
        ("export", "-i \(quoted) -b \(disk)"), ("rename", "-o vm1.example.com -n \(quoted) -b \(disk) -s \(swap)"),
        ("rename", "-o \(quoted) -n vm1.example.com -b \(disk) -s \(swap)"),
      ] {
        let outcome = try definition.script(script, arguments)
        #expect(outcome.status == Failure.Code.invalid.rawValue, "\(script): \(outcome)")
        #expect(outcome.output == "")
        #expect(try allocated(disk) == 0)
        #expect(try allocated(swap) == 0)
      }
    }
  }

  @Test("An unknown key of the configuration is told with its file, its line and the nearest key")
  func unknownKey() throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(
        in: scratch, cache: scratch("cache"), configuration: "suite = \"bookworm\"\nmirorr = \"\"\n")
      let disk = try makeSparseFile(scratch("disk"), size: 1 << 30)
      let swap = try makeSparseFile(scratch("swap"), size: 1 << 20)
      let outcome = try definition.create("vm1.example.com", disk, swap)
      #expect(outcome.status == Failure.Code.invalid.rawValue, "\(outcome)")
      #expect(outcome.output.contains("guestsmith.toml"))
      #expect(outcome.output.contains("3"), "the line")
      #expect(outcome.output.contains("mirorr"))
      #expect(outcome.output.contains("mirror"))
      #expect(try allocated(disk) == 0)
    }
  }
}
