// SPDX-License-Identifier: Apache-2.0
import Ext4
import Glibc
import LinuxIO
import Report
import Synchronization
import TestSupport
import Testing

@testable import Images

@Suite struct ImageStoreTests {
  private let quiet = Steps(.quiet)

  private func store(_ scratch: TestSupport.Scratch, age: Int? = nil, size: UInt64? = nil) throws -> ImageStore {
    try ImageStore(folder: scratch("cache"), maxAgeDays: age, maxSize: size)
  }

  /// Changes `count` bytes of a file at `offset`.
  private func overwrite(_ path: String, at offset: UInt64, count: Int = 1) throws {
    let bytes = [UInt8](repeating: 0xEE, count: count)
    let file = try Descriptor(path, O_WRONLY)
    try bytes.withUnsafeBytes { try file.writeAll($0, at: offset) }
  }

  @Test("an image is built once and then found") func anImageIsBuiltOnceAndThenFound() throws {
    try withScratch { scratch in
      let fake = FakeMaker()
      let store = try store(scratch)
      let before = Timestamp.now
      let path: String
      do {
        let entry = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
        path = entry.path
        #expect(path == scratch("cache/images/\(anyRecipe.key)/disk.img"))
        #expect(entry.manifest.key == anyRecipe.key)
        #expect(entry.manifest.created >= before)
        #expect(entry.manifest.size == FakeMaker.size)
        #expect(entry.manifest.files == 17)
        #expect(entry.manifest.packages == [InstalledPackage(name: "apt", version: "2.6.1", architecture: "amd64")])
        #expect(entry.manifest.requested == anyRecipe.packages)
        #expect(try ImageManifest(parsing: Array(entry.manifest.json.serialized().utf8)) == entry.manifest)
        try entry.verify(progress: StepProgress())
      }
      #expect(try store.obtain(anyRecipe, steps: quiet, maker: fake.maker).path == path)
      #expect(fake.count == 1)
      #expect(try shell("ls -A '\(scratch("cache/tmp"))'") == "")
      #expect(try shell("stat -c %a '\(scratch("cache"))' '\(path)'") == "755\n644")
    }
  }

  @Test("the pieces cover exactly the used bytes") func piecesCoverExactly() throws {
    try withScratch { scratch in
      let entry = try store(scratch).obtain(anyRecipe, steps: quiet, maker: FakeMaker().maker)
      #expect(entry.pieces.map(\.length) == [4096, 1 << 20, 1 << 20, 8192, 1 << 20])
      var joined: [ByteRange] = []
      for piece in entry.pieces {
        if let last = joined.last, last.end == piece.offset {
          joined[joined.count - 1].length += UInt64(piece.length)
        } else {
          joined.append(ByteRange(offset: piece.offset, length: UInt64(piece.length)))
        }
      }
      #expect(joined == FakeMaker.used)
      #expect(entry.manifest.usedBytes == FakeMaker.used.reduce(0) { $0 + $1.length })
      let first = entry.pieces[0]
      let digest = try shell("head -c 4096 '\(entry.path)' | sha256sum").prefix(64)
      #expect(first.digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == digest)
    }
  }

  @Test("recipes of their own have images of their own") func recipesTheirOwn() throws {
    try withScratch { scratch in
      let fake = FakeMaker()
      let store = try store(scratch)
      let other = try ImageRecipe(ImageRequest(suite: "trixie", mirror: "http://m.example/debian"))
      _ = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
      _ = try store.obtain(other, steps: quiet, maker: fake.maker)
      #expect(try store.keys() == [anyRecipe.key, other.key].sorted())
      #expect(fake.count == 2)
    }
  }

  @Test("thirty two at once build once") func thirtyTwoAtOnceBuildOnce() throws {
    try withScratch { scratch in
      let fake = FakeMaker(delay: 300_000)
      let store = try store(scratch)
      let found = Mutex(0)
      try inParallel(32) { _ in
        let entry = try store.obtain(anyRecipe, steps: Steps(.quiet), maker: fake.maker)
        try entry.verify(progress: StepProgress())
        found.withLock { $0 += 1 }
      }
      #expect(found.withLock { $0 } == 32)
      #expect(fake.count == 1)
      #expect(try shell("ls -A '\(scratch("cache/tmp"))'") == "")
    }
  }

  @Test("who waited for a build that failed fails as it") func whoWaitedBuild() throws {
    try withScratch { scratch in
      let fake = FakeMaker(delay: 300_000)
      fake.fail(with: Failure(.tool, "mmdebstrap failed\n  a line", remedy: "look at the network"))
      let store = try store(scratch)
      let failures = Mutex<[Failure]>([])
      try inParallel(4) { _ in
        do {
          _ = try store.obtain(anyRecipe, steps: Steps(.quiet), maker: fake.maker)
        } catch {
          failures.withLock { $0.append(error as? Failure ?? Failure(.io, "\(error)")) }
        }
      }
      let expected = Failure(.tool, "mmdebstrap failed\n  a line", remedy: "look at the network")
      #expect(failures.withLock { $0 } == [Failure](repeating: expected, count: 4))
      #expect(fake.count == 1)
      // The next tries again.
      fake.fail(with: nil)
      _ = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
      #expect(fake.count == 2)
    }
  }

