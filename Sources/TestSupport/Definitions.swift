// SPDX-License-Identifier: Apache-2.0

extension Scratch {
  /// Makes an OS definition below `os` and returns the folder that it is in.
  ///
  /// - Parameter scripts: the text of scripts behind `#!/bin/sh`; those that are not given do nothing, as in Debian's
  ///   ganeti-os-noop.
  @discardableResult
  package func define(
    _ name: String, in folder: String = "os", version: String = "5\n", scripts: [String: String] = [:],
    files: [String: String] = [:]
  ) throws -> String {
    for script in ["create", "import", "export", "rename", "verify"] {
      try write("#!/bin/sh\n\(scripts[script] ?? "")\n", to: "\(folder)/\(name)/\(script)", mode: 0o755)
    }
    try write(version, to: "\(folder)/\(name)/ganeti_api_version")
    for (file, text) in files { try write(text, to: "\(folder)/\(name)/\(file)") }
    return self("\(folder)/\(name)")
  }
}
