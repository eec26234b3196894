// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report

/// What a guest's console is to show before a boot is a success.
package struct BootGoal: Sendable {
  package let words: String
  /// How long to wait for it.
  package let seconds: Int

  package init(_ words: String, seconds: Int) {
    self.words = words
    self.seconds = seconds
  }
}

/// How a boot came to its goal.
package struct ReachedGoal: Sendable {
  /// From the start of qemu.
  package let time: Duration
  package let isEmulated: Bool
}

/// What is wrong with KVM, where that and not the guest is at fault.
struct KVMFault: Error {
  let words: String
}

extension Node {
  /// Watches the console until it shows the words of `goal`, and ends qemu.
  ///
  /// - Throws: `.guest` with the last lines of the console where the guest does not come so far.
  func watch(
    _ machine: Machine, of name: InstanceName, until goal: BootGoal, by accelerator: Accelerator,
    _ show: ([UInt8]) throws(Failure) -> Void
  ) throws(Failure) -> Result<ReachedGoal, KVMFault> {
    var console = Console(goal.words)
    let started = ContinuousClock.now
    let end = try watchConsole(of: machine.watched(accelerator), limit: .seconds(goal.seconds)) {
      bytes throws(Failure) in
      try show(bytes)
      console.read(bytes)
      return console.sighting != nil
    }
    let reason: String
    switch (end, console.sighting) {
    case (.shown, .goal):
      let reached = ReachedGoal(time: started.duration(to: .now), isEmulated: accelerator == .tcg)
      steps.note(
        "\(name) showed \(goal.words.quoted) after \(Words.duration(reached.time))"
          + (reached.isEmulated ? ", emulated" : ""))
      return .success(reached)
    case (.shown, .failure(let words)): reason = "\(name) did not come up: its console shows \(words.quoted)"
    case (.internalError, _): return .failure(KVMFault(words: KVM.internalError))
    case (.ended(let status, let words), _):
      if accelerator == .kvm, case .signalled = status {
        return .failure(KVMFault(words: "qemu \(status) under KVM: \(words)"))
      }
      if !status.isSuccess { throw Failure(.tool, "qemu \(status): \(words)\(console.lastLines)") }
      reason = "\(name) went off before its console showed \(goal.words.quoted)"
    case (.silent, _), (.late, _), (.shown, nil):
      reason = "the console of \(name) did not show \(goal.words.quoted) within \(goal.seconds) s"
    }
    throw Failure(.guest, reason + console.lastLines)
  }
}

/// The console of a guest as it comes, in pieces.
struct Console {
  enum Sighting {
    case goal
    /// The guest says that it does not come up, in these words.
    case failure(String)
  }

  /// What it has shown.
  private(set) var sighting: Sighting?
  private let goal: [UInt8]
  private var recent: [UInt8] = []

  private static let failures = [
    "Kernel panic", "You are in emergency mode", "You are in rescue mode", "Entering emergency mode", "\n(initramfs)",
    "grub rescue>",
  ]
  /// How much is kept of it, in bytes.
  private static let limit = 8192

  init(_ goal: String) { self.goal = Array(goal.utf8) }

  mutating func read(_ bytes: [UInt8]) {
    // What is looked for may come in two pieces.
    let start = max(0, recent.count - max(goal.count, 64))
    recent += bytes
    let new = recent[start...]
    if new.contains(goal) {
      sighting = .goal
    } else if let words = Self.failures.first(where: { new.contains(Array($0.utf8)) }) {
      sighting = .failure(String(words.drop { $0 == "\n" }))
    }
    let kept = max(Self.limit, goal.count)
    if recent.count > kept { recent.removeFirst(recent.count - kept) }
  }

  /// What follows in a message.
  var lastLines: String {
    let lines = recent.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.suffix(20)
    guard !lines.isEmpty else { return ", and showed nothing" }
    return "; the last lines:" + lines.map { "\n  | \(Words.printable(String(decoding: $0, as: UTF8.self)))" }.joined()
  }
}
