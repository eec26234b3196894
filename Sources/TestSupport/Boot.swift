// SPDX-License-Identifier: Apache-2.0
internal import Report

/// Boots a guest in files or devices by `instance boot --until`, which writes nothing to them.
///
/// - Returns: status 0 when its console showed `expected`, and the console as the output; else the last lines of it are
///   in the errors.
package func boot(_ disk: String, _ swap: String, expecting expected: String) throws -> Outcome {
  try withScratch { scratch in
    let state = "--state '\(scratch("state"))'"
    let made = try bash(
      """
      '\(program)' instance create booted -o tiny-10 --search-path '\(examples)' --no-install \(state) \\
        --disk 0:adopt='\(disk)' --disk 1:adopt='\(swap)' -B memory=512M,vcpus=2
      """)
    guard made.status == 0 else { throw Failure(.script, "\(made)") }
    return try bash("'\(program)' instance boot booted \(state) --until '\(expected)' </dev/null")
  }
}
