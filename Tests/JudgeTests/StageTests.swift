// SPDX-License-Identifier: Apache-2.0
import Judge
import Report
import TestSupport
import Testing

@Suite("A check that is not made says why", .enabled(if: isRoot, "needs root"))
struct StageTests {
  /// The reasons of checks that do not apply, by their identifiers.
  ///
  /// - Parameters:
  ///   - change: changes the copy of the example that is judged.
  ///   - mounts: what the judge finds mounted.
  private func reasons(
    _ example: String, _ options: String, _ change: String = "true", mounts: String = "true"
  ) throws -> [String: String] {
    try withScratch { scratch in
      let folder = try scratch.example(example)
      try shell("cd '\(folder)' && \(change)")
      try scratch.write("\(mounts) && exec '\(program)' \"$@\"", to: "in-mounts")
      let judged = try Judged(
        folder, "--disk-size 64M \(options)",
        program: "unshare --mount --propagation private bash '\(scratch("in-mounts"))'")
      let checks = judged.json["checks"]?.array ?? []
      let told = Set(checks.compactMap { $0["id"]?.string })
      #expect(told == Set(Check.allCases.map(\.rawValue)), "each check is told, once")
      #expect(checks.count == told.count)
      let missing = checks.filter { $0["outcome"]?.string == "not applicable" }
      return Dictionary(uniqueKeysWithValues: missing.map { ($0["id"]?.string ?? "", $0["reason"]?.string ?? "") })
    }
  }

  @Test("What comes after a create that fails does not apply, since create failed")
  func create() throws {
    let reasons = try reasons("tiny-10", "", "echo 'exit 3' >>create")
    for id in [
      "create.filesystem", "create.environment", "create.two-at-once", "export.succeeds", "export.write-error",
      "import.same-contents", "import.boot-files", "import.features", "import.last-byte-missing", "import.empty",
      "rename.name", "refuses.small-disk", "hostile.import", "leaks.secrets",
    ] {
      #expect(reasons[id] == "create.succeeds failed", "\(id)")
    }
  }

  @Test("What needs a dump does not apply where export failed, and what needs none is tried")
  func export() throws {
    let reasons = try reasons("tiny-10", "", "echo 'exit 3' >>export")
    for id in ["export.disk-unchanged", "import.succeeds", "import.names", "import.half-dump", "hostile.import"] {
      #expect(reasons[id] == "export.succeeds failed", "\(id)")
    }
    for id in ["rename.name", "refuses.small-disk", "hostile.rename", "create.path"] { #expect(reasons[id] == nil) }
  }

  @Test("What needs a restored guest does not apply where import failed")
  func imported() throws {
    let reasons = try reasons("tiny-10", "", "echo 'exit 3' >>import")
    for id in ["import.same-contents", "import.filesystem", "import.names", "import.last-byte-missing"] {
      #expect(reasons[id] == "import.succeeds failed", "\(id)")
    }
  }

  @Test("What needs a filesystem does not apply to a definition that writes nothing")
  func blank() throws {
    let reasons = try reasons("noop", "--api 10")
    for id in ["create.filesystem", "import.filesystem", "import.features", "rename.name", "refuses.small-disk"] {
      #expect(reasons[id] == "create writes nothing to the disk", "\(id)")
    }
  }

  @Test("A check whose tool does not work is not made, and names the tool: that is not a fault of the definition")
  func tool() throws {
    let reasons = try reasons("tiny-10", "", mounts: "mount --bind /bin/false \"$(command -v dumpe2fs)\"")
    #expect(reasons["import.features"]?.hasPrefix("the check could not be made: dumpe2fs ") == true)
  }

  @Test("A filesystem that no checker is known for is not a fault of the definition")
  func checker() throws {
    let change = #"printf '#!/bin/sh\nmkfs.fat "$DISK_0_PATH" >/dev/null 2>&1\n' >create"#
    let reasons = try reasons("noop", "--api 10", change)
    for id in ["create.filesystem", "import.filesystem"] {
      #expect(reasons[id] == "the check could not be made: no checker is known for vfat", "\(id)")
    }
    for id in ["create.environment", "create.two-at-once", "import.same-contents"] { #expect(reasons[id] == nil) }
  }

  @Test("A loader that shows nothing on the console may be one that writes to a screen")
  func silentLoader() throws {
    let reasons = try reasons("tiny-disk", "", "sed -i 's/tiny guest.r.n//' guest.sh")
    #expect(reasons["create.boots-bios"]?.contains("the console showed nothing of that within 20 s") == true)
  }

  @Test("A definition with a create_untrusted alone is judged by its files")
  func untrusted() throws {
    let reasons = try reasons("tiny-10", "", "mv create create_untrusted")
    for id in ["create.succeeds", "rename.succeeds", "leaks.secrets"] {
      #expect(reasons[id] == "its create_untrusted is for a virtual machine", "\(id)")
    }
  }
}
