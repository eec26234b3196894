// SPDX-License-Identifier: Apache-2.0
import Configuration
import Glibc
import Report
import TestSupport
import Testing

@Suite("docs/configuration.md")
struct ConfigurationPageTests {
  private let text: String

  init() throws {
    let root = String(#filePath.dropLast("/Tests/ConfigurationTests/ConfigurationPageTests.swift".count))
    text = String(decoding: try readFile(root + "/docs/configuration.md"), as: UTF8.self)
  }

  @Test("has the table of the configuration as the program knows it")
  func configuration() {
    #expect(text.contains(Configuration.markdownTable()), "\(Configuration.markdownTable())")
  }

  @Test("has a row for each exit status", arguments: Failure.Code.allCases)
  func exitStatus(code: Failure.Code) {
    #expect(text.contains("\n| \(code.rawValue) | "))
  }
}
