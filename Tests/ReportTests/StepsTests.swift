// SPDX-License-Identifier: Apache-2.0
import Dispatch
import Synchronization
import Testing

@testable import Report

/// Steps whose output is kept and whose clock is turned by hand.
private final class Stage: Sendable {
  private let clock = Mutex(ContinuousClock.now)
  private let written = Mutex<[String]>([])

  func steps(_ style: Steps.Style) -> Steps {
    Steps(style, write: { text in self.written.withLock { $0.append(text) } }, now: { self.clock.withLock { $0 } })
  }

  func pass(_ time: Duration) {
    clock.withLock { $0 += time }
  }

  var writes: [String] { written.withLock { $0 } }
  var output: String { writes.joined() }
}

@Suite("Steps")
struct StepsTests {
  @Test("a plain step is one line with its time, title and detail")
  func plain() {
    let stage = Stage()
    let result = stage.steps(.plain).step("copy used blocks") { progress in
      progress.expect(400 << 20)
      progress.advance(by: 100)
      stage.pass(.milliseconds(420))
      progress.detail("361 MiB")
      return 7
    }
    #expect(result == 7)
    #expect(stage.output == "  0.42 s  copy used blocks: 361 MiB\n")
  }

  @Test("without words of its own a step tells the amount that was done")
  func amount() {
    let stage = Stage()
    let steps = stage.steps(.plain)
    steps.step("copy") { $0.advance(by: 5 << 20) }
    steps.step("read files") {
      $0.expect(3, .count(of: "files"))
      $0.advance(by: 3)
    }
    steps.step("flush") { _ in stage.pass(.seconds(75)) }
    #expect(stage.output == "  0.00 s  copy: 5.0 MiB\n  0.00 s  read files: 3 files\n1 min 15 s  flush\n")
  }

  @Test("a failing step says so and passes its error on")
  func failing() {
    let stage = Stage()
    #expect(throws: Failure(.io, "cannot read x")) {
      try stage.steps(.plain).step("read x") { progress in
        progress.detail("never shown")
        throw Failure(.io, "cannot read x")
      }
    }
    #expect(stage.output == "  0.00 s  read x: failed\n")
  }

  @Test("a long plain step tells its state each ten seconds only")
  func longPlain() {
    let stage = Stage()
    stage.steps(.plain).step("write zeros") { progress in
      progress.expect(1 << 30)
      for _ in 0..<8 {
        stage.pass(.seconds(3))
        progress.advance(by: 128 << 20)
      }
    }
    let lines = stage.output.split(separator: "\n")
    #expect(
      lines == [
        "  12.0 s  write zeros: 50 %, 512 MiB of 1.0 GiB, 43 MiB/s, 12 s left",
        "  24.0 s  write zeros: 100 %, 1.0 GiB of 1.0 GiB, 43 MiB/s, 0 s left",
        "  24.0 s  write zeros: 1.0 GiB",
      ])
  }

  @Test("a terminal shows a bar that is cleared by the line that ends the step")
  func terminal() {
    let stage = Stage()
    stage.steps(.terminal(columns: 100)).step("copy used blocks") { progress in
      progress.expect(1 << 30)
      stage.pass(.seconds(1))
      progress.advance(by: 256 << 20)
    }
    #expect(
      stage.writes == [
        "\r\u{1B}[K  copy used blocks …",
        "\r\u{1B}[K  copy used blocks  [======>-----------------]  25 %  256 MiB  256 MiB/s  3 s left",
        "\r\u{1B}[K  1.00 s  copy used blocks: 256 MiB\n",
      ])
  }

  @Test("a terminal shows a counter where the whole is not known")
  func counter() {
    let stage = Stage()
    stage.steps(.terminal(columns: 80)).step("read tar") { progress in
      stage.pass(.seconds(2))
      progress.advance(by: 10 << 20)
    }
    #expect(stage.writes[1] == "\r\u{1B}[K  read tar  10 MiB  5.0 MiB/s")
  }

  @Test("a terminal is redrawn ten times a second at most")
  func seldom() {
    let stage = Stage()
    stage.steps(.terminal(columns: 80)).step("copy") { progress in
      for _ in 0..<1000 {
        stage.pass(.milliseconds(1))
        progress.advance(by: 1)
      }
    }
    #expect(stage.writes.count == 1 + 10 + 1)
  }

  @Test("a share that nobody can have measured has no time left") func endlessShare() {
    #expect(StepMeasure(done: 1, total: UInt64(Int.max)).timeLeft(after: .seconds(10)) == nil)
    #expect(StepMeasure(done: 1, total: 4).timeLeft(after: .seconds(10)) == .seconds(30))
  }

  @Test("no line is wider than the terminal", arguments: [1, 2, 10, 40, 60, 80, 200])
  func width(columns: Int) {
    let measure = StepMeasure(unit: .bytes, done: 512 << 20, total: 1 << 30)
    let line = StepLine.running("copy the used blocks", measure, after: .seconds(9), columns: columns)
    #expect(line.count < max(2, columns))
    #expect(StepLine.begun("copy the used blocks", columns: columns).count < max(2, columns))
  }

  @Test("a note stands on a line of its own, above the one that is redrawn")
  func note() {
    let stage = Stage()
    let steps = stage.steps(.terminal(columns: 80))
    steps.step("build") { _ in steps.note("waiting for pid 7\u{7}") }
    #expect(
      stage.output
        == "\r\u{1B}[K  build …\r\u{1B}[Kwaiting for pid 7\\x07\n  0.00 s  build\n")
  }

  @Test("quiet steps say nothing")
  func quiet() {
    let stage = Stage()
    let steps = stage.steps(.quiet)
    steps.note("a note")
    steps.step("copy") { progress in
      stage.pass(.seconds(60))
      progress.advance(by: 1)
    }
    #expect(stage.writes.isEmpty)
  }

  @Test("many threads may advance one step, and a late one draws nothing")
  func threads() {
    let stage = Stage()
    let late = Mutex<StepProgress?>(nil)
    stage.steps(.terminal(columns: 80)).step("copy") { progress in
      late.withLock { $0 = progress }
      DispatchQueue.concurrentPerform(iterations: 8) { _ in
        for _ in 0..<1000 { progress.advance(by: 1) }
      }
    }
    #expect(stage.output.hasSuffix("  0.00 s  copy: 7.8 KiB\n"))
    let count = stage.writes.count
    stage.pass(.seconds(1))
    late.withLock { $0 }?.advance(by: .max)
    #expect(stage.writes.count == count)
  }
}