  @Test("a builder in another process is waited for") func builderAnotherProcess() throws {
    try withScratch { scratch in
      let fake = FakeMaker()
      let store = try store(scratch)
      _ = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
      let (image, lock) = (scratch("cache/images/\(anyRecipe.key)"), scratch("cache/locks/\(anyRecipe.key).lock"))
      try shell("mv '\(image)' '\(scratch("made"))'")
      try scratch.write(
        "echo building 4321 > '\(lock)'; touch '\(scratch("started"))'; sleep 0.5; mv '\(scratch("made"))' '\(image)'\n",
        to: "build")
      let child = try Command("flock", [lock, "sh", scratch("build")]).start()
      #expect(eventually { access(scratch("started"), F_OK) == 0 })
      _ = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
      #expect(fake.count == 1)
      #expect(try child.wait().isSuccess)
    }
  }

  @Test(
    "a broken image is found and built anew",
    arguments: [
      "truncate -s -1 disk.img", "truncate -s 100 pieces", "printf x | dd of=pieces bs=1 seek=60 conv=notrunc",
      "rm disk.img", "rm pieces", "rm manifest.json", "truncate -s 20 manifest.json", "echo {} > manifest.json",
      "sed -i s/amd64/amd65/ manifest.json; sed -i 's/\"size\": 8/\"size\": 9/' manifest.json",
      "rm disk.img; ln -s /etc/passwd disk.img", "cd ..; rm -r *; touch $(basename $OLDPWD)",
    ])
  func aBrokenImageIsFoundAndBuiltAnew(damage: String) throws {
    try withScratch { scratch in
      let fake = FakeMaker()
      let store = try store(scratch)
      _ = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
      let folder = scratch("cache/images/\(anyRecipe.key)")
      try shell("cd '\(folder)'; OLDPWD='\(folder)'; (\(damage)) 2>/dev/null")
      #expect(throws: Failure.self) { _ = try store.entry(anyRecipe.key) }
      guard case .broken = try store.list().first?.condition else {
        Issue.record("the list does not call it broken")
        return
      }
      let entry = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
      try entry.verify(progress: StepProgress())
      #expect(fake.count == 2)
      #expect(try shell("ls -A '\(scratch("cache/tmp"))'") == "")
    }
  }

  @Test("a tampered byte is found by its piece", arguments: [0, 4095, 1 << 20, 3 << 20, (8 << 20) - 1] as [UInt64])
  func aTamperedByteIsFoundByItsPiece(offset: UInt64) throws {
    try withScratch { scratch in
      let fake = FakeMaker()
      let store = try store(scratch)
      do {
        let entry = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
        try overwrite(entry.path, at: offset)
        let failure = #expect(throws: Failure.self) { try entry.verify(progress: StepProgress()) }
        #expect(failure?.code == .io)
        #expect(failure?.message.contains("differs from its digest") == true)
        let piece = try #require(
          entry.pieces.first { $0.offset <= offset && offset < $0.offset + UInt64($0.length) })
        var bytes = [UInt8](repeating: 0, count: piece.length)
        let file = try entry.open()
        _ = try bytes.withUnsafeMutableBytes { try file.readFull(into: $0, at: piece.offset) }
        #expect(!bytes.withUnsafeBytes { piece.matches($0) })
        // What a deploy does on such a piece.
        try entry.reject()
      }
      let entry = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
      try entry.verify(progress: StepProgress())
      #expect(fake.count == 2)
    }
  }

  @Test("bytes that are not used do not matter") func bytesThatAreNotUsedDoNotMatter() throws {
    try withScratch { scratch in
      let entry = try store(scratch).obtain(anyRecipe, steps: quiet, maker: FakeMaker().maker)
      try overwrite(entry.path, at: 5000, count: 100)
      try entry.verify(progress: StepProgress())
    }
  }
}

/// Runs `body` in `count` threads at once, and throws what one of them threw.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  try inParallel(count - 1, beside: Background { try body(count - 1) }, body)
}

private func inParallel(
  _ count: Int, beside thread: consuming Background, _ body: @escaping @Sendable (Int) throws -> Void
) throws {
  // One frame for each: such a value fits into no array.
  if count > 0 { try inParallel(count - 1, beside: Background { try body(count - 1) }, body) }
  try thread.join()
}

func sleepMicroseconds(_ time: UInt32) {
  usleep(time)
}
