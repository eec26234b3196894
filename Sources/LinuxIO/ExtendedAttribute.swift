// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Report

/// Sets an extended attribute of what a path names, also of a symbolic link itself; false, and errno, where that fails.
package func setAttribute(_ name: ByteString, to value: [UInt8], ofPath path: [CChar]) -> Bool {
  clinux_set_attribute(path, name.cString, value, value.count) == 0
}
