// SPDX-License-Identifier: Apache-2.0
import Glibc
import Guest
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Images

/// mmdebstrap is stood in for by scripts here; the real one is driven by the tests of the whole program. apt is apt.
@Suite struct BootstrapTests {
  /// From an archive in the scratch folder that has all that guests need.
  ///
  /// - Parameter source: the line of sources.list, where the folder itself does not do.
  private func bootstrap(
    _ scratch: TestSupport.Scratch, _ script: String, source: (TestArchive) throws -> String = Self.folder,
    packages: [String] = ["vim"], site: (inout ImageRequest) -> Void = { _ in }
  ) throws -> Bootstrap {
    try scratch.folder("work")
    if !script.isEmpty { try scratch.write("#!/bin/sh\n" + script, to: "bin/mmdebstrap", mode: 0o755) }
    let archive = try TestArchive(in: scratch)
    try archive.add("bookworm", packages: guestPackages + ["vim", "linux-x"])
    try scratch.write(source(archive) + "\n", to: "machine/etc/apt/sources.list")
    var request = ImageRequest(suite: "bookworm", packages: packages, kernel: "linux-x")
    site(&request)
    return Bootstrap(
      try ImageRecipe(request, aptOfTest(scratch)), scratch: scratch("work"),
      searchPath: "\(scratch("bin")):/usr/sbin:/usr/bin:/sbin:/bin")
  }

  private static func folder(_ archive: TestArchive) -> String {
    "deb [trusted=yes] file:\(archive.folder) bookworm main"
  }

  @Test("the call says everything") func theCallSaysEverything() throws {
    try withScratch { scratch in
      let bootstrap = try self.bootstrap(scratch, "")
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

  @Test("it runs in namespaces with a clean environment", .enabled(if: canBootstrap)) func runsNamespacesClean() throws
  {
    try withScratch { scratch in
      let script = """
        { id -u; echo $$; env | cut -d= -f1 | grep -v -e PWD -e SHLVL -e _proxy -e '^_$' | sort; } > "$TMPDIR/seen"
        mkdir "$TMPDIR/mnt"; mount -t tmpfs none "$TMPDIR/mnt"; echo inside > "$TMPDIR/mnt/file"
        cat "$TMPDIR/debian.sources" > "$TMPDIR/sources"
        echo "0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded." >&2
        echo "Setting up apt (2.6.1) ..."
        """
      var server: TestServer?
      let bootstrap = try self.bootstrap(
        scratch, script,
        source: { archive in
          let started = try archive.serve(login: "joe:secret")
          server = started
          return "deb [trusted=yes] http://joe:secret@127.0.0.1:\(started.port) bookworm main"
        })
      let used = try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
      #expect(used == bootstrap.recipe.sources)
      #expect(try #require(server).requests().contains("/dists/bookworm/Release"))
      let seen = try scratch.read("work/seen").split(separator: "\n")
      #expect(seen.prefix(1) == ["0"])
      #expect(Int(seen[1]) ?? 0 < 10, "the ids of processes begin anew")
      #expect(
        seen.dropFirst(2) == [
          "GUESTSMITH_APT_CONF", "GUESTSMITH_GUEST", "GUESTSMITH_LISTS", "LC_ALL", "PATH", "TMPDIR",
        ])
      #expect(access(scratch("work/mnt/file"), F_OK) != 0, "its mounts are its own")
      let sources = try scratch.read("work/sources")
      #expect(sources.contains("http://joe:secret@127.0.0.1:"), "apt has to know it")
      let guests = try scratch.read("work/guest/etc/apt/sources.list.d/debian.sources")
      #expect(guests.contains("URIs: http://127.0.0.1:"), "the guest has not: \(guests)")
      #expect(
        bootstrap.recipe.guest.notes == ["the guest's apt has no login for 127.0.0.1: logins stay on this machine"])
    }
  }

