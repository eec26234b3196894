// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("Address plans that can't work, as the configuration alone tells")
struct AddressPlanTests {
  @Test(
    "Verify refuses them, and create in the same words",
    arguments: [
      (["nic_0": "192.0.2.7/24 gateway:fe80::1"], "nic_0 has the gateway fe80::1, and no static address of IPv6"),
      (["nic_0": "dhcp gateway:192.0.2.1"], "nic_0 has the gateway 192.0.2.1, and no static address of IPv4"),
      (
        ["nic_0": "192.0.2.7/24 gateway:192.0.2.255"],
        "nic_0 has the gateway 192.0.2.255, and that is the broadcast address of the network"
      ),
      (
        ["nic_0": "192.0.2.7/24 gateway:192.0.2.0"],
        "nic_0 has the gateway 192.0.2.0, and that is the address of the network itself"
      ),
      (
        ["nic_1": "static gateway:192.0.2.1 gateway:fe80::1"],
        "nic_1 has gateways of both families, and \"static\" gives it one address"
      ),
      (
        ["nic_0": "10.0.0.5/24 gateway:192.0.2.1", "nic_1": "192.0.2.7/24"],
        "nic_0 has the router 192.0.2.1, which is in the network of interface 1"
      ),
      (
        ["nic_0": "192.0.2.7/24", "nic_1": "10.0.0.5/24 route:198.18.0.0/15@192.0.2.1"],
        "nic_1 has the router 192.0.2.1, which is in the network of interface 0"
      ),
      (["nic_0": "static static"], "nic_0 has \"static\" twice"),
      (
        ["nic_0": "dhcp4 2001:db8::7/64", "mtu": "1000"],
        "mtu = 1000 is less than the 1280 bytes that IPv6 needs, and nic_0 has IPv6"
      ),
      (
        ["nic_0": "dhcp4", "nic_1": "dhcp6", "mtu": "1279"],
        "mtu = 1279 is less than the 1280 bytes that IPv6 needs, and nic_1 has IPv6"
      ),
      (
        ["nic_0": "slaac", "mtu": "1279"],
        "mtu = 1279 is less than the 1280 bytes that IPv6 needs, and nic_0 has IPv6"
      ),
    ] as [([String: String], String)])
  func refused(parameters: [String: String], words: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let faults = Self.verify(guest, parameters)
      #expect(faults.map(\.message) == ["parameter: \(words)"])
      let request = try guest.request(.create(isReinstall: false), disks: [guest.disk()])
      let failure = #expect(throws: Failure.self) { try guest.plan(request, parameters: parameters) }
      #expect(failure == faults.first)
    }
  }

  @Test(
    "Neither refuses IPv6 that is only taken where it is offered",
    arguments: [["mtu": "1000"], ["mtu": "1000", "nic_0": "dhcp"]])
  func offered(parameters: [String: String]) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      #expect(Self.verify(guest, parameters) == [])
      let request = try guest.request(.create(isReinstall: false), disks: [guest.disk()])
      #expect(try guest.plan(request, parameters: parameters).contains("network: DHCP, MTU 1000"))
    }
  }

  private static func verify(_ guest: SmallGuest, _ parameters: [String: String]) -> [Failure] {
    var os = RequestedOS(definition: guest.definition, name: "guestsmith")
    os.parameters = parameters
    return VerifyPlan(os).faults
  }
}
