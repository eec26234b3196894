// SPDX-License-Identifier: Apache-2.0
internal import Report
internal import Storage
internal import Worker

/// What was written to a disk.
enum Received {
  /// An ext filesystem from the disk's first byte on, of the instance that the dump names.
  case filesystem(of: String?)
  /// Files, in a filesystem that was made for them.
  case archive
  /// Anything else, of the instance that the dump names; the word says what.
  case other(String, of: String?)

  /// - Parameters:
  ///   - isSpooled: it is in the spool, and not on the disk yet.
  ///   - mark: that of the disk.
  func json(isSpooled: Bool, mark: Disk.Mark) -> JSON {
    let (kind, instance, words): (JSON, String?, String?) =
      switch self {
      case .filesystem(let instance): ("filesystem", instance, nil)
      case .archive: ("archive", nil, nil)
      case .other(let words, let instance): ("other", instance, words)
      }
    return [
      "kind": kind, "instance": .optional(instance), "words": .optional(words), "spooled": .bool(isSpooled),
      "marked": .bool(mark == .withheld),
    ]
  }

  init(_ json: JSON) throws(Failure) {
    switch try json.text("kind") {
    case "filesystem": self = .filesystem(of: json["instance"]?.string)
    case "archive": self = .archive
    default: self = .other(try json.text("words"), of: json["instance"]?.string)
    }
  }
}
