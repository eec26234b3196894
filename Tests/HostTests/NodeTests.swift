// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Interface
import Report
import TestSupport
import Testing

/// Instances on real files, by real scripts.
@Suite struct NodeTests {
  private func node(_ folder: Scratch) -> Node {
    Node(searchPath: SearchPath([folder("os")]), logFolder: folder("log"), steps: Steps(.quiet))
  }

  private func create(_ folder: Scratch, disk: String = "disk:8", swap: String = "swap:4", force: Bool = false) throws {
    try node(folder).createInstance(
      InstanceName("vm1.example.com"), os: "one", disk: DiskRequest(parsing: folder(disk)),
      swap: DiskRequest(parsing: folder(swap)), force: force)
  }

  private func failure(of body: () throws -> Void) -> Failure? {
    do {
      try body()
      return nil
    } catch {
      return error as? Failure
    }
  }

  @Test func `create is called as Ganeti 1_2_6 does`() throws {
    try withScratch { folder in
      let script = """
        echo "$0|$*|$(pwd)|$LC_ALL|$HOME"
        wc -c
        echo to the log too >&2
        """
      try folder.define("one", scripts: ["create": script])
      try create(folder)
      let log = try shell("ls '\(folder("log/os"))'")
      #expect(isLog(log, "add-one-vm1.example.com-"))
      let home = getenv("HOME").map { String(cString: $0) } ?? ""
      #expect(
        try folder.read("log/os/\(log)").replacing(folder.path, with: "") == """
          /os/one/create|-i vm1.example.com -b /disk -s /swap|/os/one|C|\(home.replacing(folder.path, with: ""))
          0
          to the log too

          """)
    }
  }

  @Test func `disks that are not there are made sparse, for their owner only`() throws {
    try withScratch { folder in
      try folder.define("one")
      try create(folder, disk: "disk:10G", swap: "swap:1")
      #expect(
        try shell("cd '\(folder.path)'; stat -c '%n %s %b %a' disk swap")
          == "disk 10737418240 0 600\nswap 4194304 0 600")
    }
  }

  @Test func `a script that fails fails the command, with the end of its log, and the disks it was given go`() throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["create": "seq 1 30; printf 'bad \\033[31mcolour\\n' >&2; exit 7"])
      let refused = failure { try create(folder) }
      #expect(refused?.code == .script)
      let lines = refused?.message.split(separator: "\n") ?? []
      #expect(lines.first == "the create script of one ended with exit status 7:")
      #expect(lines.dropFirst().map(String.init) == (12...30).map { "  | \($0)" } + ["  | bad \\x1b[31mcolour"])
      #expect(refused?.remedy?.hasPrefix("all that it said is in \(folder("log/os/add-one-vm1"))") == true)
      #expect(try shell("ls '\(folder.path)'") == "log\nos")
    }
  }

  @Test func `a script that is killed, and says nothing, is told so`() throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["create": "kill -9 $$"])
      let refused = failure { try create(folder) }
      #expect(refused?.message == "the create script of one was ended by signal 9, and said nothing")
    }
  }

  @Test func `disks that were there stay when the script fails`() throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["create": "exit 1"])
      try makeSparseFile(folder("disk"), size: 1 << 20)
      let refused = failure { try create(folder) }
      #expect(refused?.code == .script)
      #expect(try shell("ls '\(folder.path)'") == "disk\nlog\nos")
    }
  }

  @Test func `a disk that is not empty is overwritten only by force`() throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["create": "echo ran > ../../ran"])
      try makeSparseFile(folder("disk"), size: 64 << 20)
      // The last thing anyone would look at: one byte far inside.
      try shell("printf x | dd of='\(folder("disk"))' bs=1 seek=50000000 conv=notrunc status=none")
      let refused = failure { try create(folder, disk: "disk") }
      #expect(refused?.code == .device)
      #expect(refused?.message == "the disk \(folder("disk")) is not empty")
      #expect(refused?.remedy?.contains("--force") == true)
      #expect(access(folder("swap"), F_OK) != 0, "nothing is made before all is checked")
      #expect(access(folder("ran"), F_OK) != 0)
      try create(folder, disk: "disk", force: true)
      #expect(access(folder("ran"), F_OK) == 0)
    }
  }

  @Test func `a disk of zeros is empty`() throws {
    try withScratch { folder in
      try folder.define("one")
      try shell("dd if=/dev/zero of='\(folder("disk"))' bs=1M count=3 status=none")
      try create(folder, disk: "disk")
      try create(folder, disk: "disk:8")
      #expect(try shell("stat -c %s '\(folder("disk"))'") == "8388608")
    }
  }

  @Test func `the same disk by two paths is refused`() throws {
    try withScratch { folder in
      try folder.define("one")
      let refused = failure { try create(folder, disk: "new:8", swap: "os/../new:8") }
      #expect(refused?.message.contains("same disk") == true)
      try makeSparseFile(folder("disk"), size: 1 << 20)
      try shell("cd '\(folder.path)'; ln -s disk soft; ln disk hard")
      for path in ["disk", "soft", "hard", "os/../disk"] {
        let refused = failure { try create(folder, disk: "disk", swap: path) }
        #expect(refused?.code == .device)
        #expect(refused?.message.contains("same disk") == true)
      }
    }
  }

  @Test(arguments: [
    ("missing", "there is no disk /missing"), ("no/folder:10", "there is no folder /no for the disk /no/folder"),
    ("os", "/os is a directory, not a file or a block device"), ("empty", "the disk /empty has no size"),
    ("pipe", "/pipe is no disk, not a file or a block device"),
  ])
  func `what cannot be a disk is refused before anything is done`(_ disk: String, _ message: String) throws {
    try withScratch { folder in
      try folder.define("one")
      try shell("cd '\(folder.path)'; touch empty; mkfifo pipe")
      let refused = failure { try create(folder, disk: disk) }
      #expect(refused?.message.replacing(folder.path, with: "") == message)
      #expect(refused?.code == .device)
      #expect(access(folder("swap"), F_OK) != 0)
    }
  }

  @Test(.enabled(if: isRoot, "loop devices need root"))
  func `a block device is looked at from both ends and must have the size asked for`() throws {
    try withScratch { folder in
      try folder.define("one")
      try makeSparseFile(folder("back"), size: 64 << 20)
      try withLoopDevice(folder("back")) { device in
        let swap = try DiskRequest(parsing: folder("swap:4"))
        func create(_ disk: String, force: Bool = false) -> Failure? {
          failure {
            try node(folder).createInstance(
              InstanceName("vm1"), os: "one", disk: DiskRequest(parsing: disk), swap: swap, force: force)
          }
        }
        #expect(create(device) == nil)
        #expect(create("\(device):64") == nil)
        #expect(create("\(device):65")?.message == "the device \(device) has 64 MiB, and 68 MiB are asked for")
        try shell("printf x | dd of=\(device) bs=1 seek=67108000 status=none conv=notrunc")
        #expect(create(device)?.message == "the disk \(device) is not empty")
        #expect(create(device, force: true) == nil)
      }
    }
  }

  @Test func `a path that 1_2_6 would not hand to a shell is refused`() throws {
    try withScratch { folder in
      try folder.define("one")
      let refused = failure { try create(folder, disk: "my disk:8") }
      #expect(refused?.code == .invalid)
      #expect(refused?.message == "'\(folder("my disk"))' cannot be handed to a script of interface version 5")
    }
  }

  @Test func `an OS of later versions only is refused`() throws {
    try withScratch { folder in
      try folder.define("one", version: "20\n15\n", files: ["parameters.list": ""])
      let refused = failure { try create(folder) }
      #expect(refused?.message == "the OS one speaks version 20, 15 of the interface, not 5")
    }
  }

  @Test func `rename is called as Ganeti 1_2_6 does, on disks that are there`() throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["rename": "echo \"$*\""])
      func rename() throws {
        try node(folder).renameInstance(
          InstanceName("vm1"), to: InstanceName("vm2"), os: "one", disk: DiskRequest(parsing: folder("disk")),
          swap: DiskRequest(parsing: folder("swap")))
      }
      let refused = failure { try rename() }
      #expect(refused?.code == .device)
      try folder.write("root", to: "disk")
      try folder.write("swap", to: "swap")
      try rename()
      let log = try shell("ls '\(folder("log/os"))'")
      #expect(isLog(log, "rename-one-vm1-vm2-"))
      #expect(try folder.read("log/os/\(log)") == "-o vm1 -n vm2 -b \(folder("disk")) -s \(folder("swap"))\n")
    }
  }

  @Test func `a log folder that cannot be made names the option`() throws {
    try withScratch { folder in
      try folder.define("one")
      try folder.write("", to: "log")
      let refused = failure { try create(folder) }
      #expect(refused?.remedy?.contains("--log-dir") == true)
      #expect(access(folder("disk"), F_OK) != 0, "the disks are removed again")
    }
  }
}
