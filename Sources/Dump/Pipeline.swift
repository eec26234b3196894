// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Report
import Synchronization

/// Memory for one frame on its way through a pipeline, used again and again.
///
/// It has one owner at a time: a stage hands it on by a semaphore. Only `digest` and `drain` have it together, and both
/// only read.
final class Slot: @unchecked Sendable {
  /// Bytes of the tar.
  let content: UnsafeMutableRawBufferPointer
  /// The same as a zstd frame; empty where nothing is compressed.
  let stored: UnsafeMutableRawBufferPointer
  var contentCount = 0
  var storedCount = 0
  /// The number of the frame, counted by whoever fills the slots.
  var frame = 0
  /// Where the frame starts in the stored dump.
  var start: UInt64 = 0

  /// Nothing comes after this slot, and nothing is in it.
  fileprivate var isEnd = false
  /// Each starts at 0, as Dispatch wants a semaphore to have its first value when it goes.
  fileprivate let free = DispatchSemaphore(value: 0)
  fileprivate let filled = DispatchSemaphore(value: 0)
  fileprivate let worked = DispatchSemaphore(value: 0)
  fileprivate let digestible = DispatchSemaphore(value: 0)
  fileprivate let digested = DispatchSemaphore(value: 0)

  init(contentSize: Int, storedSize: Int) {
    // Whole pages, so that a consumer may write with O_DIRECT.
    content = .allocate(byteCount: contentSize, alignment: 4096)
    stored = .allocate(byteCount: storedSize, alignment: 4096)
  }

  /// Gives `body` a slot outside of any pipeline. Its memory lasts exactly as long: a slot in a variable may be gone
  /// after its last mention, while a pointer into it is still in use.
  static func temporary<Result>(
    contentSize: Int, storedSize: Int, _ body: (Slot) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let slot = Slot(contentSize: contentSize, storedSize: storedSize)
    defer { withExtendedLifetime(slot) {} }
    return try body(slot)
  }

  deinit {
    content.deallocate()
    stored.deallocate()
  }

  /// As much of `content` as the frame takes.
  var contentBuffer: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: content[..<contentCount]) }
  var contentBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(contentBuffer) }
  var storedBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: stored[..<storedCount]) }
}

/// Frames flow through four stages that run at the same time, in bounded memory: `fill` makes them in order on a thread
/// of its own, `work` transforms each on one of several threads, then `digest`, on its own thread, and `drain`, on the
/// caller's, take them in order.
struct Pipeline {
  /// What the slots and the workers' contexts may take together, so that the whole program stays below 96 MiB.
  private static let memory = 64 << 20
  /// Slots beyond one for each worker: one being filled and one being drained; with two more neither waits for the other, and of
  /// small ones as many as this is of memory, so that a stage that is late for a moment holds up none.
  private static let slotsBesideWorkers = 2...4
  private static let memoryBesideWorkers = 12 << 20

  let workers: Int
  private let slots: [Slot]

  /// As many as `workers`, or fewer, so that the memory is enough; `context` is what each takes for itself.
  init(workers wanted: Int, context: Int, contentSize: Int, storedSize: Int) {
    let slot = contentSize + storedSize
    let few = Self.slotsBesideWorkers
    let beside = few.lowerBound...max(few.upperBound, Self.memoryBesideWorkers / slot)
    workers = max(1, min(wanted, (Self.memory - beside.lowerBound * slot) / (slot + context)))
    let room = (Self.memory - workers * (slot + context)) / slot
    slots = (0..<workers + min(max(room, beside.lowerBound), beside.upperBound)).map { _ in
      Slot(contentSize: contentSize, storedSize: storedSize)
    }
  }

  /// Returns when all stages have ended. After the first failure of any stage, which is thrown, nothing is filled or
  /// drained any more.
  ///
  /// - Parameters:
  ///   - fill: makes the next frame in the slot; false when there is none.
  ///   - work: also gets the number of the worker, from 0.
  func run(
    fill: @escaping @Sendable (Slot) throws(Failure) -> Bool,
    work: @escaping @Sendable (Slot, Int) throws(Failure) -> Void,
    digest: @escaping @Sendable (Slot) -> Void,
    drain: (Slot) throws(Failure) -> Void
  ) throws(Failure) {
    let shared = Shared()
    let threads = DispatchGroup()
    for slot in slots {
      slot.free.signal()
    }
    start(threads, "fill") { fillAll(fill, shared) }
    for worker in 0..<workers {
      start(threads, "work") { workAll(worker, work, shared) }
    }
    start(threads, "digest") { digestAll(digest, shared) }
    drainAll(drain, shared)
    threads.wait()
    if let failure = shared.failure { throw failure }
  }

  /// What all threads of one run know.
  private final class Shared: Sendable {
    /// The number of the next frame that no worker has taken yet.
    let nextForWork = Atomic<Int>(0)
    private let firstFailure = Mutex<Failure?>(nil)

    var failure: Failure? { firstFailure.withLock { $0 } }

    /// Runs a step of a stage, unless something failed before; false when it did not come to its end.
    func attempt(_ step: () throws(Failure) -> Void) -> Bool {
      guard failure == nil else { return false }
      do {
        try step()
        return true
      } catch {
        firstFailure.withLock { $0 = $0 ?? error }
        return false
      }
    }
  }

  /// Every queue gets a thread of its own, however many there are: its blocks wait for each other.
  private func start(_ group: DispatchGroup, _ stage: String, _ body: @escaping @Sendable () -> Void) {
    DispatchQueue(label: "guestsmith.dump.\(stage)").async(group: group, execute: body)
  }

  private func fillAll(_ fill: (Slot) throws(Failure) -> Bool, _ shared: Shared) {
    var number = 0
    var hasMore = true
    while hasMore {
      let slot = slots[number % slots.count]
      slot.free.wait()
      let isWhole = shared.attempt { () throws(Failure) in hasMore = try fill(slot) }
      hasMore = hasMore && isWhole
      slot.isEnd = !hasMore
      slot.filled.signal()
      number += 1
    }
    // One end for each worker; the first is sent.
    for number in number..<number + workers - 1 {
      let slot = slots[number % slots.count]
      slot.free.wait()
      slot.isEnd = true
      slot.filled.signal()
    }
  }

  private func workAll(_ worker: Int, _ work: (Slot, Int) throws(Failure) -> Void, _ shared: Shared) {
    while true {
      let slot = slots[shared.nextForWork.add(1, ordering: .relaxed).oldValue % slots.count]
      slot.filled.wait()
      let isEnd = slot.isEnd
      if !isEnd {
        _ = shared.attempt { () throws(Failure) in try work(slot, worker) }
      }
      slot.digestible.signal()
      slot.worked.signal()
      if isEnd { return }
    }
  }

  private func digestAll(_ digest: (Slot) -> Void, _ shared: Shared) {
    var number = 0
    while true {
      let slot = slots[number % slots.count]
      slot.digestible.wait()
      if slot.isEnd { return }
      _ = shared.attempt { digest(slot) }
      slot.digested.signal()
      number += 1
    }
  }

  private func drainAll(_ drain: (Slot) throws(Failure) -> Void, _ shared: Shared) {
    var number = 0
    while true {
      let slot = slots[number % slots.count]
      slot.worked.wait()
      if slot.isEnd { return }
      _ = shared.attempt { () throws(Failure) in try drain(slot) }
      slot.digested.wait()
      slot.free.signal()
      number += 1
    }
  }
}
