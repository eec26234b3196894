// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("A dry run tells what would be done, and does nothing", .serialized)
struct DryRunTests {
  /// Runs `guestsmith` as a host whose OS is guestsmith's own, of the version `api`.
  private func host(_ scratch: Scratch, _ line: String) throws -> Outcome {
    try bash("cd '\(scratch.path)' && '\(program)' \(line) --search-path os --state state --log-dir log")
  }

  @Test("by scripts of version 5, 10 and 20", arguments: [5, 10, 20])
  func whole(_ api: Int) throws {
    try withScratch { scratch in
      try scratch.folder("os/guestsmith/variants")
      try scratch.write(
        "cache = \"\(try shell("realpath '\(sharedCache)'"))\"\nlayout = \"none\"\n",
        to: "os/guestsmith/guestsmith.toml")
      try shell("cd '\(scratch.path)' && '\(program)' os install --api \(api) --into os")
      let os = api >= 15 ? "guestsmith+default" : "guestsmith"
      let create = "instance create vm1.example.com -o \(os) --disk 0:size=2G --disk 1:size=16M"
      var told = try host(scratch, "\(create) --dry-run")
      #expect(told.status == 0, "\(told)")
      for words in ["vm1.example.com would be created:", "its OS would:", "create vm1.example.com", "network: DHCP"] {
        #expect(told.output.contains(words), "\(words) in \(told)")
      }
      #expect(told.output.contains("state/instances/vm1.example.com/disk0, 2.0 GiB"), "\(told)")
      #expect(try shell("ls '\(scratch.path)'") == "os", "nothing is made")

      told = try host(scratch, create)
      #expect(told.status == 0, "\(told)")
      let disk = scratch("state/instances/vm1.example.com/disk0")
      let before = try traces(of: disk)
      told = try host(scratch, "instance reinstall vm1.example.com --dry-run")
      #expect(told.output.contains(api == 5 ? "create vm1.example.com" : "install vm1.example.com anew"), "\(told)")
      told = try host(scratch, "instance rename vm1.example.com vm2.example.com --dry-run")
      #expect(told.output.contains("rename vm1.example.com to vm2.example.com on "), "\(told)")
      #expect(try traces(of: disk) == before)

      #expect(try host(scratch, "backup export vm1.example.com").status == 0)
      told = try host(scratch, "backup import vm3.example.com --src-instance vm1.example.com --dry-run")
      #expect(told.status == 0 && told.output.contains("make the guest agree with vm3.example.com"), "\(told)")
      #expect(try shell("ls '\(scratch("state/instances"))'") == "vm1.example.com")
    }
  }

  @Test("What the script would refuse fails the dry run, in the script's words")
  func refused() throws {
    try withScratch { scratch in
      _ = try EnvironmentDefinition(in: scratch, configuration: "disk_3 = \"data:/srv\"\n")
      let told = try host(
        scratch, "instance create vm1.example.com -o guestsmith+default --disk 0:size=2G --dry-run")
      #expect(told.status == 10)
      #expect(told.errors.contains("disk_3 is configured, but the instance has 1 disk"), "\(told)")
    }
  }

  @Test("What a script of another program would do is not known, which is told")
  func others() throws {
    try withScratch { scratch in
      try scratch.define("one", scripts: ["create": "touch ../../ran"])
      let told = try host(scratch, "instance create vm1 -o one --disk 0:size=8 --disk 1:size=4 --dry-run")
      #expect(told.status == 0)
      #expect(told.output.contains("what the scripts of one would do is not known"), "\(told)")
      #expect(try shell("ls '\(scratch.path)'") == "os")
    }
  }
}
