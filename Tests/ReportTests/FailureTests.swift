// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Report

@Suite("A failure")
struct FailureTests {
  @Test("It has an errno where a call of the system is behind it, and nowhere else")
  func errorNumber() {
    #expect(Failure(.io, "it failed", cause: .system(28)).errorNumber == 28)
    #expect(Failure(.io, "it failed").errorNumber == nil)
    #expect(Failure(.dump, "it is damaged", cause: .unlocatedDamage).errorNumber == nil)
  }

  @Test("Its remedy is on a line of its own behind the message")
  func words() {
    #expect("\(Failure(.io, "it failed", remedy: "try again"))" == "it failed\n  try again")
    #expect("\(Failure(.io, "it failed"))" == "it failed")
  }
}
