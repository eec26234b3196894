// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

extension Command {
  /// Has the program take the place of this one: it gets our terminal, our process id, the environment and the rights that
  /// of the command and, of our descriptors, those of `inherited` beside the three standard ones, by their numbers.
  ///
  /// - Throws: `.tool` when it cannot be executed. It does not return; that is not in its type, since what owns the
  ///   descriptors could then be gone before them.
  package func replaceProcess(inheriting inherited: [DescriptorView]) throws(Failure) {
    let path = try resolved()
    showIfDebugging()
    for descriptor in inherited {
      guard fcntl(descriptor.raw, F_SETFD, 0) == 0 else { throw .system("hand over a descriptor to", executable) }
    }
    let variables = (environment ?? ownEnvironment()).map { "\($0.key)=\($0.value)" }.sorted()
    Interrupts.holdIfInterrupted()
    clinux_unblock_interrupts()
    withCStrings([executable] + arguments) { words in
      withCStrings(variables) { variables in
        withOptionalPointer(to: rights?.request) { rights in
          if let rights, clinux_give_up_rights(rights) != 0 { return }
          execve(path, words, variables)
        }
      }
    }
    throw .system("execute", path)
  }
}
