// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Configuration

@Suite("Faults of a configuration")
struct FaultTests {
  @Test(
    "an unknown key is named with file, line and the nearest known one",
    arguments: [
      ("sute = \"x\"", "F:1: unknown key 'sute', the nearest known one is suite"),
      ("\n# c\n  fliesystem = \"ext4\"", "F:3: unknown key 'fliesystem', the nearest known one is filesystem"),
      (
        "packages = [\n \"a\", # ]\n \"b\",\n]\n\"ssh-keys\" = []",
        "F:5: unknown key 'ssh-keys', the nearest known one is ssh_keys"
      ),
      ("timezone = \"\"\"\\\n  Etc/UTC\"\"\"\nprefx = 1", "F:3: unknown key 'prefx', the nearest known one is prefix"),
      ("threads = 1\n[network]\ngateway = \"x\"", "F:2: unknown key 'network', the nearest known one is mirror"),
      ("a.b = 1", "F:1: unknown key 'a', the nearest known one is swap"),
      ("\"\" = 1", "F:1: unknown key '', the nearest known one is mtu"),
      ("CACHE = \"/c\"", "F:1: unknown key 'CACHE', the nearest known one is cache"),
      ("\"a\\nb\" = 1", nil),
    ] as [(String, String?)])
  func unknown(text: String, message: String?) {
    let found = fault(text)
    #expect(found != nil)
    if let message { #expect(found == message) }
    #expect(found?.contains("\n") == false)
  }

  @Test(
    "a value that its key does not take is named with file, line and what would be right",
    arguments: [
      ("block_size = 3000", "F:1: block_size = 3000, must be 1024, 2048 or 4096"),
      ("block_size = \"4096\"", "F:1: block_size = \"4096\", must be 1024, 2048 or 4096"),
      ("filesystem = \"xfs\"", "F:1: filesystem = \"xfs\", must be \"ext4\", \"ext3\" or \"ext2\""),
      ("filesystem = true", "F:1: filesystem = true, must be \"ext4\", \"ext3\" or \"ext2\""),
      ("packages = \"less\"", "F:1: packages = \"less\", must be a list of names of packages"),
      ("packages = [\"-o\"]", "F:1: packages = [\"-o\"], must be a list of names of packages"),
      ("packages = [1]", "F:1: packages = a list of something other than strings, must be a list of names of packages"),
      ("threads = 1.5", "F:1: threads = 1.5, must be a number from 0 to 256"),
      ("threads = -1", "F:1: threads = -1, must be a number from 0 to 256"),
      ("swap = \"yes\"", "F:1: swap = \"yes\", must be true or false"),
      ("reserved_percent = nan", nil), ("reserved_percent = inf", nil), ("reserved_percent = 51", nil),
      ("reserved_percent = -1e300", nil), ("cache = \"relative\"", nil), ("cache = \"/a\\u001b\"", nil),
      ("cache_max_size = -1", nil), ("cache_max_size = \"1X\"", nil), ("cache_max_size = \"99999999T\"", nil),
      ("label = \"seventeen bytes!!\"", nil), ("kernel = \"\"", nil), ("mirror = \"deb.debian.org\"", nil),
      ("gateway = \"192.0.2\"", nil), ("gateway = \"192.0.2.1/24\"", nil), ("nameservers = [\"ns1\"]", nil),
      ("prefix = 0", nil), ("timezone = \"../../etc/passwd\"", nil), ("locale = \"C\\nX=1\"", nil),
      ("ssh_keys = [\"AAAA\"]", nil), ("ssh_keys = [\"ssh-rsa AAAA\\nssh-rsa AAAA\"]", nil),
      ("suite = 1979-05-27", "F:1: suite = a date, must be the code name of a release"),
      ("suite = \"a b\"", nil), ("suite = { a = 1 }", "F:1: suite = a table, must be the code name of a release"),
      ("[suite]", nil), ("suite.a = 1", nil), ("ssh_keys = [{}]", nil),
      ("components = [\"main/debian-installer\", \"a//b\"]", nil),
      (
        "disk_1 = \"data:srv\"",
        "F:1: disk_1 = \"data:srv\", must be \"swap\", \"none\", \"seed\", or \"data:\" and where the guest mounts it, such as "
          + "\"data:/srv\""
      ),
      ("disk_1 = \"data:/\"", nil), ("disk_1 = \"data:/etc/x\"", nil), ("disk_1 = \"data:/a/../b\"", nil),
      ("disk_1 = \"data:/a b\"", nil), ("disk_1 = \"data:/a\tb\"", nil), ("disk_1 = \"root\"", nil),
      ("disk_1 = \"Swap\"", nil), ("disk_1 = true", nil), ("disk_1 = \"data:/srv/\"", nil),
      ("identity = \"copy\"", "F:1: identity = \"copy\", must be \"clone\" or \"restore\""),
      ("clean = [\"logs\", \"home\"]", nil), ("user = \"root\"", nil), ("user = \"Admin\"", nil),
      ("user = \"1a\"", nil),
      ("user = \"a:b\"", nil), ("user_password_hash = \"secret\"", nil),
      ("user_password_hash = \"$6$a$b\"", "F:1: user_password_hash is set without user"),
      ("reinstall_keep = [\"etc/x\"]", nil), ("reinstall_keep = [\"/etc/*/x\"]", nil),
      ("reinstall_keep = [\"/etc/../x\"]", nil),
    ] as [(String, String?)])
  func wrong(text: String, message: String?) throws {
    let found = try #require(fault(text))
    if let message { #expect(found == message) }
    #expect(found.hasPrefix("F:1: ") && !found.contains("\n") && !found.contains("\u{1B}"))
  }

  @Test("every fault is told, each on its line")
  func several() {
    #expect(
      fault("threads = 999\nsute = 1\nsuite = \"x\"\nprefix = \"a\"")
        == """
        F:1: threads = 999, must be a number from 0 to 256
        F:2: unknown key 'sute', the nearest known one is suite
        F:4: prefix = "a", must be a number from 1 to 128
        """)
  }

  @Test("a parameter cannot set what is the machine's")
  func machine() {
    #expect(fault(nil, parameters: ["cache": "/x"]) == "parameter: cache cannot be set for one instance")
  }

  @Test("all that is wrong in the file, the variant and the parameters is told at once")
  func everywhere() {
    let (_, faults) = Configuration.read(
      definitionDirectory: "/nonexistent", variant: "x", parameters: ["threads": "x", "foo": "y"],
      systemDirectory: "/nonexistent")
    #expect(
      faults.map(\.message) == [
        "unknown variant 'x': no such file in /nonexistent/variants",
        "parameter: unknown key 'foo', the nearest known one is boot",
        "parameter: threads = \"x\", must be a number from 0 to 256",
      ])
  }

