// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@Suite("The judge's sandbox", .enabled(if: isRoot, "needs root"))
struct SandboxTests {
  @Test("What a definition does to the machine's files is told, and undone")
  func files() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      let victim = try scratch.write("mine\n", to: "victim")
      let other = try scratch.write("mine\n", to: "other")
      try shell(
        """
        cat >>'\(folder)/create' <<'END'
        echo hacked >'\(victim)'
        rm '\(other)'
        echo x >'\(scratch("new"))'
        rm -f /dev/null
        hostname nobody.example.com
        kill -9 -1
        END
        """)
      let hostname = try shell("hostname")
      let judged = try Judged(folder, "--disk-size 64M")
      #expect(judged.status == 10)
      #expect(try scratch.read("victim") == "mine\n")
      #expect(try scratch.read("other") == "mine\n")
      #expect(access(scratch("new"), F_OK) != 0)
      #expect(try shell("test -c /dev/null && hostname") == hostname)
    }
  }

  @Test("Each file that a definition made, changed or removed is named, in each version of the interface")
  func evidence() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-15")
      // In /tmp all would be temporary.
      try shell(
        "echo 'echo x >>/etc/passwd; rm -f /etc/hostname; mkdir -p /srv/mine; chmod 700 /usr' >>'\(folder)/create'")
      let judged = try Judged(folder, "--disk-size 64M")
      let evidence = judged.evidence("host.unchanged")
      for words in ["/etc/passwd was changed", "/etc/hostname was removed", "/srv/mine was made", "/usr was changed"] {
        #expect(evidence.contains(words), "\(evidence)")
      }
      #expect(judged.checks("fail", version: 15) == ["host.unchanged"])
      #expect(judged.checks("fail", version: 10) == ["host.unchanged"])
    }
  }

  @Test("Nothing is left when the judge is interrupted, or killed")
  func interrupted() throws {
    for (signal, status) in [(SIGTERM, Int32(143)), (SIGKILL, 137)] {
      try withScratch { scratch in
        let folder = try scratch.example("broken-never-ends")
        let tmp = try scratch.folder("tmp")
        var command = Command(program, ["os", "check", folder, "--quiet", "--disk-size", "64M"])
        command.environment = inherited.merging(["TMPDIR": tmp]) { $1 }
        command.output = .null
        let judge = try command.start()
        // The script runs when its log is there.
        #expect(try eventually { try bash("ls '\(tmp)'/*/log/os/*.log").status == 0 })
        kill(judge.pid, signal)
        let ended = try judge.wait()
        #expect(ended == .exited(status) || ended == .signalled(signal))
        let isGone = try eventually { try bash("pgrep -f '\(folder)/[c]reate'").status != 0 }
        #expect(isGone)
        #expect(try !shell("losetup --list --noheadings --output BACK-FILE").contains(tmp))
        if signal == SIGTERM { #expect(try shell("ls '\(tmp)'").isEmpty) }
      }
    }
  }

  @Test("What a judge that was killed has left goes with the next one, and what another one uses stays")
  func leftOver() throws {
    try withScratch { scratch in
      let tmp = try scratch.folder("tmp")
      let killed = try scratch.example("tiny-10", as: "killed")
      // A loop device that does not go by itself.
      try shell("echo 'losetup --find \"$DISK_0_PATH\"; echo >&2; exec sleep 600' >>'\(killed)/create'")
      func start(_ folder: String) throws -> Child {
        var command = Command(program, ["os", "check", folder, "--quiet", "--disk-size", "64M"])
        command.environment = inherited.merging(["TMPDIR": tmp]) { $1 }
        command.output = .null
        return try command.start()
      }
      func folders() throws -> [String] { try shell("ls '\(tmp)'").split(separator: "\n").map { String($0) } }
      // By inode: in the sandbox the file has another path.
      func loops() throws -> String {
        try bash("find '\(tmp)' -name '*.img' -exec losetup --associated {} \\;").output
      }
      // Somebody else's may have its name a moment later.
      let list = "losetup --list --noheadings --raw --output NAME,BACK-INO,AUTOCLEAR"
      let first = try start(killed)
      #expect(try eventually { try !loops().isEmpty })
      first.signal(SIGKILL)
      _ = try first.wait()
      let left = try folders()
      #expect(left.count == 1)
      let device = try shell("\(list) $(printf '%s' '\(loops())' | cut -d: -f1)")
      #expect(device.hasPrefix("/dev/loop"))

      let endless = try scratch.example("broken-never-ends")
      let second = try start(endless)
      #expect(try eventually { try bash("ls '\(tmp)'/*/log/os/*.log").status == 0 && folders() != left })
      let used = try folders()
      #expect(used.count == 1 && used != left)
      #expect(try !shell(list).contains(device))

      let sound = try scratch.example("tiny-10")
      let third = try bash("TMPDIR='\(tmp)' '\(program)' os check '\(sound)' --disk-size 64M")
      #expect(third.status == 0, "\(third)")
      #expect(try folders() == used)
      kill(second.pid, SIGTERM)
      #expect(try second.wait() == .exited(143))
      #expect(try folders() == [])
    }
  }

  @Test("Where there can be no sandbox nothing is run, and that is an error")
  func noSandbox() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      try shell("echo 'touch \(scratch("ran"))' >>'\(folder)/create'")
      for name in ["upper", "work", "place"] { try scratch.folder(name) }
      // An overlay cannot keep what another one changes.
      let outcome = try bash(
        """
        unshare --mount --propagation private bash -c '
          cd "\(scratch.path)" && mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay place || exit 99
          mkdir place/tmp/scratch && TMPDIR=$PWD/place/tmp/scratch "\(program)" os check "\(folder)" --quiet'
        """)
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains("guestsmith: cannot judge without a sandbox: cannot mount an overlay of / at"))
      #expect(outcome.output.isEmpty)
      #expect(access(scratch("ran"), F_OK) != 0)
    }
  }

  @Test(
    "Where unshare or setpriv cannot make the sandbox that is an error, and no fault of the definition",
    arguments: [
      ("", "setpriv --bounding-set -sys_admin --"), ("mount --bind /bin/false \"$(command -v setpriv)\" &&", "exec"),
    ])
  func withoutRights(_ before: String, _ way: String) throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      try scratch.write("\(before) \(way) '\(program)' os check '\(folder)' --quiet", to: "restricted")
      let outcome = try bash("unshare --mount --propagation private bash '\(scratch("restricted"))'")
      #expect(outcome.status == Failure.Code.tool.rawValue, "\(outcome)")
      #expect(outcome.errors.contains("guestsmith: cannot judge without a sandbox: unshare ended with exit status 1"))
      #expect(outcome.output.isEmpty)
    }
  }

  @Test("A secret that is given is in nothing that the judge says")
  func secret() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-20")
      try shell("echo 'echo \"$OSP_MOTD is the motd\" >&2; exit 3' >>'\(folder)/create'")
      let judged = try Judged(folder, "--disk-size 64M --api 20 --secret motd=Kx92hidden")
      #expect(judged.checks("fail").contains("create.succeeds"))
      #expect(judged.evidence("create.succeeds").contains("[secret] is the motd"))
      #expect(!judged.json.serialized().contains("Kx92hidden"))
    }
  }

  @Test("No line of a secret that has several is in what the judge says")
  func secretLines() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-20")
      try shell("sed -i '2i echo \"$OSP_MOTD is the motd\" >&2' '\(folder)/create'")
      let judged = try Judged(folder, "--disk-size 64M --api 20 --secret motd=$'Kx92hidden\\nKx93hidden'")
      #expect(judged.evidence("create.succeeds").contains("[secret] is the motd"), "\(judged.failures)")
      #expect(!judged.json.serialized().contains("hidden"))
    }
  }

  @Test("Without root the files are judged, and the rest says why it is not")
  func withoutRoot() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      try shell("chmod 755 '\(scratch.path)' && cp '\(program)' '\(scratch("guestsmith"))'")
      let outcome = try bash("runuser -u nobody -- '\(scratch("guestsmith"))' os check '\(folder)'")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.output.contains("create.succeeds                    not applicable  needs root"))
    }
  }
}
