// SPDX-License-Identifier: Apache-2.0
import Host
import TestSupport

extension Scratch {
  func inventory(_ folders: String...) -> Inventory {
    SearchPath((folders.isEmpty ? ["os"] : folders).map { self($0) }).inventory()
  }

  /// What is wrong with the one definition in the folder `os`; nil when it is valid.
  func fault() -> String? {
    guard case .invalid(let fault)? = inventory().definitions.first?.judgement else { return nil }
    return fault
  }
}
