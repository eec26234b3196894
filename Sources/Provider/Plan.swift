// SPDX-License-Identifier: Apache-2.0
package import Report

/// What an operation will do to the disks of a guest. To make one checks all that can be checked and touches nothing;
/// its disks stay open and locked until it is applied or given up.
package protocol Plan: ~Copyable {
  /// What will be done, a line for each thing.
  var lines: [String] { get }

  /// Does it; when it returns, everything is on the disk.
  consuming func apply(_ steps: Steps) throws(Failure)
}
