// SPDX-License-Identifier: Apache-2.0
internal import Report
internal import Worker

/// What was written to a disk.
enum Received {
  /// An ext filesystem from the disk's first byte on, of the instance that the dump names.
  case filesystem(of: String?)
  /// Files, in a filesystem that was made for them.
  case archive
  /// Anything else; the word says what.
  case other(String)

  /// - Parameter isSpooled: it is in the spool, and not on the disk yet.
  func json(isSpooled: Bool) -> JSON {
    let (kind, words): (JSON, String?) =
      switch self {
      case .filesystem(let instance): ("filesystem", instance)
      case .archive: ("archive", nil)
      case .other(let words): ("other", words)
      }
    return ["kind": kind, "words": .optional(words), "spooled": .bool(isSpooled)]
  }

  init(_ json: JSON) throws(Failure) {
    switch try json.text("kind") {
    case "filesystem": self = .filesystem(of: json["words"]?.string)
    case "archive": self = .archive
    default: self = .other(try json.text("words"))
    }
  }
}
