// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import Testing

@Suite struct InstanceNameTests {
  @Test(arguments: [
    "vm1", "vm1.example.com", "VM1.Example.COM", "a", "3com.example", "xn--bcher-kva.example", "10.0.0.1",
    String(repeating: "a", count: 63) + ".example",
    (Array(repeating: String(repeating: "b", count: 49), count: 5) + ["abc"]).joined(separator: "."),
  ])
  func `a host name of RFC 1123 is a name`(_ text: String) throws {
    #expect(try InstanceName(text).text == text)
  }

  @Test(arguments: [
    "", ".", "..", "../x", "/etc/passwd", "vm1.", ".vm1", "vm1..example", "vm 1", "vm1\n", "\nvm1", "vm1\u{0}", "-i",
    "--help", "vm1-.example", "vm1.-example", "vm_1", "vm1;id", "$(id)", "vm1%sda", "bücher.example", "vm1\u{301}",
    String(repeating: "a", count: 64),
    (Array(repeating: String(repeating: "b", count: 49), count: 5) + ["abcd"]).joined(separator: "."),
  ])
  func `what is no host name is refused as invalid`(_ text: String) {
    let failure = #expect(throws: Failure.self) { try InstanceName(text) }
    #expect(failure?.code == .invalid)
  }

  @Test func `the message shows the name on one line, escaped`() {
    let failure = #expect(throws: Failure.self) { try InstanceName("vm1\n\u{1b}[2J") }
    #expect(failure?.message == #"'vm1\n\x1b[2J' is not the name of an instance: '\n' is not allowed in it"#)
  }

  @Test func `names that differ in case only are the same`() throws {
    #expect(try InstanceName("VM1.example.com") == InstanceName("vm1.EXAMPLE.com"))
    #expect(try InstanceName("vm1") != InstanceName("vm2"))
  }
}
