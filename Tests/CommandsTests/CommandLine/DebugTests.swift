// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("Command lines shown on request") struct DebugTests {
  private func create(_ scratch: Scratch, _ words: String, environment: [String: String] = [:]) throws -> Outcome {
    try scratch.define(
      "one", version: "20\n", scripts: ["create": "echo done"],
      files: ["variants.list": "default\n", "parameters.list": "password Its words\n"])
    return try bash(
      """
      cd '\(scratch.path)'
      '\(program)' instance create vm1 -o one+default --state state --search-path os --log-dir log --disk 0:size=8 \
        --os-parameters-private password=hunter2 \(words)
      """, environment: environment)
  }

  @Test("each program is a line on standard error, without the value of a parameter", arguments: [true, false])
  func shown(byOption: Bool) throws {
    try withScratch { scratch in
      let outcome = try create(
        scratch, byOption ? "--debug" : "", environment: byOption ? [:] : ["GUESTSMITH_DEBUG": "1"])
      #expect(outcome.status == 0, "\(outcome)")
      let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("+ ") }
      let script = lines.filter { $0.contains("\(scratch("os/one/create"))") }
      #expect(script.count == 1, "\(outcome)")
      #expect(script.allSatisfy { $0.contains("INSTANCE_NAME=vm1") && $0.contains("'OSP_PASSWORD=(hidden)'") })
      #expect(!outcome.errors.contains("hunter2") && !outcome.output.contains("+ "))
    }
  }

  @Test("without the switch there is none", arguments: ["", "0"])
  func silent(value: String) throws {
    try withScratch { scratch in
      let outcome = try create(scratch, "", environment: ["GUESTSMITH_DEBUG": value])
      #expect(outcome.status == 0 && !outcome.errors.contains("+ "), "\(outcome)")
    }
  }

  @Test("behind -- the word is a name like any other")
  func literal() throws {
    let outcome = try bash("'\(program)' os check -- --debug")
    #expect(outcome.errors.contains("'--debug'"), "\(outcome)")
  }
}
