// SPDX-License-Identifier: Apache-2.0
internal import Interface
internal import LinuxIO
package import Report

extension ScriptCall {
  /// What the script says that it would do, a line for each thing; it touches nothing. Nil for a script of another
  /// program, which can't be asked.
  ///
  /// - Throws: `.script` with the script's words where it refuses.
  package func plan() throws(Failure) -> [String]? {
    let path = "\(definition.path)/\(script.rawValue)"
    guard let ours = realPath("/proc/self/exe"), realPath(path) == ours else { return nil }
    var command = Command(path, [Arguments.dryRun] + arguments)
    command.workingDirectory = definition.path
    command.environment = environment.merging(moreEnvironment) { $1 }
    let (status, output) = try command.capture(limit: 64 << 10)
    let lines = String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    guard status.isSuccess else {
      throw Failure(
        .script,
        "the \(script.rawValue) script of \(definition.name) would refuse:"
          + lines.map { "\n  | \($0)" }.joined())
    }
    return lines
  }
}
