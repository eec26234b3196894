// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

/// Two ends of a stream of bytes in both directions. Neither is inherited but by the child it is handed to.
package struct SocketPair: ~Copyable, Sendable {
  package let ours: Descriptor
  package let theirs: Descriptor

  package init(named name: String) throws(Failure) {
    var ends: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw .system("make", name) }
    ours = Descriptor(owning: ends[0], name: name)
    theirs = Descriptor(owning: ends[1], name: name)
  }

  package consuming func split() -> (ours: SharedDescriptor, theirs: SharedDescriptor) {
    (SharedDescriptor(ours), SharedDescriptor(theirs))
  }
}

extension DescriptorView {
  /// Writes all to a socket. That nobody reads it any more is an error, and not a signal.
  package func sendAll(_ bytes: [UInt8]) throws(Failure) {
    try bytes.withBytes { bytes throws(Failure) in
      var sent = 0
      while sent < bytes.count {
        let count = retrying { send(raw, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL)) }
        guard count >= 0 else { throw .system("write to", name) }
        sent += count
      }
    }
  }

  /// Has the other end of a socket see the end, whoever has this one open.
  package func endSending() { shutdown(raw, Int32(SHUT_WR)) }

  /// Another descriptor of the same open file.
  package func duplicate(named name: String) throws(Failure) -> Descriptor {
    let copy = fcntl(raw, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { throw .system("use", name) }
    return Descriptor(owning: copy, name: name)
  }
}
