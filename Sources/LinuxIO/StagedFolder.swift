// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

/// A folder that is being made beside the one that it is to become or to replace. It is of no meaning to anybody until
/// it is committed, and goes when that does not come to pass.
package final class StagedFolder: Sendable {
  package let path: String
  private let parent: String
  private let name: String
  private let interrupt: Interrupts.Token

  /// Makes the folder `parent/name`.
  fileprivate init(_ parent: String, _ name: String, mode: UInt32) throws(Failure) {
    self.parent = parent
    self.name = name
    path = "\(parent)/\(name)"
    interrupt = Interrupts.onInterrupt { try? Folder(parent).remove(name) }
    let isMade: Bool
    do throws(Failure) { isMade = try Folder(parent).make(name, mode: mode) } catch {
      interrupt.cancel()
      throw error
    }
    guard isMade else {
      interrupt.cancel()
      throw Failure(.busy, "\(path) is there already", remedy: "remove it when nobody works on it")
    }
  }

  /// Removes it, or whatever has its name after the commit.
  fileprivate func remove() throws(Failure) {
    interrupt.cancel()
    // The clean-up of an interrupt would do it as well, but then it is its part to end the process.
    Interrupts.holdIfInterrupted()
    try Folder(parent).remove(name)
  }

  /// Makes it `parent/NAME`, in one step, in the place of what is there; all of that is then gone.
  ///
  /// - Parameter isNew: nothing is there, and nothing is replaced.
  package func commit(
    as final: String, isNew: Bool = false, _ finish: (borrowing Folder) throws(Failure) -> Void = { _ in }
  ) throws(Failure) {
    try Folder(path).flush()
    interrupt.cancel()
    Interrupts.holdIfInterrupted()
    let folder = try Folder(parent)
    let replaces = isNew ? false : try folder.has(final)
    if replaces {
      try folder.exchange(name, final)
    } else {
      try folder.move(name, to: folder, as: final)
    }
    do throws(Failure) { try finish(folder) } catch {
      if replaces { try? folder.exchange(name, final) }
      throw error
    }
    try folder.flush()
    // It is done: what cannot be removed now, the next command removes.
    try? folder.remove(name)
  }
}

/// Runs `body` with a new folder `parent/name`, which is gone afterwards unless it was committed.
package func withStagedFolder<R>(
  _ parent: String, _ name: String, mode: UInt32 = 0o700, _ body: (StagedFolder) throws(Failure) -> R
) throws(Failure) -> R {
  let folder = try StagedFolder(parent, name, mode: mode)
  do {
    let result = try body(folder)
    try folder.remove()
    return result
  } catch {
    // The first failure is the one to be told.
    try? folder.remove()
    throw error
  }
}
