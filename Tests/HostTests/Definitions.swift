// SPDX-License-Identifier: Apache-2.0
import Host
import TestSupport

extension Scratch {
  /// Makes an OS definition below `os` and returns the folder that it is in.
  ///
  /// - Parameter scripts: the text of scripts behind `#!/bin/sh`; those that are not given do nothing, as in Debian's
  ///   ganeti-os-noop.
  @discardableResult
  func define(
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

  func inventory(_ folders: String...) -> Inventory {
    SearchPath((folders.isEmpty ? ["os"] : folders).map { self($0) }).inventory()
  }

  /// What is wrong with the one definition in the folder `os`; nil when it is valid.
  func fault() -> String? {
    guard case .invalid(let fault)? = inventory().definitions.first?.judgement else { return nil }
    return fault
  }
}

/// Whether `name` is that of a log: `START` and the time in seconds.
func isLog(_ name: some StringProtocol, _ start: String) -> Bool {
  let time = name.dropFirst(start.count).dropLast(4)
  return name.hasPrefix(start) && name.hasSuffix(".log") && time.count >= 10 && time.allSatisfy(\.isNumber)
}
