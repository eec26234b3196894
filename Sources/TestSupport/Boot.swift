// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Boots a guest with qemu by scripts/boot-guest until its console shows `expected`; nothing is written to its disks.
///
/// - Returns: status 0 when it came up; else the last lines of the console are in the errors.
package func boot(_ disk: String, _ swap: String, expecting expected: String) throws -> Outcome {
  try bash("'\(sourceFolder)/scripts/boot-guest' '\(disk)' '\(swap)' '\(expected)'")
}

/// The folder of Package.swift.
private let sourceFolder = String(#filePath.dropLast("/Sources/TestSupport/Boot.swift".count))
