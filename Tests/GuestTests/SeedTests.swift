// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Guest

private let id = UUID(bytes: (1...16).map { UInt8($0) })

/// What a YAML reader other than ours makes of a file, as JSON.
private func yaml(_ bytes: [UInt8]) throws -> JSON {
  try withScratch { scratch in
    let path = try scratch.write(bytes, to: "file")
    let text = try shell(
      "python3 -c 'import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1], encoding=\"utf-8\")), ensure_ascii=False))' '\(path)'"
    )
    return try JSON(parsing: Array(text.utf8))
  }
}

private let hasYAML = (try? bash("python3 -c 'import yaml'").status) == 0
private let hasCloudInit = (try? bash("python3 -c 'import cloudinit.net'").status) == 0

@Suite("A seed for cloud-init")
struct SeedTests {
  static let guest: GuestNetwork = {
    var network = GuestNetwork(
      (3...5).map { GuestNetwork.Interface(.mac("aa:00:00:11:22:3\($0)"), index: $0 - 3) })
    network.interfaces[0].addresses = [.init("192.0.2.10", prefix: 24), .init("2001:db8::10", prefix: 64)]
    network.interfaces[0].routes = [.init(by: "192.0.2.1"), .init(by: "2001:db8::1")]
    network.interfaces[0].nameservers = ["192.0.2.53", "2001:db8::53"]
    network.interfaces[0].searchDomains = ["example.com"]
    let standard = GuestNetwork.standard.interfaces[0]
    network.interfaces[1].dhcp4 = standard.dhcp4
    network.interfaces[1].dhcp6 = standard.dhcp6
    network.interfaces[1].acceptsAdvertisements = standard.acceptsAdvertisements
    network.interfaces[1].mtu = 1400
    return network
  }()
  static let network = SeedNetwork(guest)

  /// What a file in a quarter of its forms would end or begin.
  static let keys = [
    "ssh-ed25519 AAAA x: \"y\" 'z' #!{}[]&*|>%@`\\", "ssh-rsa AAAA é😀 — : no", "ssh-rsa AAAA %(x)s ${y} {{ z }}",
  ]

  private func seed(userData: [UInt8] = [], keys: [String] = []) -> Seed {
    Seed(
      instanceID: id, name: GuestName("VM1.example.com."), network: Self.network,
      accounts: Accounts(rootPasswordHash: "$6$a$b", sshKeys: keys), timezone: "Europe/Zurich", userData: userData)
  }

  private func file(_ file: Seed.File, of seed: Seed) throws -> [UInt8] {
    try #require(seed.files.first { $0.file == file }).bytes
  }

  @Test("names the instance and the guest, by its full name", .enabled(if: hasYAML, "needs python3-yaml"))
  func metaData() throws {
    let bytes = try file(.metaData, of: seed())
    #expect(bytes.count == 512)
    #expect(try yaml(bytes) == ["instance-id": .string(id.description), "local-hostname": "vm1.example.com"])
  }

  @Test("brings keys and password whatever is in them", .enabled(if: hasYAML, "needs python3-yaml"))
  func vendorData() throws {
    let bytes = try file(.vendorData, of: seed(keys: Self.keys))
    #expect(bytes.starts(with: "#cloud-config-archive\n".utf8))
    let parts = try #require(yaml(bytes).array)
    #expect(parts.map { $0["type"] } == ["text/cloud-config", "text/cloud-boothook"])
    let configuration = try #require(parts[0]["content"]?.string)
    #expect(configuration.hasPrefix("#cloud-config\n"))
    let told = try yaml(Array(configuration.utf8))
    #expect(told["ssh_authorized_keys"] == .array(Self.keys.map { .string($0) }))
    #expect(told["disable_root"] == false)
    #expect(told["timezone"] == "Europe/Zurich")
    #expect(told["chpasswd"]?["users"]?.array?.first?["password"] == "$6$a$b")
  }

