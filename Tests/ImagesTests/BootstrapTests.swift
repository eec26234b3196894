// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Images

/// mmdebstrap is stood in for by scripts here; the real one is driven by the tests of the whole program.
@Suite struct BootstrapTests {
  private func bootstrap(
    _ scratch: TestSupport.Scratch, _ script: String, mirror: String = "http://m.example/debian"
  ) throws -> Bootstrap {
    try scratch.folder("work")
    if !script.isEmpty { try scratch.write("#!/bin/sh\n" + script, to: "bin/mmdebstrap", mode: 0o755) }
    let recipe = try ImageRecipe(ImageRequest(suite: "bookworm", mirror: mirror, packages: ["vim"], kernel: "linux-x"))
    return Bootstrap(recipe, scratch: scratch("work"), searchPath: "\(scratch("bin")):/usr/sbin:/usr/bin:/sbin:/bin")
  }

  @Test func theCallSaysEverything() throws {
    try withScratch { scratch in
      let bootstrap = try bootstrap(scratch, "")
      let root = bootstrap.command(tar: "/t.tar", isRoot: true)
      #expect(root.executable == "unshare")
      #expect(root.arguments.starts(with: ["--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--"]))
      #expect(root.arguments.contains("--mode=root"))
      let include = try #require(root.arguments.first { $0.hasPrefix("--include=") })
      for package in Bootstrap.basePackages + ["vim", "linux-x", "openssh-server"] {
        #expect(include.dropFirst("--include=".count).split(separator: ",").contains(Substring(package)))
      }
      #expect(root.arguments.suffix(3) == ["bookworm", "/t.tar", "\(scratch("work"))/debian.sources"])
      #expect(root.environment?["TMPDIR"] == scratch("work"))
      #expect(root.environment?["HOME"] == nil)
      let user = bootstrap.command(tar: "/t.tar", isRoot: false)
      #expect(user.arguments.starts(with: ["--user", "--map-root-user", "--map-auto", "--pid"]))
      #expect(user.arguments.contains("--mode=unshare"))
    }
  }

