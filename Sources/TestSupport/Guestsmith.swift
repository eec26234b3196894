// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// What a program did, for tests that drive programs as their users do.
package struct Outcome: Sendable {
  /// As a shell tells it: the exit status, or 128 + n when signal n ended it.
  package let status: Int32
  package var output: String { String(decoding: bytes, as: UTF8.self) }
  /// The output as it was written.
  package let bytes: [UInt8]
  package let errors: String

  package init(status: Int32, bytes: [UInt8], errors: String) {
    self.status = status
    self.bytes = bytes
    self.errors = errors
  }
}

extension Outcome: CustomStringConvertible {
  package var description: String { "status \(status), output: \(output), errors: \(errors)" }
}

/// Runs one line as Ganeti 1.2.6 does, and keeps standard output and error apart.
///
/// 1.2.6 hands its lines to `/bin/sh` and means bash: to the dash of today `&>` is a command in the background.
///
/// A line that takes more than ten minutes is ended, with all that it started: status 137.
///
/// - Parameter environment: added to the environment of the tests.
package func bash(_ line: String, environment: [String: String] = [:]) throws -> Outcome {
  let output = try unnamedFile()
  let errors = try unnamedFile()
  var command = Command("timeout", ["--signal", "KILL", "600", "/bin/bash", "-c", line])
  command.environment = inherited.merging(environment) { $1 }
  command.output = .descriptor(output.view)
  command.error = .descriptor(errors.view)
  let status =
    switch try command.run() {
    case .exited(let status): status
    case .signalled(let number): 128 + number
    case .stopped(let limit): throw Failure(.script, "\(line) was stopped, since \(limit)")
    }
  return Outcome(
    status: status, bytes: try contents(of: output), errors: String(decoding: try contents(of: errors), as: UTF8.self))
}

/// The environment of the tests.
package let inherited = ownEnvironment()

/// The folder of the build, where the tests' program lies.
package let buildFolder: String = {
  realPath("/proc/self/exe").map { splitPath($0).folder } ?? "."
}()

/// The guestsmith under test: `GUESTSMITH_PROGRAM`, else the one that was built with the tests.
package let program = inherited["GUESTSMITH_PROGRAM"] ?? buildFolder + "/guestsmith"

/// A line of guestsmith.toml: whether what reads a guest is confined, where `GUESTSMITH_TEST_SANDBOX` says that.
package let sandboxLine = inherited["GUESTSMITH_TEST_SANDBOX"].map { "sandbox = \"\($0)\"\n" } ?? ""

/// Whether the programs of a definition are confined.
package let isConfining = inherited["GUESTSMITH_TEST_SANDBOX"] != "off"

/// A cache of images that all tests of all runs share, so that the bootstrap is done once: `.build/test-cache`.
package let sharedCache = buildFolder + "/../../test-cache"

private func unnamedFile() throws -> Descriptor {
  var template = Array("/tmp/guestsmith-test-output-XXXXXX".utf8CString)
  let raw = mkstemp(&template)
  guard raw >= 0 else { throw Failure.system("make a file in", "/tmp") }
  unlink(template)
  return Descriptor(owning: raw, name: "the output")
}

private func contents(of file: borrowing Descriptor) throws -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: Int(try file.status().st_size))
  let count = try bytes.withUnsafeMutableBytes { try file.readFull(into: $0, at: 0) }
  return Array(bytes[..<count])
}