  @Test("has the user data as it is, and an empty one otherwise")
  func userData() throws {
    let script = Array("#!/bin/sh\necho\t'\u{e9}'\r\n".utf8)
    #expect(try file(.userData, of: seed(userData: script)) == script)
    #expect(try file(.userData, of: seed()) == Array("#cloud-config\n{}\n".utf8))
  }

  @Test("tells all interfaces, each by its MAC", .enabled(if: hasYAML, "needs python3-yaml"))
  func networkConfig() throws {
    let bytes = try file(.networkConfig, of: seed())
    #expect(bytes.count == 4096)
    let told = try yaml(bytes)
    #expect(told["version"] == 1)
    let config = try #require(told["config"]?.array)
    #expect(config.map { $0["mac_address"] } == (3...5).map { .string("aa:00:00:11:22:3\($0)") })
    #expect(config.map { $0["mtu"] } == [nil, 1400, nil])
    #expect(config.map { $0["accept-ra"] } == [false, nil, nil])
    let domains: JSON = ["example.com"]
    let servers: JSON = ["192.0.2.53", "2001:db8::53"]
    #expect(
      config.map { $0["subnets"] } == [
        [
          [
            "type": "static", "address": "192.0.2.10/24", "gateway": "192.0.2.1", "dns_nameservers": servers,
            "dns_search": domains,
          ],
          [
            "type": "static6", "address": "2001:db8::10/64", "gateway": "2001:db8::1", "dns_nameservers": servers,
            "dns_search": domains,
          ],
        ], [["type": "dhcp"]], [["type": "manual"]],
      ])
  }

  @Test("has no network where an interface is known by its order alone") func order() {
    #expect(SeedNetwork(.standard) == nil)
    #expect(SeedNetwork(GuestNetwork([])) == nil)
  }

  @Test(
    "is read by cloud-init, for whatever configures the network",
    .enabled(if: hasCloudInit, "needs cloud-init's Python modules"),
    arguments: ["eni", "netplan", "networkd", "sysconfig", "network-manager"])
  func cloudInit(renderer: String) throws {
    try withScratch { scratch in
      let path = try scratch.write(file(.networkConfig, of: seed()), to: "network-config")
      let outcome = try bash(
        """
        python3 -m cloudinit.cmd.main devel net-convert -k yaml -p '\(path)' -d '\(scratch("out"))' -D \(renderer == "sysconfig" ? "rhel" : "debian") \
        -m eth0,aa:00:00:11:22:33 -O \(renderer)
        grep -r . '\(scratch("out"))'
        """)
      #expect(outcome.status == 0, "\(outcome)")
      for word in ["192.0.2.10", "2001:db8::10", "192.0.2.1", "2001:db8::1", "192.0.2.53", "2001:db8::53"] {
        #expect(outcome.output.contains(word), "\(word): \(outcome.output)")
      }
    }
  }

  @Test("says which instance its network is for") func instance() throws {
    let text = try #require(Self.network).text
    let bytes = try file(.networkConfig, of: seed())
    #expect(SeedNetwork.instance(of: bytes, saying: text) == id.description)
    #expect(SeedNetwork.instance(of: bytes, saying: text + " ") == nil)
    #expect(SeedNetwork.instance(of: Array(text.utf8), saying: text) == nil)
    #expect(SeedNetwork.instance(of: [], saying: text) == nil)
  }

  @Test("is told from the seed of another guest, whoever wrote it")
  func reading() {
    let name = GuestName("vm1.example.com")
    let texts = [
      "instance-id: i-1\nlocal-hostname: vm1\n", "{instance-id: i-1}\n", "{\"local-hostname\":\"VM1.example.com\"}",
      "# local-hostname: vm2\nlocal-hostname: \"vm1\"\n", "", "\n\n", "hostname: vm2\n",
    ]
    #expect(
      texts.map { SeedMetaData(reading: Array($0.utf8)).names(name) } == [true, false, true, true, false, false, false])
    #expect(SeedMetaData(reading: Array(texts[0].utf8)).instanceID == "i-1")
  }

  @Test("is renamed in a file of the same length, and all else in it stays")
  func renaming() throws {
    let old = seed().metaData
    let long = GuestName(String(repeating: "a", count: 60) + ".example.com")
    let renamed = SeedMetaData(reading: old.bytes).renamed(long, instanceID: nil)
    #expect(renamed.bytes.count == old.bytes.count)
    #expect(renamed.instanceID == old.instanceID)
    #expect(renamed.hostname == long.full)
    #expect(old.renamed(long, instanceID: "i-9").instanceID != old.instanceID)
  }

  @Test("is renamed in its line of another writer's file, of which all else stays")
  func renamingForeign() throws {
    let name = GuestName("vm2.example.com")
    let rest = "public-keys:\n  - ssh-ed25519 AAAA a\nnetwork-interfaces: |\n  auto eth0\n  local-hostname: vm1\n"
    let heads = [
      ("local-hostname: vm1\n", "local-hostname: \"vm2.example.com\"\n"),
      ("local-hostname: 'vm1'  # the first\r\n", "local-hostname: \"vm2.example.com\"  # the first\r\n"),
      ("hostname:\tvm1 # x\ninstance-id: i-1\n", "hostname:\t\"vm2.example.com\" # x\ninstance-id: i-1\n"),
      ("# local-hostname: vm1\nlocal-hostname: vm1", "# local-hostname: vm1\nlocal-hostname: \"vm2.example.com\""),
    ]
    for (old, new) in heads {
      for text in [(old + "\n" + rest, new + "\n" + rest), (rest + old, rest + new)] {
        let found = SeedMetaData(reading: Array(text.0.utf8))
        #expect(found.names(GuestName("vm1.example.com")), "\(text.0)")
        let renamed = String(decoding: found.renamed(name, instanceID: nil).bytes, as: UTF8.self)
        // What is added fills a sector.
        #expect(renamed.utf8.count % 512 == 0)
        let (left, right) = (renamed.utf8.reversed().drop { $0 <= 32 }, text.1.utf8.reversed().drop { $0 <= 32 })
        #expect(left.elementsEqual(right), "\(renamed)")
      }
    }
    let other = SeedMetaData(reading: Array("instance-id: i-1 # x\nlocal-hostname: vm1\n".utf8))
    #expect(other.instanceID == "i-1" && other.renamed(name, instanceID: "i-2").instanceID == "i-2")
    #expect(other.renamed(name, instanceID: nil) != other && other.renamed(GuestName("vm1"), instanceID: nil) == other)
  }

  static let kinds = [
    "#cloud-config\n", "#cloud-config \r\nusers:\r\n- default\r\n", "#cloud-config\n---\n# x\n\npackages: [a]\n",
    "#cloud-config\n{\"a\": 1}\n", "#!/bin/sh\n\t- x\n", "#include\nhttps://192.0.2.1/x\n",
    "Content-Type: multipart/mixed; boundary=x\n", "## template: jinja\n#cloud-config\n", "#cloud-boothook\nx\n",
    "#cloud-config\na:\n  first\n  \"second\nb:\n  |\n  it is\n  \"so\n",
    "#cloud-config-archive\n- x\n", "#cloud-config-jsonp\n[{\"op\": \"add\"}]\n",
    "#cloud-config\nwrite_files:\n- content: |\n    \ta: [\n    'x\n  path: /a\nruncmd:\n - [ sh, -c, \"echo '{x'\" ]\n",
    "#cloud-config\nruncmd:\n  - echo [ \"a\n    [b 'c\n  - 'it''s: #'\n  - \"a \\\" b\n    [c\"\n  - {a: 'b',\n  c: [d]} # }\n",
    "#cloud-config\nssh_authorized_keys:\n  - ssh-ed25519 AAAA it's me\nx: &a !!str \"y\" # [\n\"k\" : >-\n  ]\nz: *a\n",
  ]

  @Test("takes all kinds of user data that cloud-init knows", arguments: kinds)
  func kind(text: String) {
    #expect(UserData.fault(of: Array(text.utf8)) == nil)
    #expect(UserData.fault(of: [0x1F, 0x8B, 8, 0xFF]) == nil)
  }

  static let others: [[UInt8]] =
    [
      "", "users:\n", " #cloud-config\n", "# cloud-config\n", "#cloud-configuration\n", "#cloud-config\nnot YAML\n",
      "#cloud-config\n- a: b\n", "#cloud-config\n\tpackages: [a]\n", "#cloud-config\na: \u{1}\n",
      "#cloud-config\nruncmd:\n\t- foo\n", "#cloud-config\npackages: [a, b\n", "#cloud-config\na: [b}\n",
      "#cloud-config\na: \"b\nc: d\n", "#cloud-config\na: |\n  x\n\tb: c\n",
      "#cloud-config\nusers:\n- {name: a, sudo: 'x}\n",
    ].map { Array($0.utf8) } + [Array("#cloud-config\na: ".utf8) + [0xFF]]

  @Test("takes nothing that cloud-init would pass over", arguments: others)
  func other(bytes: [UInt8]) {
    #expect(UserData.fault(of: bytes) != nil)
  }
}

