// SPDX-License-Identifier: Apache-2.0
internal import Interface

/// An OS definition on disk: a folder with scripts, judged by the rules of the interface.
package struct OSDefinition: Sendable, Equatable {
  /// The name of the folder.
  package let name: String
  /// The folder.
  package let path: String
  /// The interface versions that it declares, in the order of its file; empty where they cannot be told.
  package internal(set) var versions: [Int] = []
  package internal(set) var judgement = Judgement.valid(Contents())

  package enum Judgement: Sendable, Equatable {
    case valid(Contents)
    /// Why it is not, in one line.
    case invalid(String)
  }

  /// What a valid definition says of itself.
  package struct Contents: Sendable, Equatable {
    package var variants: [String] = []
    package var parameters: [Parameter] = []
    /// False when it has a `create_untrusted`, which hosts run in a virtual machine.
    package var isTrusted = true
    /// Whether that is all that it has, so that it can be created in a virtual machine alone.
    package var lacksCreate = false
  }

  package struct Parameter: Sendable, Equatable {
    package var name: String
    package var help: String
  }

  /// Nil where it is not valid.
  package var contents: Contents? {
    if case .valid(let contents) = judgement { contents } else { nil }
  }

  package var isValid: Bool { contents != nil }

  /// Whether it is made for Ganeti 2.0 or later, which know nothing of version 5, as 1.2.6 knows nothing else.
  package var isForGaneti2: Bool { versions.contains { $0 > InterfaceVersion.byArguments } }

  /// The version in which a host that knows all of them calls it: the highest of those that both know, as in Ganeti.
  package var spokenVersion: Int? { versions.filter(InterfaceVersion.all.contains).max() }

  /// By which names an instance can ask for it: `name+variant` where there are variants.
  package var names: [String] {
    guard let contents, !contents.variants.isEmpty else { return [name] }
    return contents.variants.map { OSName(name: name, variant: $0).text }
  }
}
