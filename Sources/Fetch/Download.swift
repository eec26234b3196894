// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxIO
package import Report

/// How much a download may be and take.
package struct DownloadLimits: Sendable {
  /// In bytes.
  package var size: UInt64
  /// What to do where that is not enough.
  package var remedy: String?
  /// Called once the length of the file is known, in bytes, before any of it is taken; what it throws ends the download.
  package var admit: (@Sendable (UInt64) throws(Failure) -> Void)?
  /// In seconds: for a connection, with less than 1 KiB in each of them, and for all attempts together.
  package var connect = 30
  package var stall = 60
  package var duration = 6 * 3600
  /// How often in all it is begun or gone on with when the line breaks.
  package var attempts = 5
  /// Before the second attempt, in milliseconds; before each further one twice as long.
  package var pause: UInt32 = 1000

  package init(size: UInt64) { self.size = size }
}

/// Brings what is at a place into a file.
///
/// Over http it uses `http_proxy` and the like, a login of ~/.netrc or the URL, and this machine's authorities. After a
/// broken line it goes on where it was, if the server has a strong entity tag for what it sends, and confirms it; else
/// it begins again.
package struct Download {
  let place: Location
  let limits: DownloadLimits
  /// Whether what comes is judged by more than the connection that it comes by, so that https may lead to http.
  let isVerifiedLater: Bool

  package init(_ place: Location, limits: DownloadLimits, isVerifiedLater: Bool) {
    self.place = place
    self.limits = limits
    self.isVerifiedLater = isVerifiedLater
  }

  /// - Parameter file: an empty one.
  /// - Returns: how many bytes it has now.
  /// - Throws: `.io` for all that a server or a line can do; `.space`.
  package func run(into file: borrowing Descriptor, progress: StepProgress) throws(Failure) -> UInt64 {
    let size =
      switch place {
      case .file(let path): try copy(path, to: file.view, progress)
      case .web(let url): try fetch(url, to: file.view, progress)
      }
    // An earlier attempt may have brought more.
    try file.setLength(size)
    return size
  }

  private func copy(_ path: String, to file: DescriptorView, _ progress: StepProgress) throws(Failure) -> UInt64 {
    // To open a pipe would wait for its other end.
    let source = try Descriptor(path, O_RDONLY | O_NONBLOCK)
    let status = try source.status()
    guard status.isRegular else { throw Failure(.io, "\(place) is not a file") }
    guard UInt64(status.st_size) <= limits.size else { throw tooLarge(UInt64(status.st_size)) }
    if let admit = limits.admit { try admit(UInt64(status.st_size)) }
    progress.expect(UInt64(status.st_size))
    return try withBuffer(of: 1 << 20) { buffer throws(Failure) in
      var offset: UInt64 = 0
      while true {
        let count = try source.readFull(into: buffer, at: offset)
        if count == 0 { return offset }
        guard offset + UInt64(count) <= limits.size else { throw tooLarge(offset + UInt64(count)) }
        try file.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
        offset += UInt64(count)
        progress.advance(by: UInt64(count))
      }
    }
  }

  private func fetch(_ url: String, to file: DescriptorView, _ progress: StepProgress) throws(Failure) -> UInt64 {
    let arrival = Arrival(of: place, at: file, limits: limits, progress: progress)
    let start = ContinuousClock.now
    // Rounded: what took as long as it may has ended then.
    func secondsLeft() -> Int {
      limits.duration - Int((start.duration(to: .now) + .milliseconds(500)).components.seconds)
    }
    var attempt = 1
    while true {
      var limits = limits
      // Of 0 libcurl makes no limit.
      limits.duration = max(1, secondsLeft())
      let rest = arrival.rest
      if rest == nil { arrival.restart() }
      let request = Request(
        url: url, leavesTLS: isVerifiedLater || !place.isSecure, rest: rest, limits: limits)
      let outcome = try request.get(head: arrival.take(head:), body: arrival.take(body:))
      if let failure = arrival.failure { throw failure }
      let code = arrival.head.code
      let reason: String
      switch outcome {
      case .stalled where code == 0:
        reason =
          "\(place) does not answer: no connection in \(limits.connect) s, or no word in \(limits.stall) s"
      case .stalled where code == 200 || code == 206:
        reason =
          "\(place) stalled: less than 1 KiB a second came for \(limits.stall) s, or it took longer than \(self.limits.duration) s"
      case .done where code == 200 || code == 206:
        guard arrival.isWhole else { fallthrough }
        return arrival.end
      case .broken, .done, .ended, .stalled:
        reason = why(outcome, arrival)
        // What the server says for good.
        if code == 416 { arrival.restart() }
        guard [0, 200, 206, 416, 429].contains(code) || code >= 500 else { throw Failure(.io, reason) }
      case .redirected where code == 0:
        throw Failure(.io, "\(place) is not a URL that libcurl reads, or its server does not speak HTTP")
      case .redirected:
        throw Failure(
          .io,
          "\(place) redirects to \(Location.words(forRedirection: arrival.head.redirection ?? "more and more places"))",
          remedy: request.leavesTLS
            ? "only http and https are followed, ten times at most"
            : "only https is followed here, ten times at most: nothing else tells whose the file is")
      case .failed(let words): throw Failure(.io, "\(place) cannot be fetched: \(Words.printable(words))")
      }
      guard attempt < limits.attempts, secondsLeft() > 0 else {
        throw Failure(.io, "\(reason); it was tried \(attempt == 1 ? "once" : "\(attempt) times")")
      }
      usleep(limits.pause * 1000 << UInt32(min(attempt, 10) - 1))
      attempt += 1
    }
  }

  private func why(_ outcome: Request.Outcome, _ arrival: Arrival) -> String {
    let code = arrival.head.code
    if ![0, 200, 206].contains(code) {
      return "the server answers \(Words.printable(arrival.head.status)) for \(place)"
    }
    if arrival.isOutOfPlace { return "the server sends another part of \(place) than it was asked for" }
    if arrival.end > 0 {
      let whole = arrival.total.map { " of \(Words.bytes($0))" } ?? ""
      return "\(place) broke off after \(Words.bytes(arrival.end))\(whole)"
    }
    if case .broken(let words) = outcome { return "\(place) cannot be fetched: \(Words.printable(words))" }
    return "\(place) cannot be fetched: the server sends nothing"
  }

  private func tooLarge(_ size: UInt64) -> Failure { .tooLarge(place, size, limits) }
}

extension Failure {
  static func tooLarge(_ place: Location, _ size: UInt64, _ limits: DownloadLimits) -> Failure {
    Failure(
      .io, "\(place) has \(Words.bytes(size)) or more, and at most \(Words.bytes(limits.size)) are fetched",
      remedy: limits.remedy)
  }
}
