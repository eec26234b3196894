// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Interface
import Report
import TestSupport
import Testing

@Suite struct OSDefinitionTests {
  @Test("a definition of version 5 is valid and one of version 20 tells its variants and parameters")
  func definitionVersion5() throws {
    try withScratch { folder in
      try folder.define("etch")
      try folder.define(
        "image", version: "20\n15\n10\n",
        files: ["variants.list": "# all\n\n  one \ntwo.x\n", "parameters.list": "size The size, in MiB\n"])
      let definitions = folder.inventory().definitions
      #expect(definitions.map(\.name) == ["etch", "image"])
      #expect(definitions[0].versions == [5])
      #expect(definitions[0].contents?.variants == [])
      #expect(definitions[1].versions == [20, 15, 10])
      #expect(definitions[1].contents?.variants == ["one", "two.x"])
      #expect(definitions[1].contents?.parameters.map { [$0.name, $0.help] } == [["size", "The size, in MiB"]])
      #expect(definitions[1].names == ["image+one", "image+two.x"])
    }
  }

  @Test(
    "a version file that does not hold versions is told with what it holds",
    arguments: [
      ("", "API version is not integer (invalid literal for int() with base 10: '')"),
      ("\n", "API version is not integer (invalid literal for int() with base 10: '')"),
      ("five\n", "API version is not integer (invalid literal for int() with base 10: 'five')"),
      ("5\n# comment\n", "API version is not integer (invalid literal for int() with base 10: '# comment')"),
      ("5 10\n", "API version is not integer (invalid literal for int() with base 10: '5 10')"),
      ("4\n", "API version mismatch (found 4 want 5, 10, 15, 20)"),
      ("25\n", "API version mismatch for path 'OS/one': found [25], want [5, 10, 15, 20]."),
    ])
  func versionFileDoes(
    _ text: String, _ message: String
  ) throws {
    try withScratch { folder in
      try folder.define("one", version: text)
      #expect(folder.fault() == message.replacing("OS", with: folder("os")))
    }
  }

  @Test("a version may have white space around it", arguments: ["5", " 5 \n", "+5\r\n", "5\n"])
  func versionMayWhite(_ text: String) throws {
    try withScratch { folder in
      try folder.define("one", version: text)
      #expect(folder.fault() == nil)
    }
  }

  @Test(
    "what a link leads to outside of the definition is not shown",
    arguments: ["ganeti_api_version", "variants.list", "parameters.list"])
  func linkLeadsOutside(_ file: String) throws {
    try withScratch { folder in
      try folder.define("one", version: "20\n", files: ["variants.list": "small\n", "parameters.list": ""])
      try folder.write("secret 20\n", to: "outside")
      try shell("cd '\(folder("os/one"))'; mv \(file) kept; ln -s kept \(file)")
      #expect(folder.fault() == nil)
      try shell("cd '\(folder("os/one"))'; ln -sf ../../outside \(file)")
      let fault = try #require(folder.fault())
      #expect(fault.contains("\(file) leads out of the definition, to \(folder("outside"))"), "\(fault)")
      #expect(!fault.contains("secret"))
    }
  }

  @Test("scripts may be links to outside of the definition") func scriptsMayLinks() throws {
    try withScratch { folder in
      try folder.define("one", version: "20\n", files: ["parameters.list": ""])
      try shell("cd '\(folder("os/one"))'; for i in create export; do mv $i ../../$i; ln -s ../../$i; done")
      #expect(folder.fault() == nil)
    }
  }

  @Test("binary garbage as a version is shown escaped on one line") func binaryGarbageVersion() throws {
    try withScratch { folder in
      try folder.define("one")
      try folder.write([0x1b, 0x5b, 0xff, 0x00, 0x35], to: "os/one/ganeti_api_version")
      #expect(
        folder.fault()
          == #"API version is not integer (invalid literal for int() with base 10: '\x1b[\xff')"#)
    }
  }

  @Test(
    "what is wrong with version 5 is told in the words of Ganeti 1.2.6",
    arguments: [
      ("rm create", "'create' script missing (ENOENT)"),
      ("chmod 644 import", "'import' script not executable"),
      ("rm export; mkdir export", "'export' is not a regular file"),
      ("ln -sf /no/such/file rename", "'rename' script missing (ENOENT)"),
      ("rm rename; ln -s rename rename", "'rename' script missing (ELOOP)"),
      ("rm ganeti_api_version", "'ganeti_api_version' file not found (ENOENT)"),
      ("rm ganeti_api_version; mkfifo ganeti_api_version", "'ganeti_api_version' file is not a regular file"),
    ])
  func wrongVersion5(_ damage: String, _ message: String) throws {
    try withScratch { folder in
      try folder.define("one")
      try shell("cd '\(folder("os/one"))'; \(damage)")
      #expect(folder.fault() == message)
    }
  }

