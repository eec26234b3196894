// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report

/// What has come of a file by now, over all requests for it.
final class Arrival {
  private let place: Location
  private let file: DescriptorView
  private let limits: DownloadLimits
  private let progress: StepProgress

  private(set) var head = ResponseHead()
  /// How much of the file is there.
  private(set) var end: UInt64 = 0
  /// How long it will be; nil where the server does not say.
  private(set) var total: UInt64?
  /// Of what is there.
  private var entityTag: String?
  private var bodyHasBegun = false
  /// How much came of the body of a refusal, in bytes, and how much of it is waited for.
  private var refusal = 0
  private static let longestRefusal = 64 << 10
  /// Its length was told to whoever admits it. What came before a restart takes room already.
  private var isAdmitted = false
  private(set) var failure: Failure?
  /// It sent another part than it was asked for.
  private(set) var isOutOfPlace = false

  init(of place: Location, at file: DescriptorView, limits: DownloadLimits, progress: StepProgress) {
    self.place = place
    self.file = file
    self.limits = limits
    self.progress = progress
  }

  /// What to ask for next; nil: all of it.
  var rest: (offset: UInt64, entityTag: String)? {
    end > 0 ? entityTag.map { (end, $0) } : nil
  }

  /// All that was promised; an answer without a body is not the rest of what is there.
  var isWhole: Bool { (bodyHasBegun || end == 0) && (total.map { $0 == end } ?? true) }

  func restart() {
    end = 0
    total = nil
    entityTag = nil
    progress.reach(StepMeasure())
  }

  func take(head line: String) -> Bool {
    if line.hasPrefix("HTTP/") { (bodyHasBegun, isOutOfPlace, refusal) = (false, false, 0) }
    head.take(line)
    return true
  }

  func take(body bytes: UnsafeRawBufferPointer) -> Bool {
    // The body of a refusal is not the file, and need not have an end.
    guard head.code == 200 || head.code == 206 else {
      refusal += bytes.count
      return refusal <= Self.longestRefusal
    }
    do throws(Failure) {
      if !bodyHasBegun {
        bodyHasBegun = true
        guard try begin() else { return false }
      }
      let (size, overflow) = end.addingReportingOverflow(UInt64(bytes.count))
      guard !overflow, size <= limits.size else { throw .tooLarge(place, size, limits) }
      try file.writeAll(bytes, at: end)
      end = size
      progress.advance(by: UInt64(bytes.count))
      return true
    } catch {
      failure = error
      return false
    }
  }

  /// Whether what comes now continues what is there, or is all of it.
  private func begin() throws(Failure) -> Bool {
    if head.code == 206 {
      guard let range = head.range, range.start == end, end > 0, range.total == total || total == nil,
        head.entityTag == nil || head.entityTag == entityTag
      else {
        restart()
        isOutOfPlace = true
        return false
      }
      total = total ?? range.total
      return true
    }
    if end > 0 { restart() }
    entityTag = head.entityTag
    total = head.length
    guard let total else { return true }
    guard total <= limits.size else { throw .tooLarge(place, total, limits) }
    if !isAdmitted, let admit = limits.admit { try admit(total) }
    isAdmitted = true
    progress.expect(total)
    return true
  }
}
