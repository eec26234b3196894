// SPDX-License-Identifier: Apache-2.0
import Instances
import Interface
import Report
import TestSupport
import Testing

/// The whole life of instances by the definitions that ship, and by one of Debian's.
@Suite struct LifeTests {
  /// By the command line, as an administrator goes.
  private func live(_ os: String, searchPath: String, disks: Int, parameters: String = "") throws {
    try withScratch { folder in
      let host = TestHost(folder)
      let options = "--state state --search-path '\(searchPath)' --log-dir log --quiet"
      let sizes = (0..<disks).map { "--disk \($0):size=64M" }.joined(separator: " ")
      func succeed(_ line: String) throws {
        let outcome = try host.program(line)
        #expect(outcome.status == 0, "\(line): \(outcome)")
        #expect(outcome.errors == "", "\(line)")
      }
      try succeed("instance create vm1.example.com -o \(os) \(sizes) \(parameters) \(options)")
      try succeed("instance rename vm1.example.com vm2.example.com \(options)")
      try succeed("backup export vm2.example.com \(options)")
      try succeed("backup verify vm2.example.com --state state --quiet")
      try succeed("backup import vm3.example.com --src-instance vm2.example.com \(sizes) \(options)")
      try succeed("instance reinstall vm2.example.com \(options)")
      let instances = folder("state/instances")
      let list = try host.state.list()
      #expect(list.map(\.name) == ["vm2.example.com", "vm3.example.com"])
      #expect(list.allSatisfy { $0.fault == nil })
      if os.hasPrefix("tiny") {
        for name in ["vm2", "vm3"] {
          try shell("e2fsck -fn '\(instances)/\(name).example.com/disk0'")
          #expect(
            try shell("debugfs -R 'cat /etc/hostname' '\(instances)/\(name).example.com/disk0' 2>/dev/null").hasPrefix(
              name))
        }
      }
      for name in ["vm2", "vm3"] { try succeed("instance remove \(name).example.com --state state") }
      try succeed("backup remove vm2.example.com --state state")
      #expect(try shell("cd '\(folder("state"))'; ls -A instances exports") == "exports:\n\ninstances:")
    }
  }

  @Test(
    "an instance of each of the examples lives",
    arguments: [
      ("noop+default", 2), ("tiny-5", 2), ("tiny-10", 1), ("tiny-10", 3), ("tiny-15+ext4", 1), ("tiny-20+ext3", 2),
    ])
  func instanceEachExamples(_ os: String, _ disks: Int) throws {
    try live(os, searchPath: examples, disks: disks)
  }

  @Test("an instance of Debian's noop lives", .enabled(if: isInstalled("noop"), "needs the package ganeti-os-noop"))
  func instanceDebianNoop() throws {
    try live("noop", searchPath: "/usr/share/ganeti/os", disks: 2)
  }
}

private func isInstalled(_ os: String) -> Bool {
  (try? bash("[ -x /usr/share/ganeti/os/\(os)/create ]"))?.status == 0
}