@Suite("A seed among a guest's files")
struct SeedFilesTests {
  private let metaData: ByteString = "/var/lib/cloud/seed/nocloud/meta-data"

  private func guest() -> MemoryGuest {
    MemoryGuest([
      "/etc/hostname": "vm1\n", "/etc/hosts": "127.0.1.1 vm1.example.com vm1\n", "/etc/cloud/cloud.cfg": "",
      metaData: "instance-id: i-1\nlocal-hostname: vm1\n",
    ])
  }

  @Test("is renamed with the guest, which stays the instance that it is")
  func rename() throws {
    let guest = guest()
    try Renaming(from: GuestName("vm1.example.com"), to: GuestName("web.example.org")).apply(to: guest)
    let renamed = SeedMetaData(reading: Array(guest.text(metaData)?.utf8 ?? "".utf8))
    #expect(renamed.hostname == "web.example.org")
    #expect(renamed.instanceID == "i-1")
  }

  private func restore(_ guest: MemoryGuest, isCopy: Bool, seed: Seed? = nil) throws {
    var restoration = Restoration(
      name: GuestName(isCopy ? "web.example.org" : "vm1.example.com"), origin: try Origin(of: guest), isCopy: isCopy,
      rootUUID: "1111", swapUUID: nil)
    restoration.instanceID = id
    restoration.seed = seed?.files ?? []
    try restoration.apply(to: guest)
  }

  @Test("stays under the same name, and makes a copy another instance")
  func copy() throws {
    let guest = guest()
    try restore(guest, isCopy: false)
    #expect(guest.text(metaData) == "instance-id: i-1\nlocal-hostname: vm1\n")
    try restore(guest, isCopy: true)
    let copied = SeedMetaData(reading: Array(guest.text(metaData)?.utf8 ?? "".utf8))
    #expect(copied.hostname == "web.example.org")
    #expect(copied.instanceID == id.description)
  }

  @Test("is put there for cloud-init, for root alone, and only where that is")
  func placed() throws {
    let guest = guest()
    let seed = Seed(instanceID: id, name: GuestName("web.example.org"), network: nil, accounts: Accounts())
    try restore(guest, isCopy: true, seed: seed)
    for (file, bytes) in seed.files { #expect(try guest.read(Seed.path(of: file)) == bytes) }
    let other = MemoryGuest(["/etc/hostname": "vm1\n"])
    #expect(throws: Failure.self) { try restore(other, isCopy: true, seed: seed) }
  }
}
