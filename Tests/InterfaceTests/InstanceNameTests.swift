// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import Testing

@Suite struct InstanceNameTests {
  @Test(
    "whatever Ganeti takes is a name",
    arguments: [
      "vm1", "vm1.example.com", "VM1.Example.COM", "a", "3com.example", "xn--bcher-kva.example", "10.0.0.1",
      "web_1.example",
      "vm1-.example", "vm1.-example", "_", String(repeating: "a", count: 255),
    ])
  func whateverGanetiTakes(_ text: String) throws {
    #expect(try InstanceName(text).text == text)
    #expect(try InstanceName(passed: text).text == text)
  }

  @Test(
    "what is not a name to Ganeti, or would lead to another folder, is refused as invalid",
    arguments: [
      "", ".", "..", "../x", "/etc/passwd", "vm1.", ".vm1", "vm1..example", "-i", "--help", "vm 1", "vm1\n", "\nvm1",
      "vm1\u{0}", "vm1;id",
      "$(id)", "vm1%sda", "a+b", "bücher.example", "vm1\u{301}", String(repeating: "a", count: 256),
    ])
  func notNameGaneti(_ text: String) {
    let failure = #expect(throws: Failure.self) { try InstanceName(text) }
    #expect(failure?.code == .invalid)
  }

  @Test("a script is called by all that 1.2.6 passes on", arguments: ["vm1%sda", "a+b", "a/b", "vm1:2", "me@vm1"])
  func scriptCalledAll(_ text: String) throws {
    #expect(try InstanceName(passed: text).text.isEmpty == false)
  }

  @Test(
    "what no host passes is refused",
    arguments: [
      "", "../x", "a/../b", "-rf", "vm 1", "vm1\n", "vm1;id", "$(id)", "bücher.example", "vm1\u{0}", "a,b", "a'b",
    ])
  func noHostPasses(_ text: String) {
    let failure = #expect(throws: Failure.self) { try InstanceName(passed: text) }
    #expect(failure?.code == .invalid)
  }

  @Test("the message shows the name on one line, escaped") func messageShowsName() {
    let failure = #expect(throws: Failure.self) { try InstanceName("vm1\n\u{1b}[2J") }
    #expect(failure?.message == #"'vm1\n\x1b[2J' is not the name of an instance: '\n' is not allowed in it"#)
  }

  @Test("names that differ in case only are the same") func namesDifferCase() throws {
    #expect(try InstanceName("VM1.example.com") == InstanceName("vm1.EXAMPLE.com"))
    #expect(try InstanceName("vm1") != InstanceName("vm2"))
  }
}
