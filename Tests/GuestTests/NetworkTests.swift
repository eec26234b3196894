// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@testable import Guest

@Suite("The network of a guest")
struct NetworkTests {
  typealias Address = Network.StaticAddress

  /// A gateway outside of the address's network, one in it, and one of the link.
  static let far = [
    Address("192.0.2.10", prefix: 32, gateway: "203.0.113.1"), Address("192.0.2.10", prefix: 28, gateway: "192.0.2.31"),
    Address("2001:db8::9", prefix: 128, gateway: "2001:db8:1::1"),
    Address("2001:db8::9", prefix: 64, gateway: "2001:db8:0:1::1"),
  ]
  static let near = [
    Address("192.0.2.10", prefix: 24, gateway: "192.0.2.1"), Address("192.0.2.10", prefix: 28, gateway: "192.0.2.1"),
    Address("2001:db8::9", prefix: 64, gateway: "2001:db8::ffff:1"),
    Address("2001:db8::9", prefix: 128, gateway: "fe80::1"),
  ]

  @Test("A gateway outside of the address's network is reached on the link", arguments: far)
  func outside(address: Address) throws {
    let text = Network(.fixed(address), nameservers: ["192.0.2.53"]).render()
    let gateway = try #require(address.gateway)
    #expect(text.hasSuffix("DNS=192.0.2.53\n\n[Route]\nGateway=\(gateway)\nGatewayOnLink=yes\n"))
    #expect(text.split(separator: "\n").count { $0.hasPrefix("Gateway=") } == 1)
  }

  @Test("A gateway inside of it, or of the link itself, needs no more than its name", arguments: near)
  func inside(address: Address) throws {
    let text = Network(.fixed(address)).render()
    #expect(text.hasSuffix("Gateway=\(try #require(address.gateway))\n"))
    #expect(!text.contains("[Route]"))
  }

  @Test(
    "systemd-networkd makes the route of it", .enabled(if: isRoot, "needs root"),
    arguments: [far[0], far[2], near[0], near[3]])
  func networkd(address: Address) throws {
    // The mark of the first interface comes from udev, which is not there.
    let text = Network(.fixed(address)).render().replacing("Property=GUESTSMITH_NIC=first", with: "Name=guest")
    let gateway = try #require(address.gateway)
    try withScratch { scratch in
      let file = try scratch.write(text, to: "10-guestsmith.network")
      let script = """
        set -e
        mount -t tmpfs none /etc/systemd/network; cp '\(file)' /etc/systemd/network
        mount -t tmpfs none /run; install -d -o systemd-network -g systemd-network /run/systemd/netif{,/links,/leases,/lldp}
        mount --bind /sys /sys; mount -o remount,bind,ro /sys
        ip link add guest type veth peer name host; ip link set host up
        systemd-networkd & daemon=$!
        trap "kill $daemon" EXIT
        for ((i = 0; i < 100; i++)); do
          { ip -4 route; ip -6 route; } | grep 'default via \(gateway) dev guest' && exit
          sleep 0.1
        done
        ip address; exit 1
        """
      let path = try scratch.write(script, to: "script")
      let outcome = try bash("PATH=$PATH:/sbin:/usr/lib/systemd:/lib/systemd unshare --net --mount bash '\(path)'")
      #expect(outcome.status == 0, "\(outcome)")
    }
  }
}
