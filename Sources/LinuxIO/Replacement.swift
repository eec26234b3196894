// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

extension Command {
  /// Has the program take the place of this one: it gets our terminal, our process id and, of our descriptors, those of
  /// `inherited` beside the three standard ones, by their numbers.
  ///
  /// - Throws: `.tool` when it cannot be executed. It does not return; that is not in its type, since what owns the
  ///   descriptors could then be gone before them.
  package func replaceProcess(inheriting inherited: [Int32]) throws(Failure) {
    let path = try resolved()
    for raw in inherited {
      guard fcntl(raw, F_SETFD, 0) == 0 else { throw .system("hand over a descriptor to", executable) }
    }
    let words = ([executable] + arguments).map { strdup($0) } + [nil]
    Interrupts.holdIfInterrupted()
    clinux_unblock_interrupts()
    execv(path, words)
    throw .system("execute", path)
  }
}
