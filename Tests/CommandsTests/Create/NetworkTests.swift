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

    @Test("Each of three interfaces gets what the host tells of it, by its MAC address")
    func routed() throws {
      try withScratch { scratch in
        let definition = try EnvironmentDefinition(in: scratch)
        let disk = try makeSparseFile(scratch("disk"), size: roomy)
        let words = EnvironmentDefinition.instance("vm1.example.com", disks: [disk]).merging([
          "OSP_ADDRESS": "static", "OSP_NAMESERVERS": "192.0.2.53", "OSP_NIC_2": "dhcp4", "NIC_COUNT": "4",
          "NIC_0_IP": "198.51.100.7", "NIC_0_NETWORK_SUBNET": "198.51.100.7/32", "NIC_0_NETWORK_GATEWAY": "10.0.0.1",
          "NIC_1_MAC": "aa:00:00:35:d2:02", "NIC_1_MODE": "bridged", "NIC_1_IP": "2001:db8::10",
          "NIC_1_NETWORK_SUBNET6": "2001:db8::/64", "NIC_2_MODE": "bridged", "NIC_2_MAC": "aa:00:00:35:d2:03",
          "NIC_3_MODE": "bridged", "NIC_3_MAC": "aa:00:00:35:d2:04",
        ]) { $1 }
        let plan = try definition.call("create", words, arguments: "--dry-run")
        let line =
          "network: interface 0, aa:00:00:11:22:33: 198.51.100.7/32, IPv6 as routers advertise it, "
          + "gateway 10.0.0.1 on the link, name servers 192.0.2.53"
        #expect(plan.output.contains(line), "\(plan)")
        let outcome = try definition.call("create", words)
        try succeeded(outcome)
        #expect(
          outcome.errors.contains("interface 3, aa:00:00:35:d2:04, stays unconfigured in the guest"), "\(outcome)")
        #expect(try problems(of: disk) == nil)
        let files = try ["", "-1", "-2", "-3"].map { number in
          try guestFile("/etc/systemd/network/10-guestsmith\(number).network", on: disk) ?? ""
        }
        #expect(files[0].contains("PermanentMACAddress=aa:00:00:11:22:33\n"))
        #expect(files[0].contains("[Route]\nGateway=10.0.0.1\nGatewayOnLink=yes\n"))
        #expect(files[1].contains("PermanentMACAddress=aa:00:00:35:d2:02\n"))
        #expect(files[1].contains("Address=2001:db8::10/64\n"))
        #expect(files[2].contains("PermanentMACAddress=aa:00:00:35:d2:03\n"))
        #expect(files[2].contains("DHCP=ipv4\n"))
        #expect(files[3] == "")
      }
    }
  }
}
