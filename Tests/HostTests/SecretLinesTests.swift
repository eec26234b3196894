// SPDX-License-Identifier: Apache-2.0
import Host
import Interface
import Report
import TestSupport
import Testing

/// What is shown of the log of a script that was told a secret.
@Suite struct SecretLinesTests {
  private static let long = String(repeating: "hidden-", count: 100)
  private static let lines = (0..<1000).map { "hidden \($0)\n" }.joined()

  @Test(
    "no part of a secret is in the last lines of a log, however long it is and how many lines it has",
    arguments: [
      ("Kx92hidden", "the pin is Kx92hidden"), ("Kx92\nhidden\u{1}line", "one\nKx92\nhidden\u{1}line and more"),
      (long, long),
      // Only the last 32 KiB are looked at.
      (lines, lines + lines + lines + lines + lines + "end"),
    ] as [(String, String)])
  func secret(_ value: String, _ said: String) throws {
    try withScratch { folder in
      let text = try folder.write(said, to: "said")
      try folder.define(
        "one", version: "20\n", scripts: ["create": "cat '\(text)' >&2; echo >&2; exit 3"],
        files: ["variants.list": "small\n", "parameters.list": "pin help\n"])
      var instance = Instance(name: try InstanceName("vm1"), os: "one", uuid: "u", created: 1)
      instance.disks = [.init(path: folder("disk"), size: 1 << 20, uuid: "d")]
      instance.parameters = ["pin": .init(value, .secret)]
      let definition = try SearchPath([folder("os")]).definition(named: "one")
      let end = try ScriptCall(definition, .create(isReinstall: false), of: instance)
        .runToEnd(logFolder: folder("log"))
      let shown = end.lastLines.joined(separator: "\n")
      #expect(shown.contains("[secret]") && !shown.contains("hidden"), "\(shown)")
    }
  }
}
