// SPDX-License-Identifier: Apache-2.0
import Glibc
import Instances
import Interface
import Report
import TestSupport
import Testing

/// Commands at the same time.
@Suite struct ConcurrencyTests {
  private let create = "--disk 0:size=4 --disk 1:size=4 -o one --quiet \(TestHost.options)"

  /// A script that waits for a file beside the definitions.
  private func waiting(for file: String) -> String {
    "for i in $(seq 12000); do [ -e ../../\(file) ] && exit 0; sleep 0.01; done; exit 1"
  }

  @Test("two creates of one name: one makes it, and the other says who does") func twoCreatesOne() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", scripts: ["create": "touch ../../running; \(waiting(for: "go"))"])
      let outcome = try host.program(
        """
        instance create vm1 \(create) & pid=$!
        for i in {1..12000}; do [ -e running ] && break; sleep 0.01; done
        '\(program)' instance create VM1 \(create) 2>&1; echo $? $pid
        '\(program)' instance list --state state
        touch go; wait $pid
        """)
      #expect(outcome.status == 0, "\(outcome)")
      let lines = outcome.output.split(separator: "\n").map(String.init)
      let pid = lines.first { $0.hasPrefix("5 ") }?.dropFirst(2) ?? "?"
      #expect(lines.first == "guestsmith: vm1 is in use by guestsmith instance create (process \(pid))")
      #expect(lines.last?.hasPrefix("Instance  OS") == true, "what is being made is not listed")
      #expect(try host.state.list().map(\.name) == ["vm1"])
    }
  }

  @Test("commands on different instances run at the same time") func commandsDifferentInstances() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      // Each waits until the other has begun.
      try folder.define(
        "one", scripts: ["create": "touch ../../$2; case $2 in vm1) f=vm2;; *) f=vm1;; esac; \(waiting(for: "$f"))"])
      let outcome = try host.program(
        "instance create vm1 \(create) & pid=$!; '\(program)' instance create vm2 \(create) && wait $pid")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(try host.state.list().map(\.name) == ["vm1", "vm2"])
    }
  }

  @Test("a list while instances come, change and go shows none of them in between") func listWhileInstances() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", version: "10\n")
      try host.create("stays")
      let outcome = try host.program(
        """
        instance list --state state > first
        (for i in 1 2 3 4 5 6; do
          '\(program)' instance create a$i \(create) && '\(program)' instance rename a$i b$i --quiet \(TestHost.options) &&
            '\(program)' instance reinstall b$i --quiet \(TestHost.options) &&
            '\(program)' instance remove b$i --quiet --state state || echo failed
        done; touch done) &
        until [ -e done ]; do '\(program)' instance list --state state >> lists || echo failed; done; wait
        """)
      #expect(outcome.output == "", "\(outcome)")
      #expect(outcome.errors == "")
      #expect(try !folder.read("lists").contains("broken"))
      #expect(try host.program("instance list --state state").output == folder.read("first"))
    }
  }

  @Test("an instance that is being renamed is in each list, once") func instanceBeingRenamed() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", version: "10\n")
      try host.create("a1")
      try host.create("z1")
      let outcome = try host.program(
        """
        instance list --state state > /dev/null
        (for i in 1 2 3 4 5 6; do
          '\(program)' instance rename a1 y1 --quiet \(TestHost.options) &&
            '\(program)' instance rename y1 a1 --quiet \(TestHost.options) || echo failed
        done; touch done) &
        until [ -e done ]; do '\(program)' instance list --state state | grep -c '^[ay]1 .* ready$' >> counts; done; wait
        """)
      #expect(outcome.output == "", "\(outcome)")
      #expect(try Set(folder.read("counts").split(separator: "\n")) == ["1"])
    }
  }

  @Test("an instance that is being exported is not changed, and not removed") func instanceBeingExported() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", scripts: ["export": "echo dump; touch ../../running; \(waiting(for: "go"))"])
      try host.create()
      let outcome = try host.program(
        """
        backup export vm1 --quiet \(TestHost.options) & pid=$!
        for i in {1..12000}; do [ -e running ] && break; sleep 0.01; done
        for command in 'instance remove vm1' 'instance boot vm1' 'backup remove vm1'; do
          '\(program)' $command --state state 2>/dev/null; echo $?
        done
        for command in 'instance rename vm1 vm2' 'instance reinstall vm1' 'backup import vm3 --src-instance vm1'; do
          '\(program)' $command \(TestHost.options) 2>told; echo $?
        done
        touch go; wait $pid
        """)
      #expect(outcome.status == 0, "\(outcome)")
      // No export of it is there yet to be removed.
      #expect(outcome.output == "5\n5\n7\n5\n5\n5\n")
      #expect(try folder.read("told").contains("the export of vm1 is in use by guestsmith backup export (process "))
      #expect(try host.state.list().map(\.name) == ["vm1"])
    }
  }

  @Test("two that adopt one disk: one gets it") func twoAdoptOne() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", scripts: ["create": "touch ../../running; \(waiting(for: "go"))"])
      try makeSparseFile(folder("disk"), size: 1 << 20)
      try shell("ln '\(folder("disk"))' '\(folder("link"))'")
      let outcome = try host.program(
        """
        instance create vm1 --disk 0:adopt=disk --disk 1:size=4 -o one --quiet \(TestHost.options) & pid=$!
        for i in {1..12000}; do [ -e running ] && break; sleep 0.01; done
        '\(program)' instance create vm2 --disk 0:adopt=link --disk 1:size=4 -o one --quiet \(TestHost.options) 2>/dev/null
        echo $?; touch go; wait $pid
        """)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.output == "5\n")
    }
  }
}
