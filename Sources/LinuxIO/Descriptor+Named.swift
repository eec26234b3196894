// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

extension Descriptor {
  /// Opens what a folder has by that name only to examine and change it, whatever it is: no link is followed, no device
  /// or pipe opened. It can be neither read nor written.
  package init(naming name: ByteString, in folder: borrowing Descriptor) throws(Failure) {
    let path = "\(folder.name)/\(name)"
    let raw = retrying { clinux_open_named(folder.raw, name.cString) }
    guard raw >= 0 else { throw .system("find", path) }
    self.init(owning: raw, name: path)
  }

  /// Where the symbolic link leads that this names; nil for anything else.
  package borrowing func linkTarget() -> ByteString? {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlinkat(raw, "", &target, target.count)
    return count < 0 ? nil : ByteString(target[..<count].map { UInt8(bitPattern: $0) })
  }

  package borrowing func setOwner(_ user: UInt32, _ group: UInt32) throws(Failure) {
    guard clinux_set_owner(raw, user, group) == 0 else { throw .system("set the owner of", name) }
  }

  package borrowing func setMode(_ mode: UInt32) throws(Failure) {
    guard clinux_set_mode(raw, mode) == 0 else { throw .system("set the mode of", name) }
  }

  /// Those of access and of change.
  package borrowing func setTimes(seconds: Int64, nanoseconds: UInt32) throws(Failure) {
    guard clinux_set_times(raw, seconds, Int(nanoseconds)) == 0 else { throw .system("set the time of", name) }
  }

  /// Sets an extended attribute; false where the filesystem does not take it.
  package borrowing func set(_ attribute: ByteString, to value: [UInt8]) throws(Failure) -> Bool {
    if clinux_set_attribute(raw, attribute.cString, value, value.count) == 0 { return true }
    guard errno == EOPNOTSUPP || errno == EPERM else { throw .system("set \(attribute) of", name) }
    return false
  }
}
