// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The lock file of a build: the process that builds, or why the last build failed. Empty after a success.
enum BuildRecord {
  case building(pid: Int32)
  case failed(Failure, at: Timestamp)

  /// `building PID`, or `failed SECONDS CODE`, a line with the remedy, and the message to the end.
  var text: String {
    switch self {
    case .building(let pid):
      return "building \(pid)\n"
    case .failed(let failure, let time):
      let remedy = failure.remedy?.split(separator: "\n").joined(separator: " ") ?? ""
      return "failed \(time.seconds) \(failure.code.rawValue)\n\(remedy)\n\(failure.message)"
    }
  }

  init?(_ text: String) {
    let lines = text.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
    let words = lines[0].split(separator: " ")
    if words.count == 2, words[0] == "building", let pid = Int32(words[1]) {
      self = .building(pid: pid)
    } else if lines.count == 3, words.count == 3, words[0] == "failed", let seconds = Int(words[1]),
      let code = Int32(words[2]).flatMap(Failure.Code.init(rawValue:))
    {
      let failure = Failure(code, String(lines[2]), remedy: lines[1].isEmpty ? nil : String(lines[1]))
      self = .failed(failure, at: Timestamp(seconds: seconds))
    } else {
      return nil
    }
  }
}
