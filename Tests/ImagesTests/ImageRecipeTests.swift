// SPDX-License-Identifier: Apache-2.0
import Ext4
import Report
import TestSupport
import Testing

@testable import Images

@Suite struct ImageRecipeTests {
  private func recipe(_ change: (inout ImageRequest) -> Void = { _ in }) throws -> ImageRecipe {
    var request = ImageRequest(suite: "bookworm", mirror: "http://m.example/debian", packages: ["vim"])
    change(&request)
    return try ImageRecipe(request)
  }

  @Test("the same is made under the same key") func theSameIsMadeUnderTheSameKey() throws {
    let key = try recipe().key
    #expect(key.count == 64)
    #expect(try recipe().key == key)
    #expect(try recipe { $0.packages = ["vim", "vim"] }.key == key)
    #expect(try recipe { $0.packages = ["vim", "udev"] }.key == key, "udev is in every image")
    #expect(try recipe { $0.mirror = "http://joe:secret@m.example/debian" }.key == key)
  }

  @Test("one time service is asked for, since two would conflict") func timeService() throws {
    func services(_ packages: [String]) throws -> [String] {
      try recipe { $0.packages = packages }.packages.filter(["chrony", "ntpsec", "systemd-timesyncd"].contains)
    }
    #expect(try services(["vim"]) == ["systemd-timesyncd"])
    #expect(try services(["vim", "chrony"]) == ["chrony"])
    #expect(try services(["ntpsec"]) == ["ntpsec"])
    #expect(try services(["systemd-timesyncd"]) == ["systemd-timesyncd"])
  }

  @Test("a disk that boots by itself has what enlarges its root, where that is a package of its own")
  func enlarges() throws {
    func has(_ suite: String, boots: Bool = true) throws -> Bool {
      try recipe {
        $0.suite = suite
        $0.isBootable = boots
      }.packages.contains("systemd-repart")
    }
    #expect(try has("trixie") && has("resolute"))
    #expect(try !has("bullseye") && !has("bookworm") && !has("jammy") && !has("noble"))
    #expect(try !has("trixie", boots: false))
  }

  @Test("every choice makes another key") func everyChoiceMakesAnotherKey() throws {
    let changes: [(inout ImageRequest) -> Void] = [
      { _ in }, { $0.suite = "trixie" }, { $0.mirror = "http://n.example/debian" },
      { $0.components = ["main", "contrib"] }, { $0.packages = [] }, { $0.packages = ["vim", "less"] },
      { $0.kernel = "linux-image-amd64" }, { $0.filesystem.kind = .ext3 }, { $0.filesystem.blockSize = 1024 },
      { $0.filesystem.inodeRatio = 8192 },
    ]
    let keys = try changes.map { try recipe($0).key }
    #expect(Set(keys).count == changes.count)
  }

  @Test("what the site has said makes another key by its content, and is checked")
  func site() throws {
    try withScratch { scratch in
      let plain = try recipe().key
      let hook = try scratch.write("#!/bin/sh\n", to: "hook")
      let answers = try scratch.write("d d/one string 1\n", to: "answers")
      let first = try recipe { $0.buildHook = hook }
      #expect(first.key != plain)
      try shell("cp '\(hook)' '\(hook).copy'")
      #expect(try recipe { $0.buildHook = hook + ".copy" }.key == first.key)
      try scratch.write("#!/bin/sh\ntrue\n", to: "hook")
      #expect(try recipe { $0.buildHook = hook }.key != first.key)
      let answered = try recipe { $0.debconf = ["d d/one string 1"] }
      #expect(answered.key != plain && !answered.text.contains("d/one"))
      #expect(try recipe { $0.debconf = [answers] }.key == answered.key)
      for (wrong, words) in [
        ("d d/one 1 s3cret", "'d d/one' is not an answer"), ("/nonexistent", "debconf: cannot open /nonexistent"),
      ] {
        let failure = #expect(throws: Failure.self) { try recipe { $0.debconf = [wrong] } }
        #expect(failure?.message.contains(words) == true && failure?.message.contains("s3cret") == false)
      }
      let failure = #expect(throws: Failure.self) { try recipe { $0.buildHook = answers } }
      #expect(failure?.message.contains("is not a program") == true)
    }
  }

