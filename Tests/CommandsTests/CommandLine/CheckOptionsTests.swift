// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// What `os check` is told to create.
@Suite struct CheckOptionsTests {
  @Test(
    "What the definition does not declare is an error of the command line",
    arguments: [
      ("tiny-20", "--variant nosuch", "does not declare the variant 'nosuch'"),
      ("tiny-10", "--variant ext4", "does not declare the variant 'ext4'"),
      ("tiny-20", "-O typo=hidden", "does not declare the parameter 'typo'"),
      ("tiny-15", "-O motd=hidden", "does not declare the parameter 'motd'"),
      ("tiny-20", "--secret typo", "does not declare the parameter 'typo'"),
      ("tiny-20", "--secret typo=hidden", "does not declare the parameter 'typo'"),
      ("tiny-20", "--secret =hidden", "does not declare the parameter ''"),
      ("tiny-20", "-O hidden", "-O: one of the parts between commas is not name=value"),
      ("tiny-20", "-O motd=hidden --secret MOTD=hidden", "the parameter 'motd' is given twice"),
    ])
  func undeclared(_ name: String, _ options: String, _ words: String) throws {
    let outcome = try bash("'\(program)' os check '\(examples)/\(name)' --static \(options)")
    #expect(outcome.status == 2 && outcome.output.isEmpty, "\(outcome)")
    #expect(outcome.errors.contains(words) && !outcome.errors.contains("hidden"), "\(outcome)")
  }

  @Test("What is not a size is refused with how one is written")
  func size() throws {
    let outcome = try bash("'\(program)' os check '\(examples)/tiny-10' --static --disk-size large")
    #expect(outcome.status == 2, "\(outcome)")
    #expect(outcome.errors.contains("write it as 10G or 512M; a number alone is in MiB"), "\(outcome)")
  }

  @Test("What it declares is taken, with a comma in a value too")
  func declared() throws {
    let options = #"--variant ext3 -O 'MOTD=one\, two' --secret password_hash"#
    let outcome = try bash("'\(program)' os check '\(examples)/tiny-20' --static \(options)")
    #expect(outcome.status != 2, "\(outcome)")
  }
}
