// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@Suite struct CommandTests {
  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test("an exit status and a signal are told apart") func exitStatusSignal() throws {
    #expect(try Command("/bin/sh", ["-c", "exit 0"]).run().isSuccess)
    #expect(try Command("/bin/sh", ["-c", "exit 37"]).run() == .exited(37))
    #expect(try Command("/bin/sh", ["-c", "kill -9 $$"]).run() == .signalled(9))
  }

  @Test("output and error are captured together and only the last bytes are kept") func outputErrorCaptured() throws {
    let (status, output) = try Command("sh", ["-c", "echo one; echo two >&2; echo three; exit 3"]).capture(limit: 9)
    #expect(status == .exited(3))
    #expect(text(output) == "wo\nthree\n")
    let many = try Command("sh", ["-c", "seq 1 200000"]).capture(limit: 7)
    #expect(text(many.output) == "200000\n")
  }

  @Test("a missing program is a failure of the tool that names it") func missingProgramFailure() throws {
    let byName = #expect(throws: Failure.self) { try Command("no-such-program", []).run() }
    #expect(byName?.code == .tool)
    #expect(byName?.message.contains("no-such-program") == true)
    let byPath = #expect(throws: Failure.self) { try Command("/no/such/program", []).run() }
    #expect(byPath?.code == .tool)
    #expect(byPath?.message == "cannot execute /no/such/program: No such file or directory")
  }

  @Test("a script whose interpreter is missing says so") func scriptWhoseInterpreter() throws {
    try withScratch { folder in
      let script = try folder.write("#!/no/such/shell\n", to: "script", mode: 0o755)
      let failure = #expect(throws: Failure.self) { try Command(script, []).run() }
      #expect(failure?.message.contains("interpreter") == true)
    }
  }

  @Test("a script without a first line is run by sh as a shell would") func scriptWithoutFirst() throws {
    try withScratch { folder in
      let script = try folder.write("echo \"$0 $1\"\n", to: "script", mode: 0o755)
      let (status, output) = try Command(script, ["one two"]).capture(limit: 1000)
      #expect(status.isSuccess)
      #expect(text(output) == "\(script) one two\n")
    }
  }

  @Test("what reaches one of its limits is stopped, and says which") func reachesOneLimits() throws {
    try withScratch { folder in
      func stopped(_ script: String, _ change: (inout ChildLimits) -> Void) throws -> String {
        var command = Command("/bin/sh", ["-c", script, "sh", folder("file")])
        var limits = ChildLimits.disk(of: 1 << 30)
        change(&limits)
        command.limits = limits
        return "\(try command.run())"
      }
      let busy = try stopped("while :; do :; done") { $0.processor = 1 }
      #expect(busy == "was stopped, since it used the processor for 1 s")
      #expect(try stopped("sleep 600") { $0.duration = 1 } == "was stopped, since it took 1 s")
      let spool = try Descriptor(folder("file"), O_RDWR | O_CREAT)
      let room = try ChildLimits.Room(spool.view, most: 1 << 20)
      let full = try stopped("head -c 64M /dev/zero >\"$1\"; sleep 1000") { $0.room = room }
      #expect(full.contains("it filled 1.0 MiB"))
      let large = try stopped("exec head -c 2M /dev/zero >\"$1\"") { $0.fileSize = 1 << 20 }
      #expect(large == "was stopped, since it wrote 1.0 MiB to a file")
      #expect(try stopped("exit 3") { _ in } == "ended with exit status 3")
    }
  }

  @Test("what gets no more memory is stopped, and says how much it could have") func getsNoMore() throws {
    var command = Command("xz", ["-9", "-T1", "-c"])
    command.limits = ChildLimits(processor: 10, duration: 60, memory: 128 << 20, fileSize: 1 << 20)
    let (status, _) = try command.capture(limit: 1000)
    #expect("\(status)" == "was stopped, since it asked for more than 128 MiB of memory")
    command.limits?.memory = 2 << 30
    #expect(try command.capture(limit: 1000).status.isSuccess)
  }

  @Test("the limits of a disk grow with it") func limitsDiskGrow() throws {
    var command = Command("/bin/sh", ["-c", "ulimit -t; ulimit -v; ulimit -c"])
    command.limits = .disk(of: 8 << 30)
    #expect(text(try command.capture(limit: 1000).output) == "26\n\(528 << 10)\n0\n")
    command.limits = .disk(of: 2 << 40)
    #expect(text(try command.capture(limit: 1000).output) == "4106\n\(4608 << 10)\n0\n")
  }

  @Test("a missing working directory is named") func missingWorkingDirectory() throws {
    var command = Command("/bin/true", [])
    command.workingDirectory = "/no/such/folder"
    let failure = #expect(throws: Failure.self) { try command.run() }
    #expect(failure?.message == "cannot run /bin/true in /no/such/folder: No such file or directory")
  }

  @Test("arguments, environment and working directory reach it as they are") func argumentsEnvironmentWorking() throws {
    try withScratch { folder in
      var command = Command("/bin/sh", ["-c", #"printf '%s|' "$@"; pwd; env"#, "sh", "a b", "$(id)", "", "é"])
      command.environment = ["ONE": "1", "TWO": "two words"]
      command.workingDirectory = folder.path
      let lines = text(try command.capture(limit: 10000).output).split(separator: "\n").map(String.init)
      #expect(lines[0] == "a b|$(id)||é|\(folder.path)")
      #expect(
        Set(lines.dropFirst()).subtracting(["PWD=\(folder.path)", "SHLVL=0", "_=/usr/bin/env"])
          == ["ONE=1", "TWO=two words"])
    }
  }

  @Test("standard input is empty unless one is given") func standardInputEmpty() throws {
    #expect(text(try Command("cat", []).capture(limit: 100).output) == "")
    try withScratch { folder in
      try folder.write("from a file", to: "input")
      let file = try Descriptor(folder("input"), O_RDONLY)
      var command = Command("cat", [])
      command.input = .descriptor(file.view)
      #expect(text(try command.capture(limit: 100).output) == "from a file")
    }
  }

  @Test("output and error can be sent to two descriptors, also to crossed ones") func outputErrorCan() throws {
    try withScratch { folder in
      let output = try Descriptor(folder("output"), O_WRONLY | O_CREAT)
      let error = try Descriptor(folder("error"), O_WRONLY | O_CREAT)
      var command = Command("sh", ["-c", "echo out; echo err >&2"])
      command.output = .descriptor(output.view)
      command.error = .descriptor(error.view)
      #expect(try command.run().isSuccess)
      #expect(try folder.read("output") == "out\n")
      #expect(try folder.read("error") == "err\n")
    }
  }

  @Test("it has no descriptor but its three, not even one that may be inherited") func noDescriptorBut() throws {
    try withScratch { folder in
      try folder.write("", to: "open")
      let leaked = open(folder("open"), O_RDONLY)
      defer { close(leaked) }
      let output = text(try Command("ls", ["/proc/self/fd"]).capture(limit: 100).output)
      #expect(output == "0\n1\n2\n3\n", "3 is the folder that ls itself reads")
    }
  }

  @Test("it leads its own process group with the default signals") func leadsOwnProcess() throws {
    let script = "ps -o pgid= -p $$ | tr -d ' '; echo $$; grep -E '^Sig(Blk|Ign)' /proc/self/status"
    let lines = text(try Command("sh", ["-c", script]).capture(limit: 1000).output).split(separator: "\n")
    #expect(lines[0] == lines[1])
    for line in lines[2...] {
      let mask = try #require(UInt64(line.split(separator: "\t")[1], radix: 16))
      #expect(mask & 0x7fff_ffff == 0, "beyond the 31 standard signals are two that glibc keeps to itself")
    }
  }

  @Test("a pipe joins two of them") func pipeJoinsTwo() throws {
    try withScratch { folder in
      let result = try Descriptor(folder("result"), O_WRONLY | O_CREAT)
      let pipe = try Pipe()
      var producer = Command("sh", ["-c", "echo through the pipe"])
      producer.output = .descriptor(pipe.writer.view)
      var consumer = Command("tr", ["a-z", "A-Z"])
      consumer.input = .descriptor(pipe.reader.view)
      consumer.output = .descriptor(result.view)
      let first = try producer.start()
      let second = try consumer.start()
      _ = pipe.keepingReader()  // else the second would wait for us to write
      #expect(try first.wait().isSuccess)
      #expect(try second.wait().isSuccess)
      #expect(try folder.read("result") == "THROUGH THE PIPE\n")
    }
  }

  @Test("many threads can start children at once") func manyThreadsCan() async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<40 {
        group.addTask {
          try withScratch { folder in
            // Written and executed at once: a descriptor held by another child would be "text file busy".
            let script = try folder.write("#!/bin/sh\nexit \(number)\n", to: "script", mode: 0o755)
            return try Command(script, []).run() == .exited(Int32(number))
          }
        }
      }
      for try await held in group { #expect(held) }
    }
  }

  @Test("it can be told that what it wrote has reached the disk, and that files have the lengths that it wants")
  func canBeToldThatItIsDone() throws {
    try withScratch { folder in
      let file = try folder.write("four", to: "file")
      let asks = [
        // fsync(2) of a pipe fails.
        "os.fsync(os.pipe()[1])": Command.Pretence.written, "os.fdatasync(os.pipe()[1])": .written,
        "f = os.open('\(file)', os.O_RDWR); os.ftruncate(f, 9); assert os.fstat(f).st_size == 4": .lengths,
      ]
      for (ask, pretence) in asks {
        var command = Command("python3", ["-c", "import os; \(ask)"])
        command.error = .null
        for told in [nil, Command.Pretence.lengths, .written] {
          try folder.write("four", to: "file")
          command.pretence = told
          #expect(try command.run().isSuccess == (told == pretence), "\(ask)")
        }
      }
    }
  }

  @Test("a child that is dropped ends with what it started") func childDroppedEnds() throws {
    try withScratch { folder in
      let script = "trap 'echo undone > undone; exit' TERM; sleep 1000 & echo $! > grandchild; echo $$ > child; wait"
      var command = Command("sh", ["-c", script])
      command.workingDirectory = folder.path
      do {
        let child = try command.start()
        #expect(eventually { access(folder("child"), F_OK) == 0 && (try? folder.read("child").isEmpty) == false })
        #expect(kill(child.pid, 0) == 0)
      }
      let grandchild = try #require(Int32(folder.read("grandchild").filter { $0 != "\n" }))
      #expect(eventually { isGone(grandchild) })
      #expect(try folder.read("undone") == "undone\n")
    }
  }
}

/// Whether a process has ended; one that waits to be reaped has.
func isGone(_ pid: Int32) -> Bool {
  guard let status = try? readFile("/proc/\(pid)/stat") else { return true }
  let text = String(decoding: status, as: UTF8.self)
  return text.contains(") Z ") || text.contains(") X ")
}
