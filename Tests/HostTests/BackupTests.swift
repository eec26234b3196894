// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Interface
import Report
import TestSupport
import Testing

@Suite struct BackupTests {
  private func node(_ folder: Scratch) -> Node {
    Node(searchPath: SearchPath([folder("os")]), logFolder: folder("log"), steps: Steps(.quiet))
  }

  private func export(_ folder: Scratch, to file: String = "dump") throws {
    try node(folder).exportBackup(
      of: InstanceName("vm1"), os: "one", disk: DiskRequest(parsing: folder("disk")), to: folder(file))
  }

  private func `import`(_ folder: Scratch, from file: String = "dump", force: Bool = false) throws {
    try node(folder).importBackup(
      InstanceName("vm2"), os: "one", disk: DiskRequest(parsing: folder("disk2:4")),
      swap: DiskRequest(parsing: folder("swap2:4")), from: folder(file), force: force)
  }

  @Test func `what export writes goes into the file as it is, and import reads it`() throws {
    try withScratch { folder in
      try folder.define(
        "one",
        scripts: [
          "export": "echo exporting \"$*\" >&2; cat \"$4\"",
          "import": "echo importing \"$*\"; dd of=\"$4\" conv=notrunc",
        ])
      try shell("head -c 3000000 /dev/urandom > '\(folder("disk"))'")
      try export(folder)
      #expect(try shell("cd '\(folder.path)'; cmp disk dump; stat -c %a dump; ls") == "600\ndisk\ndump\nlog\nos")
      try `import`(folder)
      #expect(try shell("cd '\(folder.path)'; cmp -n 3000000 disk disk2; stat -c %s disk2") == "4194304")
      let logs = try shell("cd '\(folder("log/os"))'; ls; cat exp-*; head -n 1 import-*").split(separator: "\n")
      #expect(isLog(logs[0], "exp-one-vm1-"))
      #expect(isLog(logs[1], "import-one-vm2-"))
      #expect(logs[2] == "exporting -i vm1 -b \(folder("disk"))")
      #expect(logs[3] == "importing -i vm2 -b \(folder("disk2")) -s \(folder("swap2"))")
    }
  }

  @Test func `an export that fails leaves the dump that was there, and no other`() throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["export": "echo half; echo no room >&2; exit 9"])
      try folder.write("x", to: "disk")
      try folder.write("the old dump", to: "dump")
      let failure = #expect(throws: Failure.self) { try export(folder) }
      #expect(failure?.code == .script)
      #expect(failure?.message == "the export script of one ended with exit status 9:\n  | no room")
      #expect(try folder.read("dump") == "the old dump")
      #expect(try shell("ls '\(folder.path)'") == "disk\ndump\nlog\nos")
    }
  }

  @Test func `what a killed export left is overwritten`() throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["export": "echo short"])
      try folder.write("x", to: "disk")
      try folder.write("a much longer draft of a killed export", to: "dump.new")
      try export(folder)
      #expect(try shell("cd '\(folder.path)'; cat dump; ls") == "short\ndisk\ndump\nlog\nos")
    }
  }

  @Test func `two exports to one file do not mix`() throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["export": "echo mine"])
      try folder.write("x", to: "disk")
      let other = open(folder("dump.new"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      defer { close(other) }
      #expect(flock(other, LOCK_EX) == 0)
      let failure = #expect(throws: Failure.self) { try export(folder) }
      #expect(failure?.code == .busy)
      #expect(access(folder("dump.new"), F_OK) == 0)
    }
  }

  @Test func `an import that fails removes the disks that were made for it`() throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["import": "cat > /dev/null; exit 1"])
      try folder.write("dump", to: "dump")
      #expect(throws: Failure.self) { try `import`(folder) }
      #expect(try shell("ls '\(folder.path)'") == "dump\nlog\nos")
    }
  }

  @Test func `a dump that is missing or no file is refused before a disk is made`() throws {
    try withScratch { folder in
      try folder.define("one")
      for file in ["dump", "os"] {
        let failure = #expect(throws: Failure.self) { try `import`(folder, from: file) }
        #expect(failure?.code == .dump)
      }
      #expect(try shell("ls '\(folder.path)'") == "os")
    }
  }

  @Test func `an export to a folder is refused`() throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["export": "echo x"])
      try folder.write("x", to: "disk")
      let failure = #expect(throws: Failure.self) { try export(folder, to: "os") }
      #expect(failure?.message == "\(folder("os")) is not a file")
    }
  }
}
