// SPDX-License-Identifier: Apache-2.0

extension UInt64 {
  /// The sum, or the largest number if the sum is larger: for numbers from outside that are shown or held
  /// against a limit.
  package func saturatingAdding(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
