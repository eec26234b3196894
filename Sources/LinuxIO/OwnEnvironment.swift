// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The environment of this process; an entry without `=` is passed over.
package func ownEnvironment() -> [String: String] {
  var variables: [String: String] = [:]
  var next = environ
  while let entry = next.pointee {
    let pair = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
    next += 1
  }
  return variables
}