  @Test(
    "what is wrong with version 20 is told in the words of Ganeti 3",
    arguments: [
      ("rm create", "A create script (trusted or untrusted) under path 'OS/one' must exist"),
      ("rm import", "File 'import' under path 'OS/one' is missing (ENOENT)"),
      ("chmod 600 verify", "File 'verify' under path 'OS/one' is not executable"),
      ("rm rename; mkdir rename", "File 'rename' under path 'OS/one' is not a regular file"),
      ("rm parameters.list", "File 'parameters.list' under path 'OS/one' is missing (ENOENT)"),
      (
        "echo lonely >> parameters.list",
        "Line 1 of the OS parameters file at OS/one/parameters.list is not a name and a help text"
      ),
    ])
  func wrongVersion20(_ damage: String, _ message: String) throws {
    try withScratch { folder in
      try folder.define("one", version: "20\n", files: ["parameters.list": ""])
      #expect(folder.fault() == nil)
      try shell("cd '\(folder("os/one"))'; \(damage)")
      #expect(folder.fault() == message.replacing("OS/", with: folder("os") + "/"))
    }
  }

  @Test("verify and parameters are not asked of earlier versions, and create_untrusted is enough")
  func verifyParametersNot() throws {
    try withScratch { folder in
      try folder.define("one", version: "15\n10\n")
      try shell("cd '\(folder("os/one"))'; rm verify; mv create create_untrusted")
      #expect(folder.inventory().definitions.first?.contents?.isTrusted == false)
    }
  }

  @Test("a create_untrusted alone is not called, and a create beside it is") func createUntrusted() throws {
    try withScratch { folder in
      try folder.define("one", version: "15\n10\n", files: ["variants.list": "small\n"])
      let instance = Instance(name: try InstanceName("vm1"), os: "one", uuid: "u", created: 1)
      func refusal() throws -> String? {
        let definition = try SearchPath([folder("os")]).definition(named: "one")
        do {
          _ = try ScriptCall(definition, .create(isReinstall: false), of: instance)
          return nil
        } catch {
          return error.message
        }
      }
      try shell("cd '\(folder("os/one"))'; cp create create_untrusted")
      #expect(try refusal() == nil)
      try shell("rm '\(folder("os/one/create"))'")
      #expect(try refusal()?.hasPrefix("the OS one lacks create: its create_untrusted is for a virtual") == true)
    }
  }

  @Test("a name with a dot or a plus is for version 5 only") func nameDotPlus() throws {
    try withScratch { folder in
      try folder.define("deb.ian+min")
      #expect(folder.fault() == nil)
      try folder.define("deb.ian+min", version: "10\n")
      #expect(folder.fault()?.hasPrefix("Directory for OS deb.ian+min not found in search path") == true)
      #expect(folder.fault()?.hasSuffix("; what is behind a '+' is a variant)") == true)
    }
  }

  @Test("whatever lies in a folder, the rest is seen") func whateverLiesFolder() throws {
    try withScratch { folder in
      try folder.define("good")
      try folder.write("a file", to: "os/README")
      try folder.write([0, 1, 2, 0xff], to: "os/bad/ganeti_api_version")
      try shell("cd '\(folder("os"))'; ln -s nowhere dangling; ln -s loop loop; mkdir empty .dot; touch 'new\nline'")
      // A folder that not even root can read, and one that is a file.
      try shell("cd '\(folder.path)'; ln -s round round; touch file")
      let inventory = folder.inventory("round", "file", "missing", "os")
      #expect(inventory.definitions.map(\.name) == ["README", "bad", "dangling", "empty", "good", "loop", "new\nline"])
      #expect(inventory.definitions.filter(\.isValid).map(\.name) == ["good"])
      #expect(
        inventory.unreadable.map { $0.replacing(folder.path, with: "") } == [
          "cannot read the folder /round: Too many levels of symbolic links",
          "cannot read the folder /file: Not a directory",
        ])
      #expect(inventory.hasFaults)
    }
  }

  @Test(
    "a folder without the right to read it is told and hides nothing",
    .enabled(if: !isRoot, "root may read every folder"))
  func folderWithoutRight() throws {
    try withScratch { folder in
      try folder.define("good")
      try folder.folder("closed")
      chmod(folder("closed"), 0)
      let inventory = folder.inventory("closed", "os")
      #expect(inventory.unreadable.count == 1)
      #expect(inventory.definitions.count == 1)
    }
  }

  @Test("a search path is split at colons and names each folder once") func searchPathSplit() {
    #expect(SearchPath(["/a:/b/", "", "/a", "/c::/d"]).folders == ["/a", "/b", "/c", "/d"])
    #expect(SearchPath(["x"]).folders[0].hasPrefix("/"))
  }

  @Test("the first definition of a name is the one that is run, even when it is not valid") func firstDefinitionName()
    throws
  {
    try withScratch { folder in
      try folder.define("one", in: "first", version: "none\n")
      try folder.define("one", in: "second")
      try folder.define("two", in: "second")
      let path = SearchPath([folder("first"), folder("second")])
      #expect(try path.definition(named: "two").path == folder("second/two"))
      let invalid = #expect(throws: Failure.self) { try path.definition(named: "one") }
      #expect(invalid?.code == .script)
      #expect(invalid?.message.contains("\(folder("first/one")) is not valid: API version is not integer") == true)
      let missing = #expect(throws: Failure.self) { try path.definition(named: "three") }
      #expect(missing?.message.hasPrefix("OS dir not found in search path: there is no 'three' in") == true)
      for name in ["", "..", "../first/one", "/etc", ".hidden"] {
        let failure = #expect(throws: Failure.self) { try path.definition(named: name) }
        #expect(failure?.code == .invalid)
      }
    }
  }
}
