// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import TestSupport
import Testing

extension EndToEnd {
  @Suite("A create that does not come to its end")
  struct KilledCreate {
    /// A definition whose scripts and all their children carry `mark` in their environment, and use one TMPDIR.
    private func markedDefinition(in scratch: Scratch, cache: String = sharedCache) throws -> InstalledDefinition {
      var definition = try InstalledDefinition(in: scratch, cache: cache)
      definition.environment = ["GUESTSMITH_TEST_MARK": scratch.path, "TMPDIR": try scratch.folder("tmp")]
      return definition
    }

    /// What still runs of what was started with the mark of `scratch`, or speaks of it in its command line.
    private func left(of scratch: Scratch) throws -> String {
      try bash("grep -lzsF '\(scratch.path)' /proc/[0-9]*/environ /proc/[0-9]*/cmdline | grep -v /self/")
        .output.split(separator: "\n")
        .filter { !$0.hasPrefix("/proc/\(getpid())/") }
        .compactMap { path in try? shell("tr '\\0' ' ' < \(path.replacing("/environ", with: "/cmdline"))") }
        .filter { !$0.hasPrefix("grep ") && !$0.hasPrefix("/bin/bash -c grep") && !$0.isEmpty }
        .joined(separator: "\n")
    }

    /// What of it still runs some seconds later.
    private func stays(of scratch: Scratch) throws -> String {
      var left = ""
      _ = try eventually {
        left = try self.left(of: scratch)
        return left.isEmpty
      }
      return left
    }

    /// Starts create itself, without a shell between.
    private func start(_ definition: InstalledDefinition, _ disk: String, _ swap: String) throws -> Child {
      var command = Command(definition.folder + "/create", ["-i", "vm1.example.com", "-b", disk, "-s", swap])
      command.environment = inherited.merging(definition.environment) { $1 }
      command.workingDirectory = definition.folder
      command.output = .null
      command.error = .null
      return try command.start()
    }

    private func files(of folder: String) throws -> String {
      try shell("cd '\(folder)' && find . | sort")
    }

    @Test("Killed at ten moments it leaves a disk that does not mount, no process, and a next create works")
    func killed() throws {
      try withScratch { scratch in
        let cache = try ownCache(in: scratch("cache"))
        let definition = try markedDefinition(in: scratch, cache: cache)
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        let clock = ContinuousClock()
        let whole = try clock.measure { try succeeded(definition.create("vm1.example.com", disk, swap)) }
        let before = try files(of: cache)
        let microseconds = Int(whole / .microseconds(1))
        var completed = 0
        for tenth in 0..<10 {
          try makeSparseFile(disk, size: roomy)
          let child = try start(definition, disk, swap)
          let wait = microseconds * tenth / 10 + Int.random(in: 0...microseconds / 10)
          usleep(UInt32(wait))
          // The process alone: that its children end too is its own matter.
          kill(child.pid, SIGKILL)
          let status = try child.wait()
          #expect(try stays(of: scratch) == "")
          if status == .exited(0) {
            completed += 1
          } else {
            // The superblock is the last that it writes: what mounts is whole, and was killed on its way out.
            if isMountable(disk) { try expectGuest("vm1.example.com", on: disk, swap: swap) }
          }
        }
        #expect(completed < 10, "at least one was killed")
        try succeeded(definition.create("vm1.example.com", disk, swap))
        try expectGuest("vm1.example.com", on: disk, swap: swap)
        #expect(try files(of: cache) == before)
        #expect(try files(of: scratch("tmp")) == ".")
      }
    }

    @Test("Killed over a guest that was there, it leaves the old guest or none", arguments: [1, 3, 5, 7, 9])
    func killedOverAGuest(tenth: Int) throws {
      try withScratch { scratch in
        let guest = try guest(in: scratch)
        let definition = try markedDefinition(in: scratch)
        let untouched = try digest(of: guest.disk)
        let whole = try ContinuousClock().measure {
          try succeeded(definition.create("vm1.example.com", guest.disk, guest.swap))
        }
        try copyImage(template().disk, to: guest.disk)
        let child = try start(definition, guest.disk, guest.swap)
        usleep(UInt32(Int(whole / .microseconds(1)) * tenth / 10))
        kill(child.pid, SIGKILL)
        let status = try child.wait()
        if isMountable(guest.disk), status != .exited(0) {
          // The old guest, or the new one when it was killed on its way out.
          if try digest(of: guest.disk) != untouched {
            try expectGuest("vm1.example.com", on: guest.disk, swap: guest.swap)
          }
        }
      }
    }

    @Test("Ended by a signal it cleans up and tells the signal", arguments: [SIGTERM, SIGINT])
    func ended(signal: Int32) throws {
      try withScratch { scratch in
        let cache = try ownCache(in: scratch("cache"))
        let definition = try markedDefinition(in: scratch, cache: cache)
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        // One that is whole leaves what each leaves.
        try succeeded(definition.create("vm1.example.com", disk, swap))
        try makeSparseFile(disk, size: roomy)
        let before = try files(of: cache)
        let child = try start(definition, disk, swap)
        let writes = try eventually { try allocated(disk) > 16 << 20 }
        #expect(writes, "create writes to the disk")
        kill(child.pid, signal)
        #expect(try child.wait() == .exited(128 + signal))
        #expect(!isMountable(disk))
        #expect(try left(of: scratch) == "")
        #expect(try files(of: cache) == before)
        #expect(try files(of: scratch("tmp")) == ".")
      }
    }

    @Test("Ended or killed while the guest is bootstrapped, no process stays", arguments: [SIGTERM, SIGKILL])
    func duringTheBootstrap(signal: Int32) throws {
      try withScratch { scratch in
        let definition = try markedDefinition(in: scratch, cache: scratch("cold"))
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
        let child = try start(definition, disk, swap)
        let started = try eventually { try left(of: scratch).contains("apt-get") }
        #expect(started, "mmdebstrap runs apt-get")
        kill(child.pid, signal)
        let status = try child.wait()
        #expect(status == (signal == SIGKILL ? .signalled(signal) : .exited(128 + signal)))
        #expect(try stays(of: scratch) == "")
        #expect(try shell("grep -F '\(scratch.path)' /proc/mounts || true") == "")
        #expect(try allocated(disk) == 0)
        if signal != SIGKILL {
          #expect(try files(of: scratch("tmp")) == ".")
          #expect(try shell("find '\(scratch("cold"))' -size +64k") == "")
        }
      }
    }
  }
}