  @Test(.enabled(if: isRoot)) func itRunsInNamespacesWithACleanEnvironment() throws {
    try withScratch { scratch in
      let script = """
        { id -u; echo $$; env | cut -d= -f1 | grep -v -e PWD -e SHLVL -e _proxy -e '^_$' | sort; } > "$TMPDIR/seen"
        mkdir "$TMPDIR/mnt"; mount -t tmpfs none "$TMPDIR/mnt"; echo inside > "$TMPDIR/mnt/file"
        cat "$TMPDIR/debian.sources" "$TMPDIR/guest.sources" > "$TMPDIR/sources"
        echo "0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded." >&2
        echo "Setting up apt (2.6.1) ..."
        """
      let bootstrap = try bootstrap(scratch, script, mirror: "http://joe:secret@m.example/debian")
      try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
      let seen = try scratch.read("work/seen").split(separator: "\n")
      #expect(seen.prefix(1) == ["0"])
      #expect(Int(seen[1]) ?? 0 < 10, "the ids of processes begin anew")
      #expect(
        seen.dropFirst(2) == [
          "GUESTSMITH_APT_CONF", "GUESTSMITH_KEYS", "GUESTSMITH_SOURCES", "LC_ALL", "PATH", "TMPDIR",
        ])
      #expect(access(scratch("work/mnt/file"), F_OK) != 0, "its mounts are its own")
      let sources = try scratch.read("work/sources")
      #expect(sources.contains("http://joe:secret@m.example/debian"), "apt has to know it")
      #expect(try !scratch.read("work/guest.sources").contains("secret"), "the guest has not")
    }
  }

  @Test(.enabled(if: isRoot)) func aFailureShowsTheCauseAndNoCredentials() throws {
    try withScratch { scratch in
      let script = """
        echo "I: running apt-get update..." >&2
        echo "Setting up perl (5.36) ..."
        echo "Err:1 http://joe:secret@m.example/debian bookworm InRelease"
        echo "E: Unable to locate package vim" >&2
        printf 'E: \\033[31mred' >&2
        exit 25
        """
      let bootstrap = try bootstrap(scratch, script)
      let failure = #expect(throws: Failure.self) {
        try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
      }
      #expect(
        failure?.message == """
          mmdebstrap failed with exit status 25; its last words:
              Err:1 http://m.example/debian bookworm InRelease
              E: Unable to locate package vim
              E: \\x1b[31mred
          """)
      #expect(failure?.code == .tool)
      #expect(failure?.remedy?.contains("correct packages or kernel") == true)
    }
  }

  @Test func aMissingMmdebstrapNamesItsPackage() throws {
    try withScratch { scratch in
      var bootstrap = try bootstrap(scratch, "")
      bootstrap = Bootstrap(bootstrap.recipe, scratch: scratch("work"), searchPath: scratch("bin"))
      let failure = #expect(throws: Failure.self) {
        try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
      }
      #expect(failure?.code == .tool)
      #expect(failure?.remedy == "run apt-get install mmdebstrap")
    }
  }

  @Test func theHooksTakeOutWhatIsNotTheGuests() throws {
    try withScratch { scratch in
      let bootstrap = try bootstrap(scratch, "")
      for folder in ["etc/dpkg/dpkg.cfg.d", "etc/apt/apt.conf.d", "etc/apt/sources.list.d", "etc/ssh"] {
        try scratch.folder("tree/\(folder)")
      }
      let environment = [
        "GUESTSMITH_SOURCES": try scratch.write("guest\n", to: "guest.sources"),
        "GUESTSMITH_APT_CONF": try scratch.write("Acquire::http::Proxy \"http://p:1\";\n", to: "apt.conf"),
        "GUESTSMITH_KEYS": try scratch.write("key", to: "keys/a.gpg"),
      ]
      func run(_ stage: String) throws {
        let script = try #require(bootstrap.hooks.first { $0.stage == stage }?.script)
        #expect(!script.contains("\n"))
        let outcome = try bash("sh -c '\(script)' exec '\(scratch("tree"))'", environment: environment)
        #expect(outcome.status == 0, "\(outcome)")
      }
      try run("setup")
      #expect(try scratch.read("tree/etc/dpkg/dpkg.cfg.d/00guestsmith") == "force-unsafe-io\n")
      #expect(try scratch.read("tree/etc/apt/apt.conf.d/00guestsmith").contains("http://p:1"))
      for file in [
        "apt/sources.list.d/0000debian.sources", "hostname", "resolv.conf", "ssh/ssh_host_rsa_key", "ssh/sshd_config",
      ] {
        try scratch.write("host\n", to: "tree/etc/\(file)")
      }
      try run("customize")
      let files = try shell("cd '\(scratch("tree"))'; find . -type f | sort")
      #expect(
        files.split(separator: "\n")
          == [".\(scratch("keys/a.gpg"))", "./etc/apt/sources.list.d/debian.sources", "./etc/ssh/sshd_config"].sorted())
      #expect(try scratch.read("tree/etc/apt/sources.list.d/debian.sources") == "guest\n")
    }
  }

  @Test(.enabled(if: isRoot)) func aKilledProcessLeavesNoProcessAndNoMount() async throws {
    let path = try shell("mktemp -d /tmp/guestsmith-test-XXXXXX")
    defer { _ = try? shell("rm -rf '\(path)'") }
    // No other process sleeps for as long as this.
    let time = "86\(getpid()).\(UInt32.random(in: 1...999_999))"
    let script = """
      mkdir "$TMPDIR/mnt"; mount -t tmpfs none "$TMPDIR/mnt"
      setsid sleep \(time) & (trap "" TERM HUP INT; sleep \(time)) &
      touch "$TMPDIR/started"; sleep \(time)
      """
    try shell("mkdir '\(path)/bin' '\(path)/work'")
    let file = try Descriptor("\(path)/bin/mmdebstrap", O_WRONLY | O_CREAT, mode: 0o755)
    try file.writeAll(Array("#!/bin/sh\n\(script)\n".utf8))
    try file.close()
    setenv("GUESTSMITH_TEST_FOLDER", path, 1)
    await #expect(processExitsWith: .signal(SIGKILL)) {
      let path = String(cString: getenv("GUESTSMITH_TEST_FOLDER"))
      let killer = try Background {
        while access("\(path)/work/started", F_OK) != 0 { usleep(10000) }
        kill(getpid(), SIGKILL)
      }
      let recipe = try ImageRecipe(ImageRequest(suite: "bookworm", mirror: "http://m.example/debian"))
      let bootstrap = Bootstrap(
        recipe, scratch: "\(path)/work", searchPath: "\(path)/bin:/usr/sbin:/usr/bin:/sbin:/bin")
      try bootstrap.run(into: "\(path)/root.tar", progress: StepProgress())
      try killer.join()
    }
    #expect(access("\(path)/work/started", F_OK) == 0)
    #expect(try eventually { try bash("pgrep --full --exact 'sleep \(time)'").output.isEmpty }, "all processes end")
    #expect(try bash("grep -F '\(path)' /proc/[0-9]*/mounts").output == "", "no mount namespace is left")
  }
}
