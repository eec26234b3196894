// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import TestSupport
import Testing

@testable import Configuration

@Suite("Where the configuration comes from")
struct LoadingTests {
  @Test("no file is needed")
  func defaults() throws {
    let configuration = try load(nil)
    #expect(values(configuration) == values(Configuration()))
    #expect(configuration.cache == "/var/cache/guestsmith")
    #expect(configuration.suite == nil && configuration.rootPasswordHash == nil)
    #expect(configuration.filesystem == .ext4 && configuration.wipe == .discard && configuration.address == .dhcp)
    #expect(configuration.compression == .zstd && configuration.compressionLevel == 1)
    _ = try Configuration.load(definitionDirectory: nil, systemDirectory: "/nonexistent")
  }

  @Test("every key can be set by a file")
  func everyKey() throws {
    let configuration = try load(
      """
      cache = "/c"
      image_max_age_days = 3
      cache_max_size = "512M"
      image = "https://images.example.org/a.raw.xz"
      format = "raw.xz"
      digest = "sha256:\(String(repeating: "0a", count: 32))"
      sums = "/srv/SUMS"
      signature = "file:///srv/SUMS.sig"
      fingerprint = "0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567"
      verify = "none"
      suite = "trixie"
      mirror = "http://user:pw@deb.example.org/debian"
      pockets = ["updates"]
      keyring = "/usr/share/keyrings/k.gpg"
      components = ["main", "contrib"]
      packages = ["less", "locales-all"]
      kernel = "none"
      filesystem = "ext3"
      block_size = 1024
      inode_ratio = 4096
      reserved_percent = 0.5
      label = "root"
      swap = false
      disk_1 = "none"
      disk_2 = "data:/srv"
      reinstall_keep = ["/etc/ssh/ssh_host_*", "/root"]
      wipe = "zero"
      layout = "gpt"
      boot = ["uefi"]
      address = "static"
      prefix = 24
      gateway = "192.0.2.1"
      nameservers = ["192.0.2.53", "2001:db8::53"]
      nic_0 = ["static", "slaac", "2001:db8::7/64", "gateway:fe80::1"]
      search = ["example.com", "lan"]
      mtu = 9000
      network_renderer = "cloud-init"
      root_password_hash = "$y$j9T$abc./def$xyz"
      ssh_keys = ["ssh-ed25519 AAAAC3 me@home", 'from="10.0.0.1,10.0.0.2" ssh-rsa AAAAB3']
      user = "admin"
      user_password_hash = "$6$a$b"
      root_login = true
      timezone = "America/Argentina/Buenos_Aires"
      locale = "de_CH.UTF-8"
      debconf = ["tzdata tzdata/Areas select Europe", "/etc/guestsmith/answers"]
      build_hook = "/etc/guestsmith/hooks/site"
      files = "/etc/guestsmith/files/web"
      first_boot = ["/etc/guestsmith/first-boot/site"]
      configure = "files"
      identity = "restore"
      clean = ["logs", "history"]
      user_data = "#cloud-config\\npackages: [vim]\\n"
      compression = "none"
      compression_level = 19
      threads = 2
      sandbox = "required"
      """)
    #expect(configuration.origins.count == Key.all.count - 13 - 7, "all but disk_3 to disk_15, and nic_1 to nic_7")
    #expect(configuration.cacheMaxSize == 512 << 20)
    #expect(configuration.configure == .files && configuration.userData == "#cloud-config\npackages: [vim]\n")
    #expect(configuration.identity == .restore && configuration.clean == ["logs", "history"])
    #expect(configuration.layout == .gpt && configuration.firmware == [.uefi])
    #expect(configuration.components == ["main", "contrib"])
    #expect(configuration.kernelPackage == nil)
    #expect(configuration.filesystem == .ext3 && configuration.wipe == .zero && configuration.address == .fixed)
    #expect(configuration.reservedPercent == 0.5 && configuration.swap == false)
    #expect(configuration.prefix == 24 && configuration.gateway == "192.0.2.1")
    #expect(
      configuration.words(ofNIC: 0) == [
        .fixed, .slaac, .address("2001:db8::7", prefix: 64), .gateway("fe80::1"),
      ])
    #expect(configuration.words(ofNIC: 1) == nil)
    #expect(configuration.search == ["example.com", "lan"] && configuration.mtu == 9000)
    #expect(configuration.networkRenderer == .cloudInit)
    #expect(configuration.sshKeys.count == 2)
    #expect(configuration.user == "admin" && configuration.userPasswordHash == "$6$a$b")
    #expect(configuration.rootLogin == true)
    #expect(configuration.timezone == "America/Argentina/Buenos_Aires")
  }

  @Test("a string of a file has the words of an interface as a parameter has them")
  func wordsOfInterfaces() throws {
    let configuration = try load(
      "nic_0 = \"dhcp\"\nnic_1 = \"static, slaac gateway:192.0.2.1\"\nnic_2 = \"none\"\nnic_3 = \"\"\nnic_4 = \"dhcp\"",
      parameters: ["nic_4": "slaac"])
    #expect(configuration.words(ofNIC: 0) == [.dhcp])
    #expect(configuration.words(ofNIC: 1) == [.fixed, .slaac, .gateway("192.0.2.1")])
    #expect(configuration.words(ofNIC: 2) == [NICWord.none])
    #expect(configuration.words(ofNIC: 3) == nil, "as an empty list")
    #expect(configuration.words(ofNIC: 4) == [.slaac])
  }

  @Test("the file of the definition stands in for the one of the machine, and is not mixed with it")
  func order() throws {
    #expect(try load("threads = 1", machine: "threads = 2\nlabel = \"m\"").threads == 1)
    #expect(try load("threads = 1", machine: "threads = 2\nlabel = \"m\"").label == "")
    #expect(try load(nil, machine: "threads = 2").threads == 2)
    #expect(try load("", machine: "threads = 2").threads == 0)
  }

  @Test("a variant changes what it names, and a parameter has the last word")
  func variant() throws {
    let variants = ["debian-13.toml": "suite = \"trixie\"\nthreads = 3\n"]
    let configuration = try load(
      "threads = 2\nlabel = \"own\"", variants: variants, variant: "debian-13", parameters: ["threads": "4"])
    #expect(configuration.suite == "trixie" && configuration.label == "own" && configuration.threads == 4)
    #expect(try load("threads = 2", variants: variants, variant: "").threads == 2)
  }

  @Test("an unknown variant names the known ones")
  func unknownVariant() throws {
    let variants = ["debian-13.toml": "", "a.b.toml": "", "notes.txt": "", ".toml": ""]
    for variant in ["debian-12", "../guestsmith", "/etc/passwd", ".", "debian-13.toml", "a\nb"] {
      #expect {
        try load(nil, variants: variants, variant: variant)
      } throws: { error in
        (error as? Failure)?.remedy == "the known ones are: a.b, debian-13"
          && (error as? Failure)?.message.contains(variant.quoted) == true
      }
    }
    #expect(fault(nil, variant: "x")?.hasPrefix("unknown variant 'x': no such file in ") == true)
  }

  @Test("the definition's own variants stand in for the machine's")
  func ownVariants() throws {
    try withScratch { scratch in
      try scratch.write("threads = 1\n", to: "etc/variants/a.toml")
      try scratch.write("threads = 2\n", to: "os/variants/b.toml")
      func load(_ variant: String, _ definition: String) throws -> Int {
        try Configuration.load(
          definitionDirectory: scratch(definition), variant: variant, systemDirectory: scratch("etc")
        ).threads
      }
      #expect(try load("b", "os") == 2 && load("a", "other") == 1)
      #expect(throws: Failure.self) { try load("a", "os") }
      #expect(
        Configuration.variants(definitionDirectory: scratch("os"), systemDirectory: scratch("etc")) == ["b"])
      #expect(Configuration.variants(systemDirectory: scratch("etc")) == ["a"])
    }
  }

  @Test("the variant 'default' needs no file, and may have one")
  func defaultVariant() throws {
    #expect(try load("threads = 2", variant: "default").threads == 2)
    #expect(try load("threads = 2", variants: ["default.toml": "threads = 3"], variant: "default").threads == 3)
  }

  @Test("disks after the first have the role that is configured")
  func diskRoles() throws {
    let configuration = try load(
      "disk_1 = \"swap\"\ndisk_2 = \"data:/srv/a\"\ndisk_3 = \"none\"\n",
      parameters: ["disk_3": "", "disk_15": "data:/b"])
    #expect(configuration.role(ofDisk: 1) == .swap)
    #expect(configuration.role(ofDisk: 2) == .data(mountPoint: "/srv/a"))
    #expect(configuration.role(ofDisk: 3) == nil && configuration.role(ofDisk: 15) == .data(mountPoint: "/b"))
    #expect(try load(nil).role(ofDisk: 1) == nil)
    #expect(try load("swap = true").role(ofDisk: 1) == .swap && load("swap = false").role(ofDisk: 1) == .untouched)
    #expect(try load("swap = true").role(ofDisk: 2) == nil)
  }

  @Test("a file that cannot be read is a failure, not a default")
  func unreadable() throws {
    try withScratch { scratch in
      try scratch.folder("guestsmith.toml")
      #expect(throws: Failure(.io, "cannot read \(scratch("guestsmith.toml")): Is a directory")) {
        try Configuration.load(definitionDirectory: scratch.path, systemDirectory: scratch.path)
      }
    }
  }

  @Test("a parameter is text, and read as its key wants it")
  func parameters() throws {
    let configuration = try load(
      nil,
      parameters: [
        "packages": "less, vim\ttmux", "swap": "no", "reserved_percent": "2.5",
        "ssh_keys": "ssh-rsa AAAA a@b; ssh-ed25519 AAAA c,d", "suite": "", "block_size": "2048", "label": "",
      ])
    #expect(configuration.packages == ["less", "vim", "tmux"])
    #expect(configuration.swap == false && configuration.reservedPercent == 2.5)
    #expect(configuration.sshKeys == ["ssh-rsa AAAA a@b", "ssh-ed25519 AAAA c,d"])
    #expect(configuration.suite == nil && configuration.blockSize == 2048)
    #expect(
      fault(nil, parameters: ["threads": "two"]) == "parameter: threads = \"two\", must be a number from 0 to 256")
    #expect(
      fault(nil, parameters: ["thread": "2"]) == "parameter: unknown key 'thread', the nearest known one is threads")
  }
}
