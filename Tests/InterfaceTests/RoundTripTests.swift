// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import Testing

/// Numbers that are the same in each run.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Calls as a host can make them in one version of the interface.
private struct AnyCall {
  let version: Int
  var random: Seeded

  init(_ version: Int, seed: UInt64) {
    self.version = version
    random = Seeded(state: seed)
  }

  mutating func call(_ script: Script) throws -> Call {
    var os = RequestedOS(definition: "", name: word("abcABC019_-"))
    if version != 10, chance() { os.variant = word("abc019.-") }
    os.definition = "/srv/ganeti/os/" + (version == 5 ? os.fullName : word("abc"))
    if version == 20 {
      for _ in 0..<Int.random(in: 0...4, using: &random) { os.parameters[word("abcxyz_019")] = chance() ? text() : "" }
    }
    if version > 5 { os.debugLevel = Int.random(in: 0...3, using: &random) }
    guard script != .verify else { return .verify(os) }
    let count = version > 5 ? Int.random(in: 1...5, using: &random) : script == .export ? 1 : 2
    let disks = (0..<count).map { disk($0) }
    var request = Request(try purpose(script), try name(), disks: disks, os: os)
    guard version > 5 else { return .request(request) }
    if script == .export || script == .import, var disk = disks.randomElement(using: &random) {
      if chance() { disk.path = path() }
      disk.uri = disk.path == nil || chance() ? "rbd:" + word("abc/") : nil
      request.transferred = disk
    }
    request.nics = (0..<Int.random(in: 0...3, using: &random)).map { nic($0) }
    request.uuid = maybe { $0.word("0123456789abcdef-") }
    request.created = maybe { $0.word("0123456789") + ".5" }
    request.modified = maybe { $0.word("0123456789") }
    request.primaryNode = maybe { $0.word("0123456789abcdef-") }
    request.secondaryNodes = (0..<Int.random(in: 0...2, using: &random)).map { _ in word("abc.") }
    request.hypervisor = maybe { $0.word("kvmxen-") }
    request.backend = values()
    request.hypervisorParameters = values()
    return .request(request)
  }

  private mutating func purpose(_ script: Script) throws -> Request.Purpose {
    switch script {
    case .create, .verify: .create(isReinstall: version > 5 && chance())
    case .import: .import
    case .export: .export(sizeDescriptor: version > 5 && chance() ? .random(in: 3...(.max), using: &random) : nil)
    case .rename: .rename(from: try name())
    }
  }

  private mutating func disk(_ index: Int) -> RequestedDisk {
    guard version > 5 else { return RequestedDisk(index: index, path: path(), role: index == 0 ? .root : .swap) }
    let isOnlyURI = Int.random(in: 0..<8, using: &random) == 0
    var disk = RequestedDisk(index: index, path: isOnlyURI ? nil : path(), role: index == 0 ? .root : nil)
    disk.uri = isOnlyURI || chance() ? "kvm:" + word("abc:/") : nil
    disk.access = chance() ? .readWrite : .readOnly
    disk.backend = maybe { $0.chance() ? .block : .file(driver: $0.word("loopblktap:")) }
    disk.size = maybe { UInt64.random(in: 0...1 << 40, using: &$0.random) << 20 }
    disk.uuid = maybe { $0.word("0123456789abcdef-") }
    disk.name = maybe { $0.text() }
    disk.frontend = maybe { $0.word("paravirtual") }
    return disk
  }

  private mutating func nic(_ index: Int) -> RequestedNIC {
    var nic = RequestedNIC(index: index)
    nic.mac = maybe { $0.word("0123456789abcdef:") }
    nic.uuid = maybe { $0.word("0123456789abcdef-") }
    nic.ip = maybe { $0.address() }
    nic.mode = maybe { $0.chance() ? "bridged" : $0.word("routed") }
    nic.link = maybe { $0.word("br0.") }
    nic.name = maybe { $0.text() }
    nic.frontend = maybe { $0.word("paravirtual") }
    var network = RequestedNIC.Network(name: maybe { $0.word("lan") }, uuid: maybe { $0.word("0123456789abcdef-") })
    network.subnet = maybe { .init(address: $0.address(), prefix: Int.random(in: 0...32, using: &$0.random)) }
    network.gateway = maybe { $0.address() }
    network.subnet6 = maybe { .init(address: "2001:db8::", prefix: Int.random(in: 0...128, using: &$0.random)) }
    network.gateway6 = maybe { _ in "2001:db8::1" }
    network.tags = maybe { _ in ["slaac", "lan"] } ?? []
    nic.network = network == RequestedNIC.Network() ? nil : network
    return nic
  }

  // MARK: Values

  private mutating func chance() -> Bool { Bool.random(using: &random) }

  private mutating func maybe<T>(_ value: (inout Self) -> T?) -> T? { chance() ? value(&self) : nil }

  private mutating func word(_ letters: String) -> String {
    let letters = Array(letters)
    return "x"
      + String((0..<Int.random(in: 0...12, using: &random)).map { _ in letters.randomElement(using: &random)! })
  }

  /// Anything that a variable can hold.
  private mutating func text() -> String { word("abc =\"'$`\\\n\t;&é€😀") }

  private mutating func path() -> String { version == 5 ? "/dev/" + word("abc019/-_.") : "/" + text() }

  private mutating func address() -> String {
    (0..<4).map { _ in "\(Int.random(in: 0...255, using: &random))" }.joined(separator: ".")
  }

  private mutating func name() throws -> InstanceName {
    try InstanceName(word("abc019-_") + "." + word("abcXYZ"))
  }

  private mutating func values() -> [String: String] {
    var values: [String: String] = [:]
    for _ in 0..<Int.random(in: 0...3, using: &random) { values[word("abc_")] = text() }
    return values
  }
}

@Suite("What a host writes is what a script reads")
struct RoundTripTests {
  @Test(
    "a call comes back as it was, in each version and of each script",
    arguments: InterfaceVersion.all.flatMap { version in Script.called(in: version).map { (version, $0) } })
  func calls(_ version: Int, _ script: Script) throws {
    for seed in 0..<500 as Range<UInt64> {
      var any = AnyCall(version, seed: seed)
      let call = try any.call(script)
      #expect(try read(call, version: version) == call, "seed \(seed)")
    }
  }

  /// What a script makes of a call that a host writes.
  private func read(_ call: Call, version: Int) throws -> Call {
    switch call {
    case .request(let request) where version == InterfaceVersion.byArguments:
      return try Arguments.call(request.script, Arguments.words(of: request), in: request.definition)
    case .request(let request): return try read(call, version, in: request.definition)
    case .verify(let os): return try read(call, version, in: os.definition)
    }
  }

  private func read(_ call: Call, _ version: Int, in definition: String) throws -> Call {
    let environment = try #require(try Environment(Environment.variables(of: call, version: version)))
    return try environment.call(call.script, Environment.arguments(of: call), in: definition)
  }
}
