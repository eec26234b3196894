// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Guest

func exampleRelease() -> ReleaseFile {
  ReleaseFile(
    version: "0.1.0", installed: "2026-05-01T10:00:00Z", image: "sha256:abcd", suite: "bookworm", wipe: "discard")
}

func exampleIdentity(_ name: String = "vm1.example.com") -> Identity {
  Identity(name: GuestName(name), rootUUID: "1111", swapUUID: "2222", release: exampleRelease())
}

/// Of the first interface, by its order: addresses of networks of 256, and IPv6 as routers advertise it.
func fixedNetwork(_ addresses: String..., gateway: String? = nil) -> GuestNetwork {
  var interface = GuestNetwork.Interface(.order(0), index: 0)
  interface.acceptsAdvertisements = true
  interface.addresses = addresses.map { .init($0, prefix: 24) }
  interface.routes = gateway.map { [.init(by: $0)] } ?? []
  return GuestNetwork([interface])
}

@Suite("The identity of a created guest")
struct IdentityTests {
  @Test("the name goes into hostname, hosts, mailname and the release file")
  func names() throws {
    let guest = MemoryGuest.debian()
    try exampleIdentity().apply(to: guest)
    #expect(guest.text("/etc/hostname") == "vm1\n")
    #expect(guest.entries["/etc/hostname"]?.mode == 0o644)
    #expect(guest.text("/etc/hosts")?.contains("127.0.1.1\tvm1.example.com vm1\n") == true)
    #expect(guest.text("/etc/mailname") == "vm1.example.com\n")
    #expect(
      guest.text("/etc/guestsmith-release") == """
        # Written by guestsmith: what was installed here. Renaming the guest needs this file.
        GUESTSMITH_VERSION=0.1.0
        INSTANCE=vm1.example.com
        INSTALLED=2026-05-01T10:00:00Z
        IMAGE=sha256:abcd
        SUITE=bookworm
        WIPE=discard
        ROOT_UUID=1111
        SWAP_UUID=2222
        ADDRESS=dhcp
        NAME_FILES='/etc/hostname /etc/hosts /etc/mailname'

        """)
  }

  @Test("every file that holds the name is one that a rename changes")
  func nameFiles() throws {
    let guest = MemoryGuest.debian()
    try exampleIdentity().apply(to: guest)
    try Renaming(from: GuestName("vm1.example.com"), to: GuestName("vm2.example.org")).apply(to: guest)
    for (path, entry) in guest.entries {
      guard case .file(let bytes) = entry.node else { continue }
      #expect(!bytes.containsName("vm1") && !bytes.containsName("vm1.example.com"), "\(path)")
    }
  }

  @Test("the network is DHCP on the first interface")
  func dhcp() throws {
    let guest = MemoryGuest.debian()
    try exampleIdentity().apply(to: guest)
    #expect(
      guest.text(Network.path) == """
        # Written by guestsmith. Your own settings belong into 10-guestsmith.network.d/*.conf beside this file.
        [Match]
        Property=GUESTSMITH_NIC=first

        [Network]
        DHCP=yes

        """)
    #expect(guest.text(Network.rulesPath)?.contains(#"ATTR{ifindex}=="2", ENV{GUESTSMITH_NIC}="first""#) == true)
    #expect(
      guest.target("/etc/systemd/system/multi-user.target.wants/systemd-networkd.service")
        == "/lib/systemd/system/systemd-networkd.service")
    #expect(guest.target("/etc/resolv.conf") == "../run/systemd/resolve/stub-resolv.conf")
  }

  @Test("a static address is in the network file, in hosts and in the release file")
  func fixed() throws {
    let guest = MemoryGuest.debian()
    var identity = exampleIdentity()
    identity.network = fixedNetwork("192.0.2.7", gateway: "192.0.2.1")
    identity.network.interfaces[0].nameservers = ["192.0.2.53", "2001:db8::53"]
    try identity.apply(to: guest)
    #expect(
      guest.text(Network.path)?.hasSuffix(
        "[Network]\nAddress=192.0.2.7/24\nGateway=192.0.2.1\nDNS=192.0.2.53\nDNS=2001:db8::53\n") == true)
    #expect(guest.text("/etc/hosts")?.contains("\n192.0.2.7\tvm1.example.com vm1\n") == true)
    #expect(guest.text(ReleaseFile.path)?.contains("\nADDRESS=192.0.2.7/24\n") == true)
  }

  @Test("without systemd-resolved fixed name servers are a plain file, and a lease's stay out")
  func plainResolver() throws {
    let guest = MemoryGuest.debian()
    try guest.remove("/usr/lib/systemd/systemd-resolved")
    var identity = exampleIdentity()
    identity.network.interfaces[0].nameservers = ["192.0.2.53"]
    try identity.apply(to: guest)
    #expect(guest.target("/etc/resolv.conf") == nil)
    let head = "# Written by guestsmith. It is replaced when the network of the instance changes.\n"
    #expect(guest.text("/etc/resolv.conf") == head + "nameserver 192.0.2.53\n")
  }

  @Test("a guest without systemd-networkd is refused before anything is changed")
  func noNetworkd() throws {
    let guest = MemoryGuest(["/etc/shadow": "root:*:1::::::\n"])
    #expect(throws: Failure.self) { try exampleIdentity().apply(to: guest) }
    #expect(guest.changes.isEmpty)
  }

  @Test("machine-id is empty, ssh host keys are gone and made at the first boot")
  func firstBoot() throws {
    let guest = MemoryGuest.debian()
    try exampleIdentity().apply(to: guest)
    #expect(guest.text("/etc/machine-id") == "")
    #expect(guest.target("/var/lib/dbus/machine-id") == "/etc/machine-id")
    #expect(try guest.list("/etc/ssh") == ["moduli", "sshd_config"])
    #expect(try guest.kind("/var/lib/systemd/random-seed") == nil)
    #expect(guest.text(FirstBoot.unitPath)?.contains("ExecStart=/usr/bin/ssh-keygen -A") == true)
    #expect(
      guest.target("/etc/systemd/system/multi-user.target.wants/guestsmith-ssh-host-keys.service")
        == FirstBoot.unitPath)
  }

  @Test("both serial consoles ask for their login when they appear")
  func console() throws {
    let guest = MemoryGuest.debian()
    try exampleIdentity().apply(to: guest)
    let rules = try #require(guest.text(Console.path))
    #expect(rules.contains(#"KERNEL=="hvc0", TAG+="systemd", ENV{SYSTEMD_WANTS}+="serial-getty@hvc0.service""#))
    #expect(rules.contains(#"KERNEL=="ttyS0", ATTR{type}!="0""#))
  }

  @Test("root is locked unless a hash is given; the rest of shadow and its owner stay")
  func password() throws {
    let guest = MemoryGuest.debian()
    guest.put(
      "/etc/shadow", Array("bin:*:1::::::\nroot:$6$old:20780:0:99999:7:::\nadmin:x:1::::::".utf8), mode: 0o640, gid: 42)
    try exampleIdentity().apply(to: guest)
    #expect(guest.text("/etc/shadow") == "bin:*:1::::::\nroot:*:20780:0:99999:7:::\nadmin:x:1::::::")
    #expect(guest.entries["/etc/shadow"]?.gid == 42)
    #expect(guest.entries["/etc/shadow"]?.mode == 0o640)
    #expect(try guest.kind("/root/.ssh") == nil)

    var identity = exampleIdentity()
    identity.accounts = Accounts(rootPasswordHash: "$y$j9T$abc$def", sshKeys: ["ssh-ed25519 AAAA a@b", "ssh-rsa B"])
    try identity.apply(to: guest)
    #expect(guest.text("/etc/shadow")?.contains("\nroot:$y$j9T$abc$def:20780:") == true)
    #expect(guest.text("/root/.ssh/authorized_keys") == "ssh-ed25519 AAAA a@b\nssh-rsa B\n")
    #expect(guest.entries["/root/.ssh"]?.mode == 0o700)
    #expect(guest.entries["/root/.ssh/authorized_keys"]?.mode == 0o600)
  }

  @Test("a shadow without root is a failure that does not tell the hash", arguments: [nil, "", "root", "rooty:*:1\n"])
  func noRoot(shadow: String?) throws {
    let guest = MemoryGuest.debian()
    try guest.remove("/etc/shadow")
    if let shadow { guest.put("/etc/shadow", Array(shadow.utf8)) }
    #expect {
      try Accounts(rootPasswordHash: "SECRET").apply(to: guest)
    } throws: { error in
      isGuestFailure("/etc/shadow")(error) && !"\(error)".contains("SECRET")
    }
  }

  @Test("time zone and locale are set where the guest has them")
  func locale() throws {
    let guest = MemoryGuest.debian()
    try Locale(timezone: "Europe/Zurich", language: "C.UTF-8").apply(to: guest)
    #expect(guest.target("/etc/localtime") == "/usr/share/zoneinfo/Europe/Zurich")
    #expect(guest.text("/etc/timezone") == "Europe/Zurich\n")
    #expect(guest.text("/etc/default/locale") == "LANG=C.UTF-8\n")
  }

  @Test("the locale goes where a guest has it that links its old place there at each boot", arguments: ["L+", "L"])
  func linkedLocale(type: String) throws {
    let guest = MemoryGuest.debian()
    let rule = "# Type Path Mode\n\(type) /etc/default/locale - - -  -  ../locale.conf\n"
    guest.put("/usr/lib/tmpfiles.d/debian.conf", Array(rule.utf8))
    guest.put("/etc/default/locale", Array("LANG=C\n".utf8))
    try Locale(language: "C.UTF-8").apply(to: guest)
    #expect(guest.text("/etc/locale.conf") == "LANG=C.UTF-8\n")
    #expect(guest.target("/etc/default/locale") == "../locale.conf")
    #expect(guest.text("/etc/default/locale") == "LANG=C.UTF-8\n")
  }

  @Test(
    "a time zone that the guest does not know is refused",
    arguments: ["Mars/Olympus", "Europe", "../../../etc/passwd", "/etc/passwd", "Europe//Zurich", ""])
  func unknownZone(zone: String) {
    #expect(
      performing: { try Locale(timezone: zone).apply(to: MemoryGuest.debian()) }, throws: isGuestFailure("time zone"))
  }

  @Test("a locale that the guest does not have is refused, with what would bring it")
  func unknownLocale() throws {
    let guest = MemoryGuest.debian()
    #expect(
      performing: { try Locale(language: "de_CH.UTF-8").apply(to: guest) },
      throws: isGuestFailure("de_CH.UTF-8", "locales-all"))
    guest.put("/usr/lib/locale/de_CH.utf8/LC_CTYPE", [])
    try Locale(language: "de_CH.UTF-8").apply(to: guest)
    #expect(guest.text("/etc/default/locale") == "LANG=de_CH.UTF-8\n")
  }

  @Test("a link in place of a file of ours is replaced, and what it led to stays")
  func links() throws {
    let guest = MemoryGuest.debian()
    let paths: [ByteString] = [
      "/etc/hostname", "/etc/hosts", "/etc/fstab", "/etc/machine-id", "/root/.ssh/authorized_keys",
    ]
    for path in paths {
      guest.putLink(path, "/etc/passwd")
    }
    var identity = exampleIdentity()
    identity.accounts.sshKeys = ["ssh-rsa A"]
    try identity.apply(to: guest)
    #expect(guest.text("/etc/passwd") == "root:x:0:0:\n")
    #expect(guest.text("/etc/hostname") == "vm1\n")
    #expect(try guest.kind("/etc/machine-id") == .file)
  }

  @Test("applied twice it is applied once")
  func twice() throws {
    let guest = MemoryGuest.debian()
    try exampleIdentity().apply(to: guest)
    let once = guest.entries
    try exampleIdentity().apply(to: guest)
    #expect(guest.entries == once)
  }

  @Test("systemd-resolved is a package of its own since Debian 12")
  func packages() {
    #expect(GuestPackages.needed(suite: "bookworm").contains("systemd-resolved"))
    #expect(!GuestPackages.needed(suite: "bullseye").contains("systemd-resolved"))
  }

  @Test(
    "Every guest has a time service: systemd-timesyncd, or the one that is named",
    arguments: [
      ("bullseye", [], ["systemd-timesyncd"]), ("bookworm", ["vim"], ["systemd-timesyncd"]),
      ("trixie", ["chronyc", "ntpdate"], ["systemd-timesyncd"]), ("bookworm", ["vim", "chrony"], []),
      ("jammy", ["ntp"], []), ("noble", ["ntpsec"], []), ("resolute", ["openntpd:amd64"], []),
      ("bookworm", ["systemd-timesyncd"], []), ("buster", [], []),
    ] as [(String, [String], [String])])
  func timeService(suite: String, named: [String], added: [String]) {
    let services = ["systemd-timesyncd", "chrony", "ntp", "ntpsec", "openntpd"]
    #expect(GuestPackages.needed(suite: suite, named: named).filter(services.contains) == added)
  }
}
