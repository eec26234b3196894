// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@Suite struct FolderTests {
  @Test("removal takes all and follows no link") func removalTakesAllAndFollowsNoLink() throws {
    try withScratch { scratch in
      try scratch.write("keep", to: "outside/file")
      try shell(
        """
        cd '\(scratch.path)'; mkdir -p tree/a/b/c; touch tree/a/b/c/d "tree/a/$(printf 'x\\377y')"
        ln -s '\(scratch("outside"))' tree/a/link; ln -s '\(scratch("outside"))' link; mkfifo tree/pipe
        """)
      let folder = try Folder(scratch.path)
      try folder.remove("tree")
      try folder.remove("link")
      try folder.remove("nothing")
      #expect(try folder.names() == ["outside"])
      #expect(try scratch.read("outside/file") == "keep")
    }
  }

  @Test("removal stops at a mount", .enabled(if: isRoot)) func removalStopsAtAMount() throws {
    try withScratch { scratch in
      try scratch.folder("tree/mnt")
      try shell("mount -t tmpfs none '\(scratch("tree/mnt"))'; touch '\(scratch("tree/mnt/file"))'")
      defer { _ = try? shell("umount '\(scratch("tree/mnt"))'") }
      let failure = #expect(throws: Failure.self) { try Folder(scratch.path).remove("tree") }
      #expect(failure?.code == .busy)
      #expect(access(scratch("tree/mnt/file"), F_OK) == 0)
    }
  }

  @Test("a folder of our own is made as it should be, and refused where others could change it") func folderOurOwn()
    throws
  {
    try withScratch { scratch in
      let state = try Folder.own(scratch("a/state"), mode: 0o700)
      _ = try state.own("locks", mode: 0o700)
      try shell(
        "cd '\(scratch("a/state"))'; chmod 755 locks; ln -s /tmp link; mkdir -m 770 open; ln -s a/state ../../to")
      _ = try state.own("locks", mode: 0o700)
      _ = try Folder.own(scratch("to"), mode: 0o700)
      #expect(try shell("stat -c %a '\(scratch("a/state"))' '\(scratch("a/state/locks"))'") == "700\n700")
      #expect(throws: Failure.self) { _ = try state.own("link", mode: 0o700) }
      let open = #expect(throws: Failure.self) { _ = try state.own("open", mode: 0o700) }
      #expect(open?.message.contains("has mode 0770: others could change what is in it") == true)
    }
  }

  @Test(
    "a folder of another user is refused, and a link that another user has put there",
    .enabled(if: isRoot, "needs root"))
  func folderAnotherUser() throws {
    try withScratch { scratch in
      try shell("cd '\(scratch.path)'; mkdir theirs mine; ln -s mine link; chown -h nobody theirs link")
      for (name, words) in [("theirs", "belongs to user 65534"), ("link", "is a link of user 65534")] {
        let failure = #expect(throws: Failure.self) { _ = try Folder.own(scratch(name), mode: 0o700) }
        #expect(failure?.message.contains(words) == true)
      }
    }
  }

  @Test("a link is no folder and no file") func aLinkIsNoFolderAndNoFile() throws {
    try withScratch { scratch in
      try shell("cd '\(scratch.path)'; mkdir real; touch real/file; ln -s real link; ln -s file real/alias")
      let folder = try Folder(scratch.path)
      #expect(throws: Failure.self) { _ = try Folder("link", in: folder) }
      let real = try Folder("real", in: folder)
      #expect(throws: Failure.self) { _ = try real.open("alias", O_RDONLY) }
      #expect(throws: Failure.self) { try real.write([1], to: "file") }
      #expect(try real.contents(of: "none", limit: 10) == nil)
      try real.write([1, 2, 3], to: "new")
      #expect(try real.contents(of: "new", limit: 3) == [1, 2, 3])
      #expect(throws: Failure.self) { _ = try real.contents(of: "new", limit: 2) }
      #expect(try !folder.make("real"))
      try real.move("new", to: folder, as: "moved")
      #expect(try folder.names() == ["link", "moved", "real"])
    }
  }

  @Test("one owns the lock until it goes") func oneOwnsTheLockUntilItGoes() throws {
    try withScratch { scratch in
      let path = scratch("lock")
      do {
        guard let lock = try FileLock.attempt(path) else {
          Issue.record("nobody has it, and it is not to be had")
          return
        }
        try lock.note("who it is\n")
        #expect(try FileLock.attempt(path) == nil)
        #expect(FileLock.noted(in: path) == "who it is\n")
        #expect(try bash("flock --nonblock '\(path)' true").status == 1)
      }
      #expect(try bash("flock --nonblock '\(path)' true").status == 0)
    }
  }

  @Test("a lock whose file was removed is taken anew") func lockWhoseFile() throws {
    try withScratch { scratch in
      let path = scratch("lock")
      let old = try Descriptor(path, O_RDWR | O_CREAT)
      #expect(try old.lock(.exclusive, waits: false))
      try FileLock.wait(scratch("other")).remove()
      #expect(access(scratch("other"), F_OK) != 0)
      unlink(path)
      #expect(try FileLock.attempt(path) != nil, "the file that was locked is not the lock any more")
    }
  }

  @Test("many may share") func manyMayShare() throws {
    try withScratch { scratch in
      let folder = try scratch.folder("shared")
      let one = try Descriptor(folder, O_RDONLY)
      let other = try Descriptor(folder, O_RDONLY)
      #expect(try one.lock(.shared, waits: false))
      #expect(try other.lock(.shared, waits: false))
      #expect(try !other.lock(.exclusive, waits: false))
    }
  }
}
