// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// A worker that was asked for something. It ends when its owner drops it.
package final class RunningWorker: @unchecked Sendable {
  private let wire: Wire
  /// Nil for one in this process, and for one that has ended.
  private var child: Child?
  private let purpose: Workers.Purpose
  /// Waits for one in this process.
  private let awaitThread: () -> Void

  /// All that it may say beside its progress: more is said by one that a guest has taken over. How often it tells how far it
  /// is depends on how long its work takes, and that has limits of its own.
  private static let mostFrames = 1_000_000
  private static let deepestStep = 8
  /// Of notes, titles and ends of steps, in bytes.
  private static let mostWords = 1 << 20

  init(
    _ wire: Wire, _ child: consuming Child?, _ purpose: Workers.Purpose, _ awaitThread: @escaping () -> Void = {}
  ) {
    self.wire = wire
    self.child = child
    self.purpose = purpose
    self.awaitThread = awaitThread
  }

  /// Tells it that its input has ended, and whether that was a right end. From any thread.
  package func confirmInput(_ failure: Failure?) { tell(["failure": failure?.json ?? nil]) }

  // That it is gone is seen by what it says.
  func tell(_ json: JSON) { try? wire.send(json) }

  /// Waits for its end and shows its steps; returns what it has found, which a guest may have made up.
  ///
  /// - Throws: what the task throws; where the worker did not end well, the failure of the purpose.
  package func result(_ steps: Steps) throws(Failure) -> JSON {
    let last: Frame?
    do throws(Failure) {
      last = try listen(steps)
    } catch {
      // Dropping it ends it.
      _ = child.take()
      throw failure("said what no worker says: \(error.message)")
    }
    let status = try child.take()?.wait() ?? .exited(0)
    awaitThread()
    switch last {
    case _ where !status.isSuccess:
      throw failure(words(for: status), cause: status == .signalled(SIGKILL) ? .killed : nil)
    case .done(let value): return value
    case .failure(let failure): throw failure
    default: throw failure("ended without an answer")
    }
  }

  /// The frame that is the last one; nil where there is none.
  private func listen(_ steps: Steps) throws(Failure) -> Frame? {
    var open: [StepProgress] = []
    // Steps of one that is gone have failed.
    defer { for step in open.reversed() { step.end("failed") } }
    var words = 0
    var count = 0
    while count < Self.mostFrames {
      guard let json = try wire.receive(atMost: Wire.longestFrame) else {
        // Where we are being ended, so are our workers: that is not a failure of the step.
        Interrupts.holdIfInterrupted()
        return nil
      }
      let frame = Frame(json)
      words += frame?.words ?? 0
      count += frame?.isProgress == true ? 0 : 1
      guard words <= Self.mostWords else { throw Failure(.io, "more than \(Self.mostWords) bytes of words") }
      switch frame {
      case .begin(let title) where open.count < Self.deepestStep: open.append(steps.begin(title))
      case .progress(let measure) where !open.isEmpty: open[open.count - 1].reach(measure)
      case .end(let words) where !open.isEmpty: open.removeLast().end(words)
      case .note(let line): steps.note(line)
      case .done(let value):
        guard open.isEmpty else { throw Failure(.io, "that it is done, in the middle of a step") }
        return try end(.done(value))
      case .failure(let failure): return try end(.failure(failure))
      default: throw Failure(.io, "what is not a message")
      }
    }
    throw Failure(.io, "more than \(Self.mostFrames) messages")
  }

  private func end(_ last: Frame) throws(Failure) -> Frame {
    guard try wire.receive(atMost: Wire.longestFrame) == nil else {
      throw Failure(.io, "something after its last message")
    }
    return last
  }

  private func failure(_ words: String, cause: Failure.Cause? = nil) -> Failure {
    Failure(purpose.code, "the worker that \(purpose.words) \(words)", cause: cause)
  }

  private func words(for status: ExitStatus) -> String {
    guard case .signalled(let number) = status else { return "\(status)" }
    let names = [
      SIGSEGV: "SIGSEGV", SIGBUS: "SIGBUS", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP",
      SIGABRT: "SIGABRT", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGTERM: "SIGTERM",
    ]
    return "was killed by \(names[number] ?? "signal \(number)")"
  }
}
