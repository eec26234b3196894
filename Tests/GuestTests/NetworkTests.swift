// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Guest

@Suite("The network of a guest")
struct NetworkTests {
  /// A gateway that is on the link alone, and one that an address has near.
  static let far = [
    fixed("192.0.2.10", 32, "203.0.113.1", isOnLink: true), fixed("2001:db8::9", 128, "2001:db8:1::1", isOnLink: true),
  ]
  static let near = [fixed("192.0.2.10", 24, "192.0.2.1"), fixed("2001:db8::9", 128, "fe80::1")]

  private static func fixed(
    _ address: String, _ prefix: Int, _ gateway: String, isOnLink: Bool = false
  ) -> GuestNetwork.Interface {
    var interface = GuestNetwork.Interface(.order(0), index: 0)
    interface.acceptsAdvertisements = true
    interface.addresses = [.init(address, prefix: prefix)]
    interface.routes = [.init(by: gateway, isOnLink: isOnLink)]
    return interface
  }

  private func file(_ interface: GuestNetwork.Interface) throws -> String {
    String(decoding: try #require(NetworkdFiles.files(for: GuestNetwork([interface])).first).bytes, as: UTF8.self)
  }

  @Test("A gateway on the link is a route of its own", arguments: far)
  func outside(interface: GuestNetwork.Interface) throws {
    var interface = interface
    interface.nameservers = ["192.0.2.53"]
    let text = try file(interface)
    #expect(text.hasSuffix("DNS=192.0.2.53\n\n[Route]\nGateway=\(interface.routes[0].gateway)\nGatewayOnLink=yes\n"))
    #expect(text.split(separator: "\n").count { $0.hasPrefix("Gateway=") } == 1)
  }

  @Test("Any other needs no more than its name", arguments: near)
  func inside(interface: GuestNetwork.Interface) throws {
    let text = try file(interface)
    #expect(text.hasSuffix("Gateway=\(interface.routes[0].gateway)\n"))
    #expect(!text.contains("[Route]"))
  }

  @Test(
    "systemd-networkd makes the route of it", .enabled(if: isRoot, "needs root"), arguments: far + near)
  func networkd(interface: GuestNetwork.Interface) throws {
    // The mark of the first interface comes from udev, which is not there.
    let text = try file(interface).replacing("Property=GUESTSMITH_NIC=first", with: "Name=guest")
    let gateway = interface.routes[0].gateway
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
