// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Images
package import LinuxIO
package import Report
package import Worker

/// What the provider takes from outside of the request and the configuration: tests put their own in its place.
package struct Surroundings: Sendable {
  /// Opens what a guest is restored from.
  package var input: @Sendable () throws(Failure) -> Descriptor
  /// Opens where a dump goes.
  package var output: @Sendable () throws(Failure) -> Descriptor
  package var now: @Sendable () -> Timestamp
  package var newUUID: @Sendable () -> UUID
  /// The addresses of a name, IPv4 before IPv6; where it has none, the failure says why.
  package var resolve: @Sendable (String) throws(Failure) -> [String]
  /// Makes an image that is not in the cache.
  package var maker: ImageMaker
  /// Does the work on what is on a disk or in a stream.
  package var workers: Workers

  package init(
    input: @escaping @Sendable () throws(Failure) -> Descriptor,
    output: @escaping @Sendable () throws(Failure) -> Descriptor,
    now: @escaping @Sendable () -> Timestamp = { .now },
    newUUID: @escaping @Sendable () -> UUID = { .random() },
    resolve: @escaping @Sendable (String) throws(Failure) -> [String] = { name throws(Failure) in
      try addresses(of: name)
    },
    maker: ImageMaker = .standard, workers: Workers = Workers(.auto)
  ) {
    self.input = input
    self.output = output
    self.now = now
    self.newUUID = newUUID
    self.resolve = resolve
    self.maker = maker
    self.workers = workers
  }

  /// Those of a script that a host calls.
  package static let ofScript = Surroundings(
    input: { () throws(Failure) in try StandardStream.input.open() },
    output: { () throws(Failure) in
      let output = try StandardStream.output.open()
      guard !output.isTerminal else {
        throw Failure(
          .usage, "refusing to write a binary dump to a terminal", remedy: "send it to a file or a pipe")
      }
      return output
    })

  /// By the resolver of this machine.
  package static func addresses(of name: String) throws(Failure) -> [String] {
    var addresses: [String] = []
    var words = "no address"
    for family in [AF_INET, AF_INET6] {
      var hints = addrinfo()
      hints.ai_family = family
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
      var found: UnsafeMutablePointer<addrinfo>?
      let result = getaddrinfo(name, nil, &hints, &found)
      defer { if found != nil { freeaddrinfo(found) } }
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      if result == 0, let info = found?.pointee,
        getnameinfo(info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
      {
        addresses.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
      } else if result != 0 {
        words = String(cString: gai_strerror(result))
      }
    }
    guard !addresses.isEmpty else { throw Failure(.invalid, words) }
    return addresses
  }
}
