// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Worker

/// Lines that steps have written.
private final class Lines: Sendable {
  private let text = Mutex("")
  func write(_ line: String) { text.withLock { $0 += line } }
  var all: String { text.withLock { $0 } }
}

@Suite("A worker")
struct WorkerTests {
  private static let purpose = Workers.Purpose(.guest, "reads disk1")
  private static let limits = ChildLimits.worker(onDiskOf: 1 << 30)

  /// A task whose worker is a script, which has `say` for a message. The task itself is never run.
  private func run(
    _ script: String, limits: ChildLimits = Self.limits, _ lines: Lines = Lines(), _ role: WorkerTask.Role = .reader,
    _ descriptors: [WorkerDescriptor] = []
  ) throws -> JSON {
    try withScratch { scratch in
      let program = try scratch.write(
        """
        #!/bin/bash
        say() {
          local length=$(printf %08x ${#1})
          printf "\\\\x${length:6:2}\\\\x${length:4:2}\\\\x${length:2:2}\\\\x${length:0:2}%s" "$1" >&3
        }
        \(script)
        """, to: "worker", mode: 0o755)
      return try Workers(.auto, program: program).run(
        WorkerTask("look", role) { _ throws(Failure) in nil }, ["size": 7], descriptors, Self.purpose, limits,
        Steps(.plain, write: { lines.write($0) }))
    }
  }

  private func failure(_ script: String, limits: ChildLimits = Self.limits, _ lines: Lines = Lines()) throws -> Failure
  {
    do {
      let value = try run(script, limits: limits, lines)
      throw Failure(.io, "the worker answers \(value.serialized())")
    } catch let failure as Failure {
      return failure
    }
  }

  @Test("is asked by its name, has nothing of the environment, and its steps and its answer come back")
  func answer() throws {
    let lines = Lines()
    let value = try run(
      """
      IFS= read -r -d } -u 3 request
      say '{"begin": "look at it"}'
      say '{"progress": {"unit": "files", "done": 3, "total": 4}}'
      say '{"note": "a line\\u001b[31m"}'
      say '{"end": "3 files"}'
      [[ $request == *'"task": "look"'*'"size": 7'* && -z $HOME$USER$GUESTSMITH_DEBUG ]] && say '{"done": [1, "two"]}'
      """, lines)
    #expect(value == [1, "two"])
    #expect(lines.all.contains("look at it: 3 files\n"))
    #expect(lines.all.contains("a line\\x1b[31m\n"))
  }

