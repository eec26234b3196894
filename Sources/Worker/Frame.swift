// SPDX-License-Identifier: Apache-2.0
package import Report

/// What a worker sends back. Its texts and numbers are a guest's: whoever shows or uses them escapes and checks them.
enum Frame: Equatable {
  /// A step begins; those that have begun end in the reverse order.
  case begin(String)
  /// How far the step is that has begun last.
  case progress(StepMeasure)
  /// The step that has begun last ends, with words about it.
  case end(String?)
  case note(String)
  /// The task failed.
  case failure(Failure)
  /// The task is done; what it has found.
  case done(JSON)

  var json: JSON {
    switch self {
    case .begin(let title): ["begin": .string(title)]
    case .progress(let measure): ["progress": measure.json]
    case .end(let words): ["end": .optional(words)]
    case .note(let line): ["note": .string(line)]
    case .failure(let failure): ["failure": failure.json]
    case .done(let value): ["done": value]
    }
  }

  /// Nil for what is not a frame.
  init?(_ json: JSON) {
    guard case .object(let members) = json, members.count == 1, let member = members.first else { return nil }
    switch (member.key, member.value) {
    case ("begin", .string(let title)): self = .begin(title)
    case ("progress", let value):
      guard let measure = StepMeasure(value) else { return nil }
      self = .progress(measure)
    case ("end", .string(let words)): self = .end(words)
    case ("end", .null): self = .end(nil)
    case ("note", .string(let line)): self = .note(line)
    case ("failure", let value):
      guard let failure = Failure(value) else { return nil }
      self = .failure(failure)
    case ("done", let value): self = .done(value)
    default: return nil
    }
  }
}

extension Frame {
  var isProgress: Bool { if case .progress = self { true } else { false } }

  /// What of it is shown whatever comes after, in bytes.
  var words: Int {
    switch self {
    case .begin(let text), .note(let text): text.utf8.count
    case .end(let text): text?.utf8.count ?? 0
    default: 0
    }
  }
}

extension StepMeasure {
  fileprivate var json: JSON {
    var unit: JSON = nil
    if case .count(let name) = self.unit { unit = .string(name) }
    return ["unit": unit, "done": .number(done), "total": total.map { .number($0) } ?? nil]
  }

  fileprivate init?(_ json: JSON) {
    guard let done = json["done"]?.integer else { return nil }
    self.init(
      unit: json["unit"]?.string.map { .count(of: $0.escaped) } ?? .bytes, done: UInt64(done),
      total: json["total"]?.integer.map { UInt64($0) })
  }
}

extension Failure {
  package var json: JSON {
    [
      "code": .integer(Int(code.rawValue)), "message": .string(message.shortened),
      "remedy": .optional(remedy?.shortened), "errorNumber": errorNumber.map { .integer(Int($0)) } ?? nil,
    ]
  }

  package init?(_ json: JSON) {
    guard let code = json["code"]?.integer.flatMap({ Code(rawValue: Int32(clamping: $0)) }),
      let message = json["message"]?.string
    else { return nil }
    self.init(
      code, message, remedy: json["remedy"]?.string,
      cause: json["errorNumber"]?.integer.flatMap { Int32(exactly: $0) }.map { .system($0) })
  }
}

extension String {
  /// No longer than a frame has room for, in whatever way it is written.
  var shortened: String { utf8.count <= 8192 ? self : "\(String(decoding: utf8.prefix(8192), as: UTF8.self))…" }
}