  @Test(
    "a program of the site that others could change is not run by root", .enabled(if: isRoot, "needs root"),
    arguments: ["chmod 775", "chown 33"])
  func exposedHook(change: String) throws {
    try withScratch { scratch in
      let hook = try scratch.write("#!/bin/sh\n", to: "hook")
      try shell("\(change) '\(hook)'")
      let failure = #expect(throws: Failure.self) { try recipe { $0.buildHook = hook } }
      #expect(failure?.message.contains("could change it") == true)
    }
  }

  @Test("the image leaves out what the release cannot read") func imageLeavesOut() throws {
    #expect(try recipe().filesystem.omitted == [])
    #expect(try recipe { $0.suite = "bullseye" }.filesystem.omitted == [.checksumSeed])
    #expect(
      try recipe { $0.suite = "xenial" }.filesystem.features.isDisjoint(with: [.checksumSeed, .metadataChecksums]))
    #expect(try recipe { $0.suite = "bullseye" }.text.contains("filesystem ext4,^metadata_csum_seed\n"))
  }

  @Test("what comes with the disk makes no other key") func comesDiskMakes() throws {
    let key = try recipe { _ in }.key
    #expect(try recipe { $0.filesystem.reservedPercent = 1 }.key == key)
    #expect(try recipe { $0.filesystem.label = "root" }.key == key)
    #expect(try recipe { $0.filesystem.kind = .ext3 }.key == recipe { $0.filesystem.kind = .ext2 }.key)
  }

  @Test("what is no name is refused", arguments: ["", "-o", "a b", "a,b", "a;b", "../x", "?essential", "x\n"])
  func whatIsNoNameIsRefused(name: String) {
    #expect(throws: Failure.self) { try recipe { $0.packages = [name] } }
    #expect(throws: Failure.self) { try recipe { $0.suite = name } }
    #expect(throws: Failure.self) { try recipe { $0.kernel = name } }
  }

  @Test("installed packages are read from dpkgs status") func installedPackagesRead() throws {
    let status = """
      Package: zlib1g
      Status: install ok installed
      Architecture: amd64
      Version: 1:1.2.13.dfsg-1
      Description: compression
       Version: 9

      Package: gone
      Status: deinstall ok config-files
      Architecture: all
      Version: 1

      Package: apt
      Status: install ok installed
      Architecture: amd64
      Version: 2.6.1
      """
    #expect(
      try InstalledPackage.parse(dpkgStatus: Array(status.utf8)) == [
        InstalledPackage(name: "apt", version: "2.6.1", architecture: "amd64"),
        InstalledPackage(name: "zlib1g", version: "1:1.2.13.dfsg-1", architecture: "amd64"),
      ])
  }

  @Test("more packages than any distribution has are refused, and empty lines are none") func tooManyPackages() throws {
    #expect(try InstalledPackage.parse(dpkgStatus: [UInt8](repeating: 10, count: 1 << 20)) == [])
    let long = String(repeating: "1", count: 1 << 20)
    for (version, count) in [("1", InstalledPackage.most + 1), (long, 5)] {
      let one = "Package: a\nStatus: install ok installed\nVersion: \(version)\n\n"
      let failure = try #require(throws: Failure.self) {
        _ = try InstalledPackage.parse(dpkgStatus: Array(String(repeating: one, count: count).utf8))
      }
      #expect(failure.code == .guest)
      #expect(failure.message.contains("lists more than 100000 packages"), "\(failure.message)")
    }
  }

  @Test("times are written and read in one form") func timesAreWrittenAndReadInOneForm() {
    #expect(Timestamp(seconds: 0).text == "1970-01-01T00:00:00Z")
    #expect(Timestamp(seconds: 1_763_879_580).text == "2025-11-23T06:33:00Z")
    #expect(Timestamp("2025-11-23T06:33:00Z") == Timestamp(seconds: 1_763_879_580))
    for text in ["2025-11-23", "2025-13-23T06:33:00Z", "2025-11-23 06:33:00", "", "2025-02-30T00:00:00Z"] {
      #expect(Timestamp(text) == nil)
    }
  }
}
