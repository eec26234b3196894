// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Glibc
internal import Guest
internal import Interface
internal import Report

extension Provider {
  /// How the guest's first interface gets its address.
  func network(of name: InstanceName) throws(Failure) -> Network {
    try staticNetwork(of: name) ?? Network(.dhcp, nameservers: configuration.nameservers)
  }

  /// The static network of a name; nil where the configuration has none.
  func staticNetwork(of name: InstanceName) throws(Failure) -> Network? {
    guard configuration.address == .fixed, let prefix = configuration.prefix else { return nil }
    return Network(
      .fixed(
        Network.StaticAddress(try Self.address(of: name.text), prefix: prefix, gateway: configuration.gateway)),
      nameservers: configuration.nameservers)
  }

  /// The first IPv4 address that the host's resolver knows.
  private static func address(of name: String) throws(Failure) -> String {
    var hints = addrinfo()
    hints.ai_family = AF_INET
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(name, nil, &hints, &found)
    defer { if found != nil { freeaddrinfo(found) } }
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    guard result == 0, let info = found?.pointee,
      getnameinfo(info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
    else {
      let words = result == 0 ? "no address" : String(cString: gai_strerror(result))
      throw Failure(
        .invalid, "\(name) has no address, and the configuration says address = \"static\": \(words)",
        remedy: "enter the name into the DNS or /etc/hosts, or set address = \"dhcp\"")
    }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
