// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension EndToEnd {
  @Suite("The network that a host gives a guest", .enabled(if: isRoot, "needs root"))
  struct Networks {
    private static let hosts = """
      127.0.0.1 localhost
      2001:db8::9 six.example.com
      192.0.2.4 both.example.com
      2001:db8::4 both.example.com

      """

    /// The network file of a guest that is created where the names above are known.
    private func network(
      _ name: String, _ changes: [String: String], in scratch: Scratch
    ) throws -> (file: String?, errors: String) {
      let definition = try EnvironmentDefinition(in: scratch)
      let disk = try makeSparseFile(scratch("disk"), size: roomy)
      let hosts = try scratch.write(Self.hosts, to: "hosts")
      let words = EnvironmentDefinition.instance(name, disks: [disk])
        .merging(["OSP_ADDRESS": "static", "NIC_0_IP": "", "NIC_0_NETWORK_SUBNET": "", "NIC_0_NETWORK_GATEWAY": ""]) {
          $1
        }.merging(changes) { $1 }
      let line = try scratch.write(
        "mount --bind '\(hosts)' /etc/hosts\n\(definition.line("create", words))\n", to: "line")
      let outcome = try bash("unshare --mount bash '\(line)' </dev/null")
      try succeeded(outcome)
      #expect(try problems(of: disk) == nil)
      return (try guestFile("/etc/systemd/network/10-guestsmith.network", on: disk), outcome.errors)
    }

    @Test(
      "A name that resolves to IPv6 alone has that address; of both the prefix tells",
      arguments: [
        ("six.example.com", "64", "Address=2001:db8::9/64\n"), ("both.example.com", "64", "Address=2001:db8::4/64\n"),
        ("both.example.com", "24", "Address=192.0.2.4/24\n"),
      ])
    func resolved(name: String, prefix: String, address: String) throws {
      try withScratch { scratch in
        let file = try network(name, ["OSP_PREFIX": prefix], in: scratch).file
        #expect(file?.contains(address) == true)
      }
    }

    @Test("A gateway outside of the network is on the link, and interfaces that stay unconfigured are told of")
    func routed() throws {
      try withScratch { scratch in
        let (file, errors) = try network(
          "six.example.com",
          [
            "NIC_0_IP": "198.51.100.7", "NIC_0_NETWORK_SUBNET": "198.51.100.7/32", "NIC_0_NETWORK_GATEWAY": "10.0.0.1",
            "NIC_COUNT": "3", "NIC_1_MAC": "aa:00:00:35:d2:02", "NIC_1_MODE": "bridged", "NIC_1_IP": "10.11.60.10",
            "NIC_2_MODE": "bridged",
          ], in: scratch)
        #expect(file?.contains("[Route]\nGateway=10.0.0.1\nGatewayOnLink=yes\n") == true)
        let words = "stays unconfigured in the guest: only the first one is configured"
        #expect(errors.contains("interface 1, aa:00:00:35:d2:02, 10.11.60.10, \(words)"))
        #expect(errors.contains("interface 2 \(words)"))
        #expect(!errors.contains("interface 0"))
      }
    }
  }
}
