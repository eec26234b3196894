// SPDX-License-Identifier: Apache-2.0
package import Host

/// An instance as this machine keeps it: what the scripts of its OS are told of it, and what they are not.
@dynamicMemberLookup
package struct KeptInstance: Sendable, Equatable {
  package var told: Instance
  /// How often it was changed.
  package var serial = 1
  /// The command that was changing a disk in its place, and did not come to its end.
  package var unfinished: String?
  /// The numbers of the disks that were there before the instance, and stay when it goes.
  package var adopted: Set<Int> = []

  init(_ told: Instance) {
    self.told = told
  }

  package subscript<Value>(dynamicMember member: WritableKeyPath<Instance, Value>) -> Value {
    get { told[keyPath: member] }
    set { told[keyPath: member] = newValue }
  }

  package subscript<Value>(dynamicMember member: KeyPath<Instance, Value>) -> Value { told[keyPath: member] }

  var adoptedPaths: [String] { adopted.sorted().map { told.disks[$0].path } }

  /// The disks that were made for it, with their numbers.
  var ownDisks: [(index: Int, disk: Instance.Disk)] {
    told.disks.enumerated().filter { !adopted.contains($0.offset) }.map { ($0.offset, $0.element) }
  }
}