  @Test("a secret is never shown", arguments: ["\"hunter2\"", "42", "[\"hunter2\"]", "\"$6$a:b$hunter2\""])
  func secrets(value: String) throws {
    let found = try #require(fault("root_password_hash = \(value)"))
    #expect(
      found == "F:1: root_password_hash must be a hash as crypt(3) makes it, for example by: openssl passwd -6")
    #expect(fault("ssh_keys = \(value)") == "F:1: ssh_keys must be a list of lines as in authorized_keys(5)")
    for name in ["root_password_hash", "ssh_keys"] {
      #expect(fault(nil, parameters: [name: "hunter2"])?.contains("hunter2") == false)
    }
    #expect(fault("mirror = \"http://me:hunter2@x y/\"")?.contains("hunter2") == false)
  }

  @Test(
    "what is not TOML is told with file and line",
    arguments: [
      ("threads = 1\nthreads = 2", 2), ("label = \"x", 1), ("\n\nthreads", 3), ("[x", 1), ("= 1", 1), ("]", 1),
      ("a = [1,\n\n", 3),
      ("root_password_hash = \"hunter2\nx", 1), ("root_password_hash = hunter2", 1),
    ])
  func syntax(text: String, line: Int) throws {
    let found = try #require(fault(text))
    #expect(found.hasPrefix("F:\(line): not valid TOML: "))
    #expect(!found.contains("hunter2") && !found.contains("\n"))
  }

  @Test("bytes that are not text, a NUL and a huge file are refused")
  func hostile() throws {
    func failure(_ bytes: [UInt8]) throws -> String {
      try withScratch { scratch in
        try scratch.write(bytes, to: "guestsmith.toml")
        do {
          _ = try Configuration.load(definitionDirectory: scratch.path)
          return "none"
        } catch let failure as Failure {
          return failure.message
        }
      }
    }
    #expect(try failure([0xFF, 0xFE]).hasSuffix("is not text in UTF-8"))
    #expect(try failure(Array("threads = 1\n\0sute".utf8)).contains(":2: not valid TOML"))
    #expect(try failure(Array(#"label = "a\u0000b""#.utf8)).contains(":1: label = \"a\\u0000b\", must be"))
    #expect(try failure([UInt8](repeating: 0x0A, count: 1 << 20 + 1)).contains("larger than 1.0 MiB"))
    #expect(try failure(Array("[=".utf8)).contains(":1: not valid TOML"))
    #expect(try failure(Array(("a" + String(repeating: ".a", count: 99999) + " = 1").utf8)).contains("unknown key 'a'"))
    let deep = "packages = " + String(repeating: "[", count: 99999)
    #expect(try failure(Array(deep.utf8)).contains(":1: not valid TOML"))
  }

  @Test(
    "an interface is refused what it can't have, whatever the host says",
    arguments: [
      ("nic_0 = [\"dhcp5\"]", nil), ("nic_0 = [\"192.0.2.7/33\"]", nil), ("nic_0 = 4", nil), ("nic_0 = true", nil),
      (
        "nic_0 = \"dhcp5\"",
        "F:1: nic_0 = \"dhcp5\", must be a list or a string of \"dhcp\", \"dhcp4\", \"dhcp6\", \"slaac\", \"static\", "
          + "addresses such as \"192.0.2.7/24\", \"gateway:192.0.2.1\" and \"route:203.0.113.0/24@192.0.2.2\", or \"none\""
      ),
      ("nic_0 = \"dhcp; slaac\"", nil), ("nic_0 = \"none dhcp\"", "F:1: nic_0 has \"none\" and more"),
      ("nic_0 = [\"192.0.2.7/\"]", nil), ("nic_0 = [\"192.0.2.7/+8\"]", nil), ("nic_0 = [\"192.0.2.700/24\"]", nil),
      ("nic_0 = [\"192.0.2.7/0\"]", nil), ("nic_0 = [\"gateway:\"]", nil), ("nic_0 = [\"gateway:224.0.0.1\"]", nil),
      ("nic_8 = [\"dhcp\"]", nil),
      ("mtu = 67", "F:1: mtu = 67, must be a number of bytes from 68 to 65535"), ("search = [\"a..b\"]", nil),
      ("search = [\"a b\"]", nil), ("nic_1 = [\"none\", \"dhcp\"]", "F:1: nic_1 has \"none\" and more"),
      ("nic_1 = [\"gateway:192.0.2.1\"]", "F:1: nic_1 has a gateway and no address"),
      ("nic_1 = [\"192.0.2.0/24\"]", "F:1: nic_1 has \"192.0.2.0/24\", and that is the address of the network itself"),
      (
        "nic_1 = [\"192.0.2.255/24\"]",
        "F:1: nic_1 has \"192.0.2.255/24\", and that is the broadcast address of the network"
      ),
      ("nic_1 = [\"127.0.0.1/8\"]", "F:1: nic_1 has \"127.0.0.1/8\", and that is an address of the loopback"),
      (
        "nic_1 = [\"2001:db8::/64\"]", "F:1: nic_1 has \"2001:db8::/64\", and that is the address of the network itself"
      ),
      ("nic_1 = [\"ff02::1/64\"]", "F:1: nic_1 has \"ff02::1/64\", and that is not the address of one machine"),
      (
        "nic_1 = [\"2001:db8::7/64\"]\nnic_0 = [\"2001:DB8:0::7/48\"]",
        "F:1: nic_1 has \"2001:db8::7/64\", which nic_0 has too"
      ),
      (
        "nic_0 = [\"static\", \"gateway:192.0.2.1\"]\nnic_1 = [\"static\", \"gateway:198.51.100.1\"]",
        "F:2: nic_1 has another gateway of IPv4 than nic_0: a guest has one default route of each"
      ),
      (
        "nic_0 = [\"192.0.2.1/24\", \"gateway:192.0.2.1\"]",
        "F:1: nic_0 has a gateway that is an address of the guest itself, by nic_0"
      ),
      (
        "nic_0 = [\"192.0.2.1/24\"]\ngateway = \"192.0.2.1\"",
        "F:2: gateway = \"192.0.2.1\" is an address of the guest itself, by nic_0"
      ), ("gateway = \"224.0.0.1\"", "F:1: gateway = \"224.0.0.1\" is not the address of one machine"),
      ("gateway = \"::\"", "F:1: gateway = \"::\" is the address of none"),
      ("gateway = \"127.0.0.1\"", "F:1: gateway = \"127.0.0.1\" is an address of the loopback"),
      (
        "nameservers = [\"127.0.0.53\", \"ff02::fb\"]",
        "F:1: nameservers has \"ff02::fb\", and that is not the address of one machine"
      ),
      ("nic_0 = [\"static\", \"static\"]", "F:1: nic_0 has \"static\" twice"),
    ] as [(String, String?)])
  func interfaces(text: String, message: String?) throws {
    let found = try #require(fault(text))
    if let message { #expect(found == message) }
  }

  @Test(
    "a gateway that the interface can't have is refused, whatever the host says",
    arguments: [
      (
        "nic_0 = [\"192.0.2.7/24\", \"gateway:fe80::1\"]",
        "F:1: nic_0 has the gateway fe80::1, and no static address of IPv6"
      ),
      (
        "nic_0 = [\"2001:db8::7/64\", \"dhcp\", \"gateway:192.0.2.1\"]",
        "F:1: nic_0 has the gateway 192.0.2.1, and no static address of IPv4"
      ),
      (
        "nic_1 = \"dhcp gateway:192.0.2.1\"", "F:1: nic_1 has the gateway 192.0.2.1, and no static address of IPv4"
      ),
      (
        "nic_0 = [\"192.0.2.7/24\", \"gateway:192.0.2.255\"]",
        "F:1: nic_0 has the gateway 192.0.2.255, and that is the broadcast address of the network"
      ),
      (
        "nic_0 = [\"static\", \"192.0.2.7/24\", \"gateway:192.0.2.0\"]",
        "F:1: nic_0 has the gateway 192.0.2.0, and that is the address of the network itself"
      ),
      (
        "nic_1 = [\"static\", \"gateway:192.0.2.1\", \"gateway:fe80::1\"]",
        "F:1: nic_1 has gateways of both families, and \"static\" gives it one address"
      ),
    ])
  func gateways(text: String, message: String) {
    #expect(fault(text) == message)
  }

  @Test(
    "a route that cannot work is refused, whatever the host says",
    arguments: [
      ("nic_0 = \"dhcp route:\"", nil), ("nic_0 = \"dhcp route:10.0.0.0/8\"", nil),
      ("nic_0 = \"dhcp route:10.0.0.0@192.0.2.2\"", nil), ("nic_0 = \"dhcp route:10.0.0.0/33@192.0.2.2\"", nil),
      ("nic_0 = \"dhcp route:0.0.0.0/0@192.0.2.2\"", nil), ("nic_0 = \"dhcp route:10.0.0.0/8@fe80::1\"", nil),
      ("nic_0 = \"dhcp route:10.0.0.0/8@224.0.0.1\"", nil),
      ("nic_0 = \"dhcp route:10.0.0.0/8@192.0.2.2@192.0.2.3\"", nil),
      ("nic_0 = \"none route:10.0.0.0/8@192.0.2.2\"", "F:1: nic_0 has \"none\" and more"),
      ("nic_0 = \"route:10.0.0.0/8@192.0.2.2\"", "F:1: nic_0 has a route and no address"),
      (
        "nic_0 = \"dhcp route:10.0.0.1/8@192.0.2.2\"",
        "F:1: nic_0 has a route to 10.0.0.1/8, and that is not the address of a network"
      ),
      (
        "nic_0 = \"192.0.2.7/24 route:10.0.0.0/8@192.0.2.255\"",
        "F:1: nic_0 has a route by 192.0.2.255, and that is the broadcast address of the network"
      ),
      (
        "nic_0 = \"192.0.2.7/24 route:192.0.2.0/24@192.0.2.2\"",
        "F:1: nic_0 has a route to 192.0.2.0/24, and that is the network of its own address"
      ),
      (
        "nic_0 = \"2001:db8::7/64 route:10.0.0.0/8@192.0.2.2\"",
        "F:1: nic_0 has a route by 192.0.2.2, and no static address of IPv4"
      ),
      (
        "nic_0 = \"slaac route:2001:db8:5::/48@2001:db8::1\"",
        "F:1: nic_0 has a route by 2001:db8::1, and no static address of IPv6"
      ),
      (
        "nic_0 = \"192.0.2.7/24\"\nnic_1 = \"dhcp route:10.0.0.0/8@192.0.2.7\"",
        "F:2: nic_1 has a route by 192.0.2.7, which is an address of the guest itself, by nic_0"
      ),
      (
        "nic_0 = \"192.0.2.7/24\"\nnic_1 = \"198.51.100.7/24 route:192.0.2.0/24@198.51.100.1\"",
        "F:2: nic_1 has a route to 192.0.2.0/24, and that is the network of an address of nic_0"
      ),
      (
        "nic_0 = \"dhcp route:10.0.0.0/8@192.0.2.2\"\nnic_1 = \"dhcp route:10.0.0.0/8@198.51.100.2\"",
        "F:2: nic_1 has a route to 10.0.0.0/8 and so has nic_0"
      ),
      (
        "nic_0 = \"dhcp route:10.0.0.0/8@192.0.2.2 route:10.0.0.0/8@192.0.2.3\"",
        "F:1: nic_0 has a route to 10.0.0.0/8 twice"
      ),
    ] as [(String, String?)])
  func routes(text: String, message: String?) throws {
    let found = try #require(fault(text))
    if let message { #expect(found == message) }
  }

  @Test("what the host may make right is left to create")
  func openGateways() {
    for text in [
      "nic_0 = \"static route:10.0.0.0/8@192.0.2.2\"", "nic_0 = \"dhcp4 route:10.0.0.0/8@192.0.2.2\"",
      "nic_0 = \"slaac route:2001:db8:5::/48@fe80::1\"", "nic_0 = \"192.0.2.7/32 route:10.0.0.0/8@203.0.113.1\"",
      "nic_0 = \"dhcp route:10.0.0.0/8@192.0.2.2 route:10.0.0.0/16@192.0.2.3\"",
      "nic_0 = [\"static\", \"gateway:192.0.2.1\", \"gateway:fe80::1\"]",
      "nic_1 = [\"static\", \"192.0.2.7/24\", \"gateway:192.0.2.1\", \"gateway:fe80::1\"]",
      "nic_0 = [\"192.0.2.7\", \"gateway:192.0.2.255\"]\nprefix = 24",
      "nic_0 = [\"192.0.2.7/32\", \"gateway:192.0.2.255\"]",
      "nic_0 = [\"static\"]\nnic_1 = [\"192.0.2.7/24\"]\ngateway = \"192.0.2.255\"",
      "address = \"static\"\nnic_1 = [\"192.0.2.7/24\"]\ngateway = \"192.0.2.255\"",
      "nic_0 = [\"192.0.2.7/24\", \"gateway:192.0.2.1\"]\ngateway = \"192.0.2.255\"",
      "nic_0 = [\"192.0.2.7/24\"]\ngateway = \"2001:db8::1\"",
      "nic_0 = \"dhcp\"\nnic_1 = \"192.0.2.7/24\"\ngateway = \"192.0.2.255\"",
    ] {
      #expect(fault(text) == nil, "\(text)")
    }
  }

  @Test(
    "an MTU below that of IPv6 is refused where an interface needs IPv6, and not where it takes IPv6 that is offered",
    arguments: [
      ("nic_0 = \"2001:db8::7/64\"", true), ("nic_0 = \"dhcp6\"", true), ("nic_0 = \"slaac\"", true),
      ("nic_0 = [\"dhcp\", \"slaac\"]", false),
      ("nic_0 = [\"static\", \"gateway:fe80::1\"]", true), ("nic_0 = \"dhcp\"", false),
      ("nic_0 = [\"static\", \"192.0.2.7/24\", \"gateway:192.0.2.1\"]", false), ("address = \"static\"", false),
      ("nic_0 = \"none\"", false), ("address = \"dhcp\"", false),
    ])
  func mtu(text: String, isRefused: Bool) {
    let words = "F:2: mtu = 1279 is less than the 1280 bytes that IPv6 needs, and nic_0 has IPv6"
    #expect(fault("\(text)\nmtu = 1279") == (isRefused ? words : nil))
    #expect(fault("\(text)\nmtu = 1280") == nil)
  }

  @Test("an interface gets what it can have, of a parameter too")
  func rightInterfaces() throws {
    for text in [
      "nic_0 = [\"none\"]", "nic_0 = []", "nic_7 = [\"dhcp4\", \"dhcp6\", \"192.0.2.7\"]",
      "nic_0 = [\"192.0.2.0/31\", \"192.0.2.9/32\", \"2001:db8::/127\"]",
      "nic_0 = [\"static\", \"gateway:192.0.2.1\"]\nnic_1 = [\"static\", \"gateway:fe80::1\"]",
    ] {
      #expect(fault(text) == nil, "\(text)")
    }
    #expect(fault(nil, parameters: ["nic_0": "static, 2001:db8::7/64 gateway:fe80::1", "search": "a.b c"]) == nil)
  }

  @Test("combinations that cannot work are refused, with file and line of the one that does not fit")
  func combinations() {
    #expect(fault("address = \"static\"") == nil, "the host may know the prefix")
    #expect(
      fault("threads = 1\nkeyring = \"/k\"")
        == "F:2: keyring is set without mirror: the apt sources of this machine have their own")
    #expect(fault("keyring = \"/k\"\npockets = [\"updates\"]\nmirror = \"http://m/d\"") == nil)
    #expect(fault("swap = true\ndisk_1 = \"data:/srv\"") == "F:1: swap = true contradicts disk_1 = \"data:/srv\"")
    #expect(fault("swap = true\ndisk_1 = \"swap\"") == nil && fault("swap = false\ndisk_1 = \"none\"") == nil)
    #expect(
      fault("swap = true\ndisk_2 = \"swap\"")
        == "F:2: disk_2 = \"swap\" is also that of disk 1: a guest has one swap disk")
    #expect(
      fault("disk_4 = \"data:/srv\"\ndisk_2 = \"data:/srv\"")
        == "F:1: disk_4 = \"data:/srv\" is also that of disk 2: only one disk is mounted at a place")
    #expect(fault("disk_1 = \"none\"\ndisk_2 = \"none\"") == nil)
    #expect(
      fault("address = \"static\"\nprefix = 64\ngateway = \"192.0.2.1\"")
        == "F:2: prefix = 64 is longer than an IPv4 address")
    #expect(fault("address = \"static\"\nprefix = 64\ngateway = \"2001:db8::1\"") == nil)
    #expect(
      fault("inode_ratio = 1024") == "F:1: inode_ratio = 1024 is less than the block size of 4096 bytes")
    #expect(fault("inode_ratio = 1024\nblock_size = 1024") == nil)
    #expect(
      fault("locale = \"de_CH.UTF-8\"")
        == "F:1: locale = \"de_CH.UTF-8\" needs the package locales-all in the guest")
    #expect(fault("locale = \"de_CH.UTF-8\"\npackages = [\"locales-all\"]") == nil)
  }
}
