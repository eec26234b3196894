// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@Suite("Folders for one piece of work")
struct ScratchFolderTests {
  @Test("What a killed process left is found, with all that it holds, and nothing else")
  func left() throws {
    try withScratch { scratch in
      let used = try ScratchFolder(in: scratch.path, prefix: "work-")
      let owned = try scratch.write("1", to: "work-left/folder/file")
      try scratch.write("2", to: "other-left/file")
      try shell("ln -s '\(scratch("other-left"))' '\(scratch("work-link"))'; touch '\(scratch("work-file"))'")
      if isRoot {
        try scratch.folder("work-stranger")
        try shell("chown nobody '\(scratch("work-stranger"))'")
        try shell(
          """
          cd '\(scratch("work-left"))'; truncate -s 1M image; losetup --find image
          mkdir 'a mount' 'a mount/below'; mount -t tmpfs none 'a mount'; mkdir 'a mount/below'
          mount --bind '\(scratch("other-left"))' 'a mount/below'
          """)
      }
      try withLockedByAnother(scratch.folder("work-busy")) {
        let found = ScratchFolder.left(in: scratch.path, prefix: "work-")
        #expect(found.map(\.path) == [scratch("work-left")])
        // They are whoever's found them.
        #expect(ScratchFolder.left(in: scratch.path, prefix: "work-").isEmpty)
        for folder in found { folder.remove() }
        #expect(access(owned, F_OK) != 0)
        let names = ["other-left", splitPath(used.path).name, "work-busy", "work-file", "work-link"]
        #expect(allEntries(of: scratch.path).names == (names + (isRoot ? ["work-stranger"] : [])).sorted())
      }
      #expect(try scratch.read("other-left/file") == "2")
      #expect(
        try shell(
          "grep -F '\(scratch.path)' /proc/mounts || losetup --list -O BACK-FILE | grep -F '\(scratch.path)'; true")
          == "")
      used.remove()
      #expect(access(used.path, F_OK) != 0)
    }
  }

  @Test("A mount of a test that was killed goes with the next one's first folder", .enabled(if: isRoot, "needs root"))
  func mounted() async throws {
    try await awaitingWithScratch { scratch in
      let image = try makeSparseFile(scratch("image"), size: 8 << 20)
      try shell("mke2fs -q -F '\(image)'")
      await #expect(processExitsWith: .signal(SIGKILL)) { [image = image as String] in
        try withMounted(image) { _ in _ = kill(getpid(), SIGKILL) }
      }
      await #expect(processExitsWith: .success) { try withScratch { _ in } }
      #expect(try eventually { try shell("losetup --associated '\(image)'").isEmpty })
    }
  }

  @Test("Its lock ends with its process, in whatever way that ends")
  func killed() throws {
    try withScratch { scratch in
      let folder = try scratch.folder("work-1")
      try withLockedByAnother(folder) {
        #expect(ScratchFolder.left(in: scratch.path, prefix: "work-").isEmpty)
      }
      #expect(eventually { ScratchFolder.left(in: scratch.path, prefix: "work-").map(\.path) == [folder] })
    }
  }
}
