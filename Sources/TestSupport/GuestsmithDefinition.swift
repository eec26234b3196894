// SPDX-License-Identifier: Apache-2.0
internal import Report

/// An installed API 5 definition, called by the command lines of Ganeti 1.2.6.
package struct InstalledDefinition: Sendable {
  /// The folder of the definition.
  package let folder: String
  /// Where the logs go that the host writes.
  package let log: String
  /// Added to the environment of the scripts.
  package var environment: [String: String] = [:]

  /// Installs the definition into `scratch`.
  ///
  /// - Parameter configuration: lines of guestsmith.toml.
  package init(in scratch: Scratch, cache: String = sharedCache, configuration: String = "") throws {
    let outcome = try bash("'\(program)' os install --api 5 --into '\(scratch("os"))'")
    guard outcome.status == 0 else { throw Failure(.script, "os install: \(outcome)") }
    folder = scratch("os/guestsmith")
    log = scratch("log")
    try shell("mkdir -p '\(cache)'")
    try scratch.write(
      "cache = \"\(try shell("realpath '\(cache)'"))\"\n" + sandboxLine + configuration,
      to: "os/guestsmith/guestsmith.toml")
  }

  /// The line by which 1.2.6 adds an instance, and the outcome with what it wrote to the log as its output.
  package func create(_ name: String, _ disk: String, _ swap: String) throws -> Outcome {
    try logged("cd \(folder) && \(folder)/create -i \(name) -b \(disk) -s \(swap) &>\(log)")
  }

  /// The line by which 1.2.6 exports: the exit status is the one of the last program, whatever the script did.
  package func export(_ name: String, _ disk: String, to dump: String) throws -> Outcome {
    try logged("cd \(folder); \(folder)/export -i \(name) -b \(disk) 2>\(log) | gzip -1 | (cat > \(dump))")
  }

  package func `import`(_ name: String, _ disk: String, _ swap: String, from dump: String) throws -> Outcome {
    try logged("(cat \(dump)) | gunzip | (cd \(folder); \(folder)/import -i \(name) -b \(disk) -s \(swap) &>\(log))")
  }

  package func rename(_ old: String, to new: String, _ disk: String, _ swap: String) throws -> Outcome {
    try logged("cd \(folder) && \(folder)/rename -o \(old) -n \(new) -b \(disk) -s \(swap) &>\(log)")
  }

  /// One script with arguments as they are given, outside of the host's line.
  ///
  /// - Parameter runner: the words of a command that runs it, such as `runuser -u nobody --`.
  package func script(_ name: String, _ arguments: String, by runner: String = "") throws -> Outcome {
    try bash("cd / && \(runner) \(folder)/\(name) \(arguments) </dev/null", environment: environment)
  }

  private func logged(_ line: String) throws -> Outcome {
    let outcome = try bash(line, environment: ["LC_ALL": "C"].merging(environment) { $1 })
    let written = try readFile(log)
    return Outcome(status: outcome.status, bytes: written, errors: outcome.errors)
  }
}
