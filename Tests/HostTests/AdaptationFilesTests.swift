// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Report
import TestSupport
import Testing

/// What an adaptation writes, and where it does not.
@Suite struct AdaptationFilesTests {
  private func adaptation(
    _ folder: Scratch, of source: String = "\(examples)/tiny-5", to version: Int = 20, name: String? = nil,
    _ choices: Adaptation.Choices = .init()
  ) throws -> Adaptation {
    try Adaptation(of: source, to: version, into: folder("os"), name: name, choices)
  }

  private func text(_ adaptation: Adaptation, _ name: String) -> String? {
    adaptation.files.first { $0.name == name }?.text
  }

  @Test("the scripts are short, and say by whom and from what they were made") func scriptsShortSay() throws {
    try withScratch { folder in
      let source = folder("it's mine/old")
      try folder.define("old", in: "mine")
      try shell("cd '\(folder.path)'; mv mine \"it's mine\"")
      let adaptation = try adaptation(folder, of: source, name: "new")
      #expect(
        text(adaptation, "rename") == #"""
          #!/bin/sh
          # Made by guestsmith os adapt from \#(source), which speaks
          # version 5 of Ganeti's guest OS interface, for hosts of version 10 to 20.
          # shellcheck shell=sh disable=SC2034,SC2154

          # shellcheck source=adapted.sh
          . "${0%/*}/adapted.sh"
          check_argument "$INSTANCE_NAME"
          check_argument "$OLD_INSTANCE_NAME"
          take_root "${DISK_0_PATH-}"
          take_swap
          run rename -o "$OLD_INSTANCE_NAME" -n "$INSTANCE_NAME" -b "$root" -s "$swap"

          """#)
      let quoted = source.replacing("'", with: #"'\''"#)
      #expect(text(adaptation, "adapted.sh")?.contains("\nsource='\(quoted)'\n") == true)
      #expect(text(adaptation, "ganeti_api_version") == "20\n15\n10\n")
      #expect(text(adaptation, "variants.list") == "default\n")
      #expect(text(adaptation, "parameters.list") == "")
      #expect(
        adaptation.files.filter { $0.mode == 0o755 }.map(\.name) == ["create", "export", "import", "rename", "verify"])
    }
  }

  @Test(
    "shellcheck has nothing against them",
    .enabled(if: (try? shell("command -v shellcheck")) != nil, "needs shellcheck"), arguments: [5, 10, 15, 20])
  func shellcheckNothingAgainst(_ to: Int) throws {
    try withScratch { folder in
      for from in [5, 10, 15, 20] {
        _ = try adaptation(folder, of: "\(examples)/tiny-\(from)", to: to).install()
        let found = try bash(
          "cd '\(folder("os/tiny-\(from)"))' && shellcheck -x -P SCRIPTDIR create import export rename")
        #expect(found.status == 0, "\(found.output)")
      }
    }
  }

  @Test("made again it is unchanged, and what was changed or lost is made again") func madeAgainUnchanged() throws {
    try withScratch { folder in
      let adaptation = try adaptation(folder, .init(isCopied: true))
      #expect(try adaptation.install() == .installed)
      let state = "cd '\(folder.path)'; find . -printf '%p %i %T@ %C@\\n' | sort"
      let before = try shell(state)
      #expect(try adaptation.install() == .unchanged)
      #expect(try shell(state) == before)
      try shell("cd '\(folder("os/tiny-5"))'; echo >> create; chmod 644 export; rm -r source/guest.sh")
      #expect(try adaptation.install() == .completed(["create", "export", "source/guest.sh"]))
      #expect(try adaptation.install() == .unchanged)
      #expect(try shell("ls -A '\(folder("os"))'") == "tiny-5")
    }
  }

  @Test(
    "what is not ours is refused and left as it is",
    arguments: [
      ("touch tiny-5/mine", "it has 'mine'"),
      ("rm tiny-5/adapted.sh", "its adapted.sh was made by something else, or is missing"),
      ("echo 20 > tiny-5/ganeti_api_version", "it is for hosts of another version"),
      ("rm -r tiny-5; touch tiny-5", "it is not a folder"), ("mv tiny-5 x; ln -s x tiny-5", "it is not a folder"),
    ])
  func notOursRefused(_ change: String, _ found: String) throws {
    try withScratch { folder in
      let adaptation = try adaptation(folder)
      _ = try adaptation.install()
      try shell("cd '\(folder("os"))'; \(change)")
      let listing = "cd '\(folder("os"))'; find . -printf '%P %y %m %i %l\\n' | sort"
      let before = try shell(listing)
      let failure = #expect(throws: Failure.self) { try adaptation.install() }
      #expect(failure?.code == .invalid)
      #expect(failure?.message.hasSuffix(": \(found)") == true, "\(failure?.message ?? "")")
      #expect(try shell(listing) == before)
    }
  }

  @Test("a copy needs its source no more, keeps secrets and links, and follows links that lead out")
  func copyNeedsSource() throws {
    try withScratch { folder in
      let source = try folder.define("source", scripts: ["create": ". ./more/lib; cat secret link out"])
      try shell(
        """
        cd '\(source)'; mkdir more; echo 'echo lib' > more/lib; echo secret > secret; chmod 600 secret; ln -s secret link
        echo outside > ../outside; ln -s ../outside out; chmod 777 rename
        """)
      let adapted = try AdaptedDefinition(source, to: 5, in: folder, .init(isCopied: true))
      try shell("rm -r '\(source)' '\(folder("os/outside"))'")
      try adapted.run(.create(isReinstall: false), try adapted.instance("vm1", ["disk", "swap"]))
      #expect(try shell("cat '\(folder("log/os"))'/add-*") == "lib\nsecret\nsecret\noutside")
      #expect(
        try shell("cd '\(folder("os/adapted/source"))'; stat -c '%A %n' link out secret rename")
          == "lrwxrwxrwx link\n-rw-r--r-- out\n-rw------- secret\n-rwxr-xr-x rename")
    }
  }

  @Test(
    "what cannot be copied is refused",
    arguments: [
      ("mkfifo pipe", "is not copied: it is not a file"), ("ln -s /etc folder", "is not copied: it is not a file"),
      ("ln -s . round", "is not copied: it is not a file"),
    ])
  func cannotCopiedRefused(_ change: String, _ words: String) throws {
    try withScratch { folder in
      let source = try folder.define("source", in: "mine")
      try shell("cd '\(source)'; \(change)")
      let failure = #expect(throws: Failure.self) { try adaptation(folder, of: source, .init(isCopied: true)) }
      #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "")")
    }
  }

  @Test(
    "a name that the hosts do not take is refused",
    arguments: [
      (5, "a b"), (5, ".x"), (5, "-x"), (5, "a/b"), (5, ""), (5, "a+b"), (20, "a.b"), (20, "-x"), (20, ""),
      (10, "a\nb"),
      (15, "ä"),
    ])
  func nameHostsDo(_ version: Int, _ name: String) throws {
    try withScratch { folder in
      let failure = #expect(throws: Failure.self) { try adaptation(folder, to: version, name: name) }
      #expect(failure?.code == .invalid)
    }
  }

  @Test("what a source does not have cannot be chosen, and what a host chooses is not") func sourceDoesNot() throws {
    try withScratch { folder in
      let source = "\(examples)/tiny-20"
      let cases: [(Int, Adaptation.Choices, Failure.Code)] = [
        (5, .init(variant: "none"), .invalid), (5, .init(parameters: [("none", "1")]), .invalid),
        (20, .init(variant: "ext3"), .usage), (20, .init(parameters: [("motd", "1")]), .usage), (7, .init(), .usage),
      ]
      for (version, choices, code) in cases {
        let failure = #expect(throws: Failure.self) { try adaptation(folder, of: source, to: version, choices) }
        #expect(failure?.code == code)
      }
      #expect(throws: Failure.self) { try adaptation(folder, to: 10, .init(parameters: [("motd", "1")])) }
      #expect(access(folder("os"), F_OK) != 0)
    }
  }

  @Test("no variant of a source ends as a command") func noVariantSource() throws {
    try withScratch { folder in
      let source = try folder.define(
        "source", version: "15\n", scripts: ["create": "echo \"<$OS_VARIANT>\""],
        files: ["variants.list": "'$(touch x)'`touch y`\n"])
      for version in [5, 10, 15] {
        let adapted = try AdaptedDefinition(source, to: version, in: folder, name: "to\(version)")
        try adapted.run(.create(isReinstall: false), try adapted.instance("vm1", ["disk", "swap"]))
        #expect(try shell("cat '\(folder("log/os"))'/add-to\(version)*").contains("<'$(touch x)'`touch y`>"))
        #expect(try shell("cd '\(folder("os"))'; find . -name x -o -name y") == "")
      }
    }
  }

  @Test(
    "a source that is not valid is refused",
    arguments: ["broken-version-file", "broken-missing-rename", "broken-not-executable", "no-such"])
  func sourceNotValid(_ name: String) throws {
    try withScratch { folder in
      let source = name == "no-such" ? "\(examples)/no-such" : try folder.example(name)
      let failure = #expect(throws: Failure.self) { try adaptation(folder, of: source, name: "x") }
      #expect(failure?.code == .script)
    }
  }

  @Test("a definition is not adapted onto or into itself") func definitionNotAdapted() throws {
    try withScratch { folder in
      try folder.define("source")
      try shell("ln -s os '\(folder("alias"))'")
      for (parent, name) in [("os", "source"), ("alias", "source"), ("os/source", "new"), ("alias/source", "new")] {
        let failure = #expect(throws: Failure.self) {
          try Adaptation(of: folder("os/source"), to: 20, into: folder(parent), name: name)
        }
        #expect(failure?.message.contains("is the source itself, or inside it") == true)
      }
    }
  }

  @Test("the command adapts by name and by path, writes JSON, and a dry run writes nothing") func commandAdaptsName()
    throws
  {
    try withScratch { folder in
      let line = "cd '\(folder.path)' && '\(program)' os adapt"
      let dry = try bash("\(line) tiny-20 --search-path '\(examples)' --to 5 --into os --dry-run -O 'motd=hush\\, now'")
      #expect(dry.status == 0)
      #expect(dry.output.contains("==> \(folder("os/tiny-20/create")) (mode 755)\n#!/bin/sh\n"))
      #expect(dry.output.contains("parameters.sh (mode 600)\n(") && !dry.output.contains("hush"))
      #expect(try shell("ls '\(folder.path)'") == "")
      let made = try bash("\(line) '\(examples)/tiny-20' --to 5 --into os --json")
      #expect(made.status == 0)
      #expect(made.output.contains(#""outcome": "installed""#) || made.output.contains(#""outcome":"installed""#))
      let again = try bash("\(line) '\(examples)/tiny-20' --to 5 --into os")
      #expect(again.output.hasPrefix("Nothing to do: "))
      for (arguments, status) in [
        ("tiny-20 --search-path '\(examples)' --to 7 --into os", 2), ("nothing --to 5 --into os", 10),
        ("'\(examples)/tiny-20' --to 5 --into os -O =secret", 2), ("'\(examples)/tiny-20' --to 5", 2),
        ("'\(examples)/tiny-20' --to 20 --into os --name a.b", 3),
      ] {
        let outcome = try bash("\(line) \(arguments)")
        #expect(outcome.status == Int32(status), "\(arguments): \(outcome)")
        #expect(outcome.output == "" && !outcome.errors.contains("secret"))
      }
    }
  }
}
