// SPDX-License-Identifier: Apache-2.0

/// Numbers, of blocks or of inodes, as ascending runs that do not touch.
struct Runs: Equatable {
  private(set) var ranges: [Range<UInt64>] = []

  init() {}

  init(_ ranges: some Sequence<Range<UInt64>>) {
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) { append(range) }
  }

  /// Adds a run that begins no earlier than the last one.
  mutating func append(_ range: Range<UInt64>) {
    guard !range.isEmpty else { return }
    guard let last = ranges.last, range.lowerBound <= last.upperBound else { return ranges.append(range) }
    ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
  }

  func contains(_ number: UInt64) -> Bool {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= number { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].lowerBound <= number
  }

  func subtracting(_ other: Runs) -> Runs {
    var rest = Runs()
    var next = 0
    for range in ranges {
      var begin = range.lowerBound
      while next < other.ranges.count, other.ranges[next].upperBound <= begin { next += 1 }
      var place = next
      while place < other.ranges.count, other.ranges[place].lowerBound < range.upperBound {
        let taken = other.ranges[place]
        if taken.lowerBound > begin { rest.append(begin..<taken.lowerBound) }
        begin = max(begin, taken.upperBound)
        place += 1
      }
      if begin < range.upperBound { rest.append(begin..<range.upperBound) }
    }
    return rest
  }

  func intersection(_ other: Runs) -> Runs { subtracting(subtracting(other)) }

  func union(_ other: Runs) -> Runs { Runs(ranges + other.ranges) }
}
