// SPDX-License-Identifier: Apache-2.0
internal import Guest
internal import LinuxIO
internal import Report
internal import Storage

extension Disk {
  /// `/dev/vg/disk, 10 GiB`
  var words: String { "\(path), \(Words.bytes(size))" }
}

extension Network {
  /// `DHCP`, or `192.0.2.7/24, gateway 192.0.2.1`
  var words: String {
    guard case .fixed(let address) = address else { return "DHCP" }
    return "\(address.address)/\(address.prefix)" + (address.gateway.map { ", gateway \($0)" } ?? "")
  }
}
