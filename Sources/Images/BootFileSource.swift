// SPDX-License-Identifier: Apache-2.0
package import LinuxIO
package import Report

/// Where what firmware starts is kept.
package protocol BootFileSource: ~Copyable {
  borrowing func bootFile(_ kind: BootFile.Kind) throws(Failure) -> BootFile

  /// Opens one to be read: its bytes have not been compared with their digest.
  borrowing func open(_ file: BootFile) throws(Failure) -> Descriptor
}

extension ImageEntry: BootFileSource {}
