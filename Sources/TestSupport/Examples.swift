// SPDX-License-Identifier: Apache-2.0

/// The folder of the OS definitions that ship with the sources.
package let examples: String = {
  let sources = #filePath.split(separator: "/").dropLast(3)
  return "/" + sources.joined(separator: "/") + "/Examples"
}()

extension Scratch {
  /// A copy of an example in the folder `os`, which a test may change; `broken-NAME` is laid down with its fault.
  package func example(_ name: String, as newName: String? = nil) throws -> String {
    try folder("os")
    if name.hasPrefix("broken-") {
      try shell("'\(examples)/lay-down' '\(self("os"))' '\(name.dropFirst("broken-".count))'")
      return self("os/\(name)")
    }
    let copy = self("os/\(newName ?? name)")
    try shell("cp -R '\(examples)/\(name)' '\(copy)'")
    return copy
  }
}
