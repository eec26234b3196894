// SPDX-License-Identifier: Apache-2.0

/// The folder of the OS definitions that ship with the sources.
package let examples: String = {
  let sources = #filePath.split(separator: "/").dropLast(3)
  return "/" + sources.joined(separator: "/") + "/Examples"
}()