  @Test("fails with the failure that it tells")
  func told() throws {
    let told = try failure(
      #"say '{"failure": {"code": 4, "message": "disk1 is too small", "remedy": "enlarge it", "errorNumber": 28}}'"#)
    #expect(told == Failure(.device, "disk1 is too small", remedy: "enlarge it", cause: .system(28)))
  }

  static let wrong: [(script: String, words: String)] = [
    ("kill -SYS $$", "was stopped, since it asked the kernel for what its work does not take"),
    (#"say '{"done": null}'; kill -SEGV $$"#, "was killed by SIGSEGV"),
    (#"say '{"done": null}'; exit 3"#, "ended with exit status 3"),
    ("exit 0", "ended without an answer"),
    (#"printf '\x20\0\0\0{"done"' >&3"#, "ended without an answer"),
    (#"printf '\xff\xff\xff\xff{"done": null}' >&3"#, "a message of 4294967295 bytes"),
    (#"say "{\"note\": \"$(head -c 70000 /dev/zero | tr '\0' x)\"}""#, "a message of 7"),
    (#"say '{"done": null'"#, "what is not a message"),
    (#"say '{"surprise": 1}'"#, "what is not a message"),
    (#"say '{"end": "a step that never began"}'"#, "what is not a message"),
    (#"say '{"progress": {"done": 1}}'"#, "what is not a message"),
    (#"say '{"done": null, "note": "and more"}'"#, "what is not a message"),
    (#"say '{"failure": {"code": 99, "message": "x"}}'"#, "what is not a message"),
    (#"for i in 1 2 3 4 5 6 7 8 9; do say '{"begin": "deeper"}'; done"#, "what is not a message"),
    (#"say '{"begin": "x"}'; say '{"done": null}'"#, "in the middle of a step"),
    (#"say '{"done": 1}'; say '{"done": 2}'"#, "something after its last message"),
    (#"say '{"failure": {"code": 4, "message": "x"}}'; say '{"done": 2}'"#, "something after its last message"),
  ]

  @Test("that does not end well is a failure of what it reads, and says so", arguments: wrong)
  func wrongEnd(_ script: String, _ words: String) throws {
    let failure = try failure(script)
    #expect(failure.code == .guest)
    #expect(failure.message.hasPrefix("the worker that reads disk1 ") && failure.message.contains(words), "\(failure)")
  }

  @Test("that is gone in the middle of a step has failed at that step")
  func openStep() throws {
    let lines = Lines()
    _ = try failure(#"say '{"begin": "look at it"}'; kill -KILL $$"#, lines)
    #expect(lines.all.contains("look at it: failed\n"))
  }

  @Test(
    "that only reads cannot write to the disk, nor change how the broker has it open",
    arguments: WorkerTask.Role.allCases)
  func reading(role: WorkerTask.Role) throws {
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 1 << 20)
      let disk = try Disk(path, for: .writing)
      _ = try? run("printf x >&4; flock -u 4; say '{\"done\": null}'", Lines(), role, [.disk(disk)])
      let reads = [.reader, .prober].contains(role)
      #expect(try readFile(path)[0] == (reads ? 0 : UInt8(ascii: "x")))
      if reads { #expect(throws: Failure.self, "it is locked still") { _ = try Disk(path, for: .writing) } }
    }
  }

  @Test("that talks without end is ended") func talks() throws {
    let failure = try failure(
      #"words=$(head -c 8000 /dev/zero | tr '\0' x); while :; do say "{\"note\": \"$words\"}"; done"#)
    #expect(failure.message.contains("more than 1048576 bytes of words"), "\(failure)")
  }

  @Test("that tells for days how far it is goes on") func progressForDays() throws {
    // What takes a day tells ten times a second: here 1000001 times, each of 25 bytes behind their length.
    let value = try run(
      #"""
      say '{"begin": "read it"}'
      yes '#~~~{"progress": {"done": 1}}' | tr -d '\n' | tr '#~' '\031\000' | head -c 29000029 >&3
      say '{"end": null}'
      say '{"done": "all"}'
      """#)
    #expect(value == "all")
  }

  @Test("that says little without end is ended") func talksLittle() throws {
    let failure = try failure(#"yes '#~~~{"note": ""}' | tr -d '\n' | tr '#~' '\014\000' >&3"#)
    #expect(failure.message.contains("more than 1000000 messages"), "\(failure)")
  }

  @Test("is stopped at the limits of time, processor and files")
  func limits() throws {
    var limits = Self.limits
    limits.duration = 1
    #expect(try failure("while read -u 3; do :; done; sleep 1000", limits: limits).message.contains("it took 1 s"))
    limits = Self.limits
    limits.processor = 1
    #expect(try failure("while :; do :; done", limits: limits).message.contains("used the processor for 1 s"))
    limits.fileSize = 4096
    try withScratch { scratch in
      let words = try failure("head -c 8192 /dev/zero >'\(scratch("file"))'; kill -XFSZ $$", limits: limits).message
      #expect(words.contains("it wrote 4.0 KiB to a file"))
    }
  }

  @Test("in this process does the same as one of its own", arguments: [false, true])
  func inProcess(fails: Bool) throws {
    try withScratch { scratch in
      let file = try Descriptor(try scratch.write("content", to: "file"), 0)
      let disk = try Disk(makeSparseFile(scratch("disk"), size: 1 << 20), for: .writing)
      let task = WorkerTask("copy", .editor) { context throws(Failure) in
        let disk = try context.disk(0)
        let file = try context.descriptor(1)
        guard try !context.values.flag("fails") else { throw Failure(.dump, "\(file.name) is cut off") }
        return try context.steps.step("copy") { _ throws(Failure) in
          let bytes = try [UInt8](upTo: 100) { buffer throws(Failure) in try file.read(into: buffer) }
          try disk.descriptor.writeAll(bytes, at: 512)
          try context.confirmInput()
          return ["copied": .integer(bytes.count), "size": .number(disk.size)]
        }
      }
      let lines = Lines()
      let worker = try Workers(.off).start(
        task, ["fails": .bool(fails)], [.disk(disk), .stream(file.view)], Self.purpose, Self.limits)
      worker.confirmInput(nil)
      let steps = Steps(.plain, write: { lines.write($0) })
      guard !fails else {
        let failure = #expect(throws: Failure.self) { try worker.result(steps) }
        #expect(failure == Failure(.dump, "\(scratch("file")) is cut off"))
        return
      }
      #expect(try worker.result(steps) == ["copied": 7, "size": .integer(1 << 20)])
      #expect(lines.all.contains("copy\n"))
      #expect(try disk.descriptor.bytes(at: 512, count: 7) == Array("content".utf8))
    }
  }

  @Test("hears what was wrong with its input")
  func input() throws {
    let task = WorkerTask("read", .decoder) { context throws(Failure) in
      try context.confirmInput()
      return nil
    }
    let worker = try Workers(.off).start(task, nil, [], Self.purpose, Self.limits)
    worker.confirmInput(Failure(.dump, "gzip says no"))
    let failure = #expect(throws: Failure.self) { try worker.result(Steps(.quiet)) }
    #expect(failure == Failure(.dump, "gzip says no"))
  }
}