  @Test("the umask is not the guests", .enabled(if: isRoot, "needs root")) func theUmaskIsNotTheGuests() async {
    await #expect(processExitsWith: .success) {
      umask(0o077)
      try withScratch { scratch in
        let script =
          "cd \"$GUESTSMITH_GUEST\"; stat -c '%a %n' . etc/apt etc/apt/sources.list.d/debian.sources > \"$TMPDIR/modes\""
        let bootstrap = try BootstrapTests().bootstrap(scratch, script)
        _ = try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
        #expect(
          try scratch.read("work/modes") == "755 .\n755 etc/apt\n644 etc/apt/sources.list.d/debian.sources\n")
      }
    }
  }

  @Test("a failure shows the cause and no credentials", .enabled(if: canBootstrap)) func failureShowsCause() throws {
    try withScratch { scratch in
      let script = """
        echo "I: running apt-get update..." >&2
        echo "Setting up perl (5.36) ..."
        echo "Err:1 http://joe:secret@m.example/debian bookworm InRelease"
        echo "E: Unable to locate package vim" >&2
        printf 'E: \\033[31mred' >&2
        exit 25
        """
      let bootstrap = try self.bootstrap(scratch, script)
      let failure = #expect(throws: Failure.self) {
        _ = try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
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

  @Test("an unknown package is found before anything is installed") func unknownPackageFound() throws {
    try withScratch { scratch in
      let bootstrap = try self.bootstrap(scratch, "touch \"$TMPDIR/started\"", packages: ["vmi"])
      let failure = #expect(throws: Failure.self) {
        try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
      }
      #expect(failure?.code == .invalid)
      #expect(failure?.message.hasSuffix("    E: Unable to locate package vmi") == true, "\(failure as Any)")
      #expect(failure?.remedy?.hasPrefix("correct packages or kernel") == true)
      #expect(access(scratch("work/started"), F_OK) != 0)
    }
  }

  /// - Parameter trust: options of the entry.
  private func remedy(
    _ scratch: TestSupport.Scratch, trust: String = "", uri: (TestArchive) throws -> String
  ) throws -> (words: String?, uri: String) {
    var text = ""
    let bootstrap = try bootstrap(
      scratch, "",
      source: { archive in
        text = try uri(archive)
        return "deb \(trust) \(text) bookworm main"
      })
    let failure = #expect(throws: Failure.self) {
      try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
    }
    #expect(failure?.code == .tool)
    return (failure?.remedy, text)
  }

  @Test("what cannot be reached is to be reached", arguments: ["http://127.0.0.1:1", "file:/nowhere"])
  func whatCannotBeReachedIsToBeReached(mirror: String) throws {
    try withScratch { scratch in
      let (words, uri) = try remedy(scratch, trust: "[trusted=yes]") { _ in mirror }
      #expect(words == "check that this machine reaches \(uri), and that apt-get update works")
    }
  }

  @Test("what is not at the mirror or not allowed or not signed has a remedy of its own") func notAtMirror() throws {
    var server: TestServer?
    func serve(_ archive: TestArchive, login: String? = nil) throws -> String {
      let started = try archive.serve(login: login)
      server = started
      return "http://127.0.0.1:\(started.port)"
    }
    try withScratch { scratch in
      let (words, uri) = try remedy(scratch) { _ in try serve(TestArchive(in: scratch, "empty")) }
      #expect(
        words == "correct suite or mirror in the configuration, or apt's sources: the release is not at \(uri);"
          + " a release that has ended is at http://archive.debian.org/debian or http://old-releases.ubuntu.com/ubuntu")
    }
    try withScratch { scratch in
      let (words, _) = try remedy(scratch) { try serve($0, login: "joe:secret") }
      #expect(words?.contains("/etc/apt/auth.conf.d") == true, "\(words as Any)")
    }
    try withScratch { scratch in
      let key = try TestKey(in: scratch, "unknown")
      defer { key.remove() }
      let (words, _) = try remedy(scratch) { archive in
        try archive.add("bookworm", key: key)
        return try serve(archive)
      }
      #expect(words?.contains("with Signed-By in apt's sources") == true, "\(words as Any)")
    }
    withExtendedLifetime(server) {}
  }

  @Test("a cache that is mounted noexec is found beforehand", .enabled(if: isRoot, "needs root"))
  func cacheMountedNoexec() throws {
    try withScratch { scratch in
      let bootstrap = try self.bootstrap(scratch, "touch \"$TMPDIR/started\"")
      try shell("mount -t tmpfs -o noexec,mode=755 none '\(scratch("work"))'")
      defer { _ = try? shell("umount '\(scratch("work"))'") }
      let failure = #expect(throws: Failure.self) {
        try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
      }
      #expect(failure?.code == .invalid)
      #expect(failure?.message.contains("mounted noexec") == true)
      #expect(failure?.remedy?.contains("cache in the configuration") == true)
      #expect(access(scratch("work/started"), F_OK) != 0)
    }
  }

  @Test("in a plain chroot the failure says what is wrong with it", .enabled(if: isRoot, "needs root"))
  func plainChroot() throws {
    try withScratch { scratch in
      let bootstrap = try self.bootstrap(scratch, "touch \"$TMPDIR/started\"")
      let root = try scratch.folder("plain")
      try scratch.folder("plain/usr")
      try shell("cd '\(root)'; for name in bin sbin lib lib64; do ln -s usr/$name $name; done; mount --bind /usr usr")
      defer { _ = try? shell("umount '\(root)/usr'") }
      try scratch.write("#!/bin/sh\nexec chroot '\(root)' unshare \"$@\"\n", to: "bin/unshare", mode: 0o755)
      let failure = #expect(throws: Failure.self) {
        try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
      }
      #expect(failure?.code == .tool)
      #expect(failure?.remedy?.contains("is not a mount point") == true, "\(String(describing: failure))")
      #expect(access(scratch("work/started"), F_OK) != 0)
    }
  }

  @Test(
    "apt's sizes are read",
    arguments: [
      ("After this operation, 204 MB of additional disk space will be used.", "After this operation, ", 204_000_000),
      ("Need to get 1,204 kB/78.6 MB of archives.", "Need to get ", 78_600_000),
      ("Need to get 0 B of archives.", "Need to get ", 0),
      ("nothing of the sort", "Need to get ", 0),
    ] as [(String, String, UInt64)])
  func aptsSizesAreRead(line: String, words: String, size: UInt64) {
    #expect(AptUpdate.size(in: "Reading package lists...\n\(line)\n", after: words) == size)
  }

  @Test("a missing mmdebstrap names its package") func missingMmdebstrapNames() throws {
    try withScratch { scratch in
      var bootstrap = try self.bootstrap(scratch, "")
      bootstrap = Bootstrap(bootstrap.recipe, scratch: scratch("work"), searchPath: scratch("bin"))
      let failure = #expect(throws: Failure.self) {
        _ = try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
      }
      #expect(failure?.code == .tool)
      #expect(failure?.remedy == "run apt-get install mmdebstrap")
    }
  }

  /// Runs the hooks of the site as mmdebstrap does, and fails as it does.
  private static let hooking = """
    mkdir "$TMPDIR/tree"
    for word; do
      case $word in
        --*-hook=*GUESTSMITH_BUILD_HOOK*) sh -c "${word#--*-hook=}" exec "$TMPDIR/tree" || { echo "E: hook failed"; exit 25; } ;;
        --essential-hook=*) cp "$GUESTSMITH_DEBCONF" "$TMPDIR/answers" ;;
      esac
    done
    """

  @Test(
    "The site's answers go by a file, before its program, which gets the tree before what is this machine's goes from it",
    .enabled(if: canBootstrap))
  func siteHooks() throws {
    try withScratch { scratch in
      let hook = try scratch.write("#!/bin/sh\necho site >\"$1/etc\"\n", to: "hook", mode: 0o644)
      let more = try scratch.write("# a comment\nd d/two string a \\\n b\n\n", to: "answers")
      let bootstrap = try self.bootstrap(
        scratch, Self.hooking,
        site: {
          $0.debconf = ["d d/one password s3cret", more]
          $0.buildHook = hook
        })
      let command = bootstrap.command(tar: "/t.tar", isRoot: true)
      #expect(!command.arguments.joined().contains("s3cret"))
      #expect(command.environment?.values.contains { $0.contains("s3cret") } == false)
      #expect(bootstrap.hooks.map(\.stage).prefix(4) == ["setup", "essential", "customize", "customize"])
      _ = try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
      #expect(try scratch.read("work/tree/etc") == "site\n")
      #expect(try scratch.read("work/answers") == "d d/one password s3cret\nd d/two string a   b\n")
      #expect(try shell("stat -c %a '\(scratch("work/debconf"))'") == "600")
    }
  }

  @Test("The site's program that fails is named with its status and its last words", .enabled(if: canBootstrap))
  func failedSiteHook() throws {
    try withScratch { scratch in
      let hook = try scratch.write("#!/bin/sh\necho the disk is round >&2\nexit 7\n", to: "hook")
      let bootstrap = try self.bootstrap(scratch, Self.hooking, site: { $0.buildHook = hook })
      let failure = #expect(throws: Failure.self) {
        _ = try bootstrap.run(into: scratch("root.tar"), progress: StepProgress())
      }
      #expect(
        failure?.message.hasPrefix(
          "build_hook = \(hook) failed with exit status 7; its last words:\n    the disk is round\n") == true,
        "\(String(describing: failure))")
    }
  }

  @Test("the hooks take out what is not the guests") func hooksTakeOut() throws {
    try withScratch { scratch in
      let bootstrap = try self.bootstrap(scratch, "")
      for folder in ["etc/dpkg/dpkg.cfg.d", "etc/apt/apt.conf.d", "etc/apt/sources.list.d", "etc/ssh"] {
        try scratch.folder("tree/\(folder)")
      }
      try scratch.write("guest\n", to: "guest/etc/apt/sources.list.d/debian.sources")
      try scratch.write("the machine's\n", to: "guest/usr/share/keyrings/a.gpg")
      try scratch.write("the machine's\n", to: "guest/etc/apt/keyrings/b.gpg")
      let environment = [
        "GUESTSMITH_APT_CONF": try scratch.write("Acquire::http::Proxy \"http://p:1\";\n", to: "apt.conf"),
        "GUESTSMITH_GUEST": scratch("guest"), "GUESTSMITH_LISTS": try scratch.folder("lists"),
      ]
      try scratch.write("list\n", to: "lists/m.example_Packages")
      try scratch.folder("lists/partial")
      try scratch.folder("tree/var/lib/apt/lists")
      func run(_ stage: String) throws {
        let script = try #require(bootstrap.hooks.first { $0.stage == stage }?.script)
        #expect(!script.contains("\n"))
        let outcome = try bash("sh -c '\(script)' exec '\(scratch("tree"))'", environment: environment)
        #expect(outcome.status == 0, "\(outcome)")
      }
      try run("setup")
      #expect(try scratch.read("tree/etc/dpkg/dpkg.cfg.d/00guestsmith") == "force-unsafe-io\n")
      #expect(try scratch.read("tree/etc/apt/apt.conf.d/00guestsmith").contains("http://p:1"))
      try scratch.write("the guest's\n", to: "tree/usr/share/keyrings/a.gpg")
      for file in [
        "apt/sources.list.d/0000debian.sources", "hostname", "resolv.conf", "ssh/ssh_host_rsa_key", "ssh/sshd_config",
      ] {
        try scratch.write("host\n", to: "tree/etc/\(file)")
      }
      try run("customize")
      let files = try shell("cd '\(scratch("tree"))'; find . -type f | LC_ALL=C sort")
      #expect(
        files.split(separator: "\n") == [
          "./etc/apt/keyrings/b.gpg", "./etc/apt/sources.list.d/debian.sources", "./etc/ssh/sshd_config",
          "./usr/share/keyrings/a.gpg", "./var/lib/apt/lists/m.example_Packages",
        ])
      #expect(try scratch.read("tree/usr/share/keyrings/a.gpg") == "the guest's\n")
      #expect(try scratch.read("tree/etc/apt/sources.list.d/debian.sources") == "guest\n")
    }
  }

  @Test("a killed process leaves no process and no mount", .enabled(if: canBootstrap)) func killedProcessLeaves()
    async throws
  {
    try await awaitingWithScratch { scratch in
      // No other process sleeps for as long as this.
      let time = "86\(getpid()).\(UInt32.random(in: 1...999_999))"
      let script = """
        #!/bin/sh
        mkdir "$TMPDIR/mnt"; mount -t tmpfs none "$TMPDIR/mnt"
        setsid sleep \(time) & (trap "" TERM HUP INT; sleep \(time)) &
        touch "$TMPDIR/started"; sleep \(time)

        """
      try scratch.write(script, to: "bin/mmdebstrap", mode: 0o755)
      try scratch.folder("work")
      let archive = try TestArchive(in: scratch)
      try archive.add("bookworm", packages: guestPackages)
      try scratch.write(Self.folder(archive), to: "machine/etc/apt/sources.list")
      _ = try aptOfTest(scratch)
      await #expect(processExitsWith: .signal(SIGKILL)) { [path = scratch.path as String] in
        let killer = try Background {
          while access("\(path)/work/started", F_OK) != 0 { usleep(10000) }
          kill(getpid(), SIGKILL)
        }
        let request = ImageRequest(suite: "bookworm", packages: [], kernel: nil)
        let recipe = try ImageRecipe(request, .ofThisMachine(["APT_CONFIG": "\(path)/machine/apt.conf"]))
        let bootstrap = Bootstrap(
          recipe, scratch: "\(path)/work", searchPath: "\(path)/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        _ = try bootstrap.run(into: "\(path)/root.tar", progress: StepProgress())
        try killer.join()
      }
      #expect(access(scratch("work/started"), F_OK) == 0)
      #expect(try eventually { try bash("pgrep --full --exact 'sleep \(time)'").output.isEmpty }, "all processes end")
      #expect(
        try bash("grep -F '\(scratch.path)' /proc/[0-9]*/mounts").output == "", "no mount namespace is left")
    }
  }
}

/// What every guest of bookworm has, and the one package that is essential in a test's archive.
private let guestPackages = Bootstrap.basePackages + GuestPackages.needed(suite: "bookworm") + ["base"]
