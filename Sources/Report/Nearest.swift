// SPDX-License-Identifier: Apache-2.0

/// The one of `names` that takes the fewest changed, added, removed or swapped characters to become `name`.
package func nearest(to name: String, among names: [String]) -> String? {
  // What is meant is short: of a long text, the beginning says enough.
  let wanted = Array(name.lowercased().utf8.prefix(64))
  return names.min { distance(wanted, Array($0.utf8)) < distance(wanted, Array($1.utf8)) }
}

/// Edit distance with swaps of neighbours (optimal string alignment).
private func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var beforeLast: [Int] = []
  var last = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
      row.append(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.count]
}
