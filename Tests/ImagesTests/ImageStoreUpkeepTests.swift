// SPDX-License-Identifier: Apache-2.0
import Ext4
import Glibc
import LinuxIO
import Report
import Synchronization
import TestSupport
import Testing

@testable import Images

/// What happens to the cache over time: images grow old, builders are killed, room runs out.
@Suite struct ImageStoreUpkeepTests {
  private let quiet = Steps(.quiet)
  private let day = 86400

  /// A clock that tests move on.
  private final class Clock: Sendable {
    private let days = Mutex(0)
    func advance(days count: Int) { days.withLock { $0 += count } }
    var now: Timestamp { Timestamp(seconds: Timestamp.now.seconds + days.withLock { $0 } * 86400) }
  }

  private func store(
    _ scratch: TestSupport.Scratch, clock: Clock = Clock(), age: Int? = nil, size: UInt64? = nil
  ) throws -> ImageStore {
    try ImageStore(folder: scratch("cache"), maxAgeDays: age, maxSize: size) { clock.now }
  }

  private func recipe(_ package: String) throws -> ImageRecipe {
    var request = ImageRequest(suite: "bookworm", mirror: "http://m.example/debian")
    request.packages = [package]
    return try ImageRecipe(request)
  }

  @Test("an image that is too old is built anew") func anImageThatIsTooOldIsBuiltAnew() throws {
    try withScratch { scratch in
      let (fake, clock) = (FakeMaker(), Clock())
      let store = try store(scratch, clock: clock, age: 14)
      let first = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker).manifest.created
      clock.advance(days: 13)
      #expect(try store.obtain(anyRecipe, steps: quiet, maker: fake.maker).manifest.created == first)
      clock.advance(days: 1)
      #expect(try store.list().map(\.condition) == [.old])
      #expect(try store.obtain(anyRecipe, steps: quiet, maker: fake.maker).manifest.created > first)
      #expect(fake.count == 2)
    }
  }

  @Test("an old image is used where none can be built") func oldImageUsed() throws {
    try withScratch { scratch in
      let (fake, clock) = (FakeMaker(), Clock())
      let store = try store(scratch, clock: clock, age: 14)
      let first = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker).manifest.created
      fake.fail(with: Failure(.tool, "the network is away"))
      clock.advance(days: 20)
      let shown = Mutex("")
      let steps = Steps(.plain, write: { words in shown.withLock { $0 += words } })
      for _ in 1...3 {
        #expect(try store.obtain(anyRecipe, steps: steps, maker: fake.maker).manifest.created == first)
      }
      #expect(fake.count == 2, "tried once, then not again for a while")
      let key = anyRecipe.key
      let digest = try store.entry(key)?.manifest.digest ?? "none"
      let words = "the image \(key.prefix(12)) of \(first.text), 20 days old, sha256:\(digest.prefix(12)) is used"
      let notes = shown.withLock { $0 }.split(separator: "\n").filter { $0.contains("is used") }
      #expect(
        notes == [
          "\(words), as it could not be refreshed:", "\(words), as it could not be refreshed lately",
          "\(words), as it could not be refreshed lately",
        ])
      clock.advance(days: 1)
      fake.fail(with: nil)
      #expect(try store.obtain(anyRecipe, steps: quiet, maker: fake.maker).manifest.created > first)
    }
  }

  @Test("a refresh waits for those who still copy") func refreshWaitsThose() throws {
    try withScratch { scratch in
      let (fake, clock) = (FakeMaker(), Clock())
      let store = try store(scratch, clock: clock, age: 14)
      let done = Mutex(false)
      try {
        let entry = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
        clock.advance(days: 20)
        let thread = try Background {
          _ = try store.obtain(anyRecipe, steps: Steps(.quiet), maker: fake.maker)
          done.withLock { $0 = true }
        }
        #expect(eventually { fake.count == 2 })
        usleep(200_000)
        #expect(!done.withLock { $0 })
        try entry.verify(progress: StepProgress())
        #expect(access(entry.path, F_OK) == 0)
        _ = consume entry
        try thread.join()
      }()
      #expect(done.withLock { $0 })
    }
  }

  @Test("what a killed builder left is removed") func whatAKilledBuilderLeftIsRemoved() throws {
    try withScratch { scratch in
      let fake = FakeMaker()
      let store = try store(scratch)
      // One that is dead, with links that lead out of it, and one that still lives.
      try scratch.write("keep", to: "outside/file")
      try shell(
        """
        cd '\(scratch("cache/tmp"))'; mkdir -p dead/tree/deep living; chmod 0 dead/tree/deep
        ln -s '\(scratch("outside"))' dead/tree/link; ln -s '\(scratch("outside"))' link; touch file
        printf x > dead/"$(printf 'a\\377b')"
        """)
      let living = try Command("flock", [scratch("cache/tmp/living"), "sleep", "60"]).start()
      #expect(
        eventually { (try? bash("flock --nonblock '\(scratch("cache/tmp/living"))' true").status) == 1 })
      _ = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
      #expect(try shell("ls -A '\(scratch("cache/tmp"))'") == "living")
      #expect(try scratch.read("outside/file") == "keep")
      living.signal(SIGKILL)
      _ = try living.wait()
      // The sleep, which has the lock too, may end a moment later.
      #expect(try bash("flock --timeout 120 '\(scratch("cache/tmp/living"))' true").status == 0)
      _ = try store.prune(dryRun: false)
      #expect(try shell("ls -A '\(scratch("cache/tmp"))'") == "")
    }
  }

  @Test("a build that fails leaves nothing") func aBuildThatFailsLeavesNothing() throws {
    try withScratch { scratch in
      let fake = FakeMaker()
      fake.fail(with: Failure(.tool, "no"))
      let store = try store(scratch)
      #expect(throws: Failure(.tool, "no")) { _ = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker) }
      #expect(try store.keys() == [])
      #expect(try shell("ls -A '\(scratch("cache/tmp"))'") == "")
    }
  }

  @Test("without room nothing is begun") func withoutRoomNothingIsBegun() throws {
    try withScratch { scratch in
      let fake = FakeMaker()
      var maker = fake.maker
      maker.neededRoom = 1 << 60
      let store = try store(scratch)
      do {
        _ = try store.obtain(anyRecipe, steps: quiet, maker: maker)
        Issue.record("there was room for 2^60 bytes")
      } catch let failure as Failure {
        #expect(failure.code == .space)
        #expect(failure.message.contains("building the image takes 1.0 EiB"), "\(failure.message)")
      }
      #expect(fake.count == 0)
    }
  }

  @Test("pruning removes the broken the old and the least used") func pruningRemovesBroken() throws {
    try withScratch { scratch in
      let (fake, clock) = (FakeMaker(), Clock())
      let store = try store(scratch, clock: clock, age: 14)
      let recipes = try ["old", "broken", "first", "second", "third"].map { try recipe($0) }
      _ = try store.obtain(recipes[0], steps: quiet, maker: fake.maker)
      clock.advance(days: 10)
      for recipe in recipes.dropFirst() { _ = try store.obtain(recipe, steps: quiet, maker: fake.maker) }
      clock.advance(days: 10)
      try shell("rm '\(scratch("cache/images/\(recipes[1].key)/pieces"))'")
      for (index, time) in [(2, "10:00"), (4, "11:00"), (3, "12:00")] {
        try shell("touch -d '2020-01-01 \(time)' '\(scratch("cache/images/\(recipes[index].key)/manifest.json"))'")
      }
      let one = try store.list()[0].diskBytes
      let small = try self.store(scratch, clock: clock, age: 14, size: one * 2)
      let planned = try small.prune(dryRun: true)
      #expect(
        planned.map(\.key) == [recipes[1].key, recipes[0].key, recipes[2].key]
          || planned.map(\.key) == [recipes[0].key, recipes[1].key, recipes[2].key])
      #expect(Set(planned.map { "\($0.reason)" }) == ["broken", "age(days: 20)", "size"])
      #expect(try store.keys().count == 5, "a dry run removes nothing")
      #expect(try small.prune(dryRun: false) == planned)
      #expect(try store.list().map(\.key) == [recipes[3].key, recipes[4].key])
      #expect(try shell("ls -A '\(scratch("cache/tmp"))'") == "")
      #expect(try small.prune(dryRun: false) == [])
    }
  }

  @Test("an image in use is not pruned") func anImageInUseIsNotPruned() throws {
    try withScratch { scratch in
      let fake = FakeMaker()
      let store = try store(scratch, size: 1)
      let entry = try store.obtain(anyRecipe, steps: quiet, maker: fake.maker)
      #expect(try store.prune(dryRun: false) == [])
      try entry.verify(progress: StepProgress())
    }
  }

  @Test("a build makes room afterwards") func aBuildMakesRoomAfterwards() throws {
    try withScratch { scratch in
      let fake = FakeMaker()
      let store = try store(scratch, size: 5 << 20)
      let recipes = try ["a", "b", "c"].map { try recipe($0) }
      for recipe in recipes { _ = try store.obtain(recipe, steps: quiet, maker: fake.maker) }
      #expect(try store.keys() == [recipes[2].key])
    }
  }

  @Test("a cache that others can change is refused", arguments: [0o777, 0o775, 0o1777])
  func cacheOthersCan(mode: mode_t) throws {
    try withScratch { scratch in
      try scratch.folder("cache")
      chmod(scratch("cache"), mode)
      let failure = #expect(throws: Failure.self) { _ = try store(scratch) }
      #expect(failure?.code == .invalid)
      #expect(failure?.message.contains("mode 0\(String(mode, radix: 8))") == true)
    }
  }

  @Test("a cache of another user is refused", .enabled(if: isRoot)) func aCacheOfAnotherUserIsRefused() throws {
    try withScratch { scratch in
      try scratch.folder("cache")
      chown(scratch("cache"), 65534, 65534)
      let failure = #expect(throws: Failure.self) { _ = try store(scratch) }
      #expect(failure?.message.contains("belongs to user 65534") == true)
    }
  }

  @Test("others cannot lock what is locked in a cache", .enabled(if: isRoot)) func othersCannotLock() throws {
    try withScratch { scratch in
      chmod(scratch.path, 0o755)
      let path = try store(scratch).obtain(anyRecipe, steps: Steps(.quiet), maker: FakeMaker().maker).path
      let locked = try shell(
        """
        cd '\(scratch("cache"))'
        for i in "$(dirname '\(path)')" tmp locks locks/*; do
          setpriv --reuid nobody --regid nogroup --clear-groups flock -n "$i" echo "$i" 2>/dev/null || true
        done
        """)
      #expect(locked == "")
    }
  }

  /// In a process of its own: the umask is that of all threads.
  @Test("the umask of a host does not matter") func theUmaskOfAHostDoesNotMatter() async {
    await #expect(processExitsWith: .success) {
      umask(0o077)
      try withScratch { scratch in
        let store = try ImageStore(folder: scratch("cache"), maxAgeDays: nil, maxSize: nil)
        let path = try store.obtain(anyRecipe, steps: Steps(.quiet), maker: FakeMaker().maker).path
        let image = path.dropLast("/disk.img".count)
        let modes = try shell(
          "cd '\(image)'; stat -c %a ../.. .. . ../../tmp ../../locks disk.img manifest.json pieces")
        #expect(modes.split(separator: "\n") == ["755", "755", "711", "711", "700", "644", "644", "644"])
      }
    }
  }
}

/// A thread that can be joined.
struct Background: ~Copyable {
  private final class Task: Sendable {
    let body: @Sendable () throws -> Void
    let error = Mutex<(any Error)?>(nil)
    init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }
  }
  private let task: Task
  private let thread: pthread_t

  init(_ body: @escaping @Sendable () throws -> Void) throws {
    task = Task(body)
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      {
        let task = Unmanaged<Task>.fromOpaque($0!).takeRetainedValue()
        do { try task.body() } catch { task.error.withLock { $0 = error } }
        return nil
      }, Unmanaged.passRetained(task).toOpaque())
    self.thread = thread
  }

  /// Waits for its end, and throws what it threw.
  consuming func join() throws {
    pthread_join(thread, nil)
    if let error = task.error.withLock({ $0 }) { throw error }
  }
}
