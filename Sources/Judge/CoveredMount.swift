// SPDX-License-Identifier: Apache-2.0
internal import Report

/// A mount of the machine that is not under an overlay in the sandbox.
package struct CoveredMount: Sendable {
  package let place: String
  package let type: String
  /// What the scripts see of it.
  package let words: String

  init(place: String, type: String, words: String) {
    self.place = place
    self.type = type
    self.words = words
  }

  var json: JSON { ["place": .string(place), "type": .string(type), "seen": .string(words)] }

  /// Nil where `json` is not what the property of this name makes.
  init?(_ json: JSON) {
    guard let place = json["place"]?.string, let type = json["type"]?.string, let words = json["seen"]?.string else {
      return nil
    }
    self.init(place: place, type: type, words: words)
  }
}
