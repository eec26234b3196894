// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// Texts that a stranger wrote, or an administrator wrote wrongly.
@Suite("Texts that were made to hurt", .serialized) struct TextFuzzTests {
  /// Changes some lines: what is behind a separator, the order, the number, or bytes.
  private func damaged(_ text: [UInt8], _ noise: inout Noise, separators: String = "=:") -> [UInt8] {
    var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { Array($0) }
    for _ in 0..<noise.one(of: [1, 1, 2, 4, 8]) {
      guard !lines.isEmpty else { break }
      let place = noise.number(0...lines.count - 1)
      switch noise.number(0...6) {
      case 0: lines.remove(at: place)
      case 1: lines.insert(lines[place], at: noise.number(0...lines.count))
      case 2: lines[place] = Self.nasty(&noise) + lines[place]
      case 3 where !lines[place].isEmpty:
        lines[place][noise.number(0...lines[place].count - 1)] = UInt8(truncatingIfNeeded: noise.next())
      default:
        guard let split = lines[place].firstIndex(where: { separators.utf8.contains($0) }) else { continue }
        lines[place] = lines[place][...split] + Self.nasty(&noise)
      }
    }
    return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
  }

  private static func nasty(_ noise: inout Noise) -> [UInt8] {
    let words = [
      "", " ", "0", "-1", "18446744073709551616", "9223372036854775807", "1e999", "nan", "true", "\"", "\"\"\"", "\\",
      "[", "]", "[[", "{}", "\"\\uD800\"", "\"\u{1B}]0;x\u{7}\"", "../../etc/passwd", "/etc/passwd", "\u{1B}[2J",
      "%(name)s", "${HOME}", "$(id)", "a\u{0}b", "\u{202E}txt", "[\"x\", ", "file:///dev/zero", "Signed-By: /dev/zero",
    ]
    return switch noise.number(0...9) {
    case 0: [UInt8](repeating: UInt8(ascii: noise.one(of: ["A", "[", "\"", " ", "/"])), count: 70000)
    case 1: noise.bytes(20)
    case 2: Array("\(noise.value())".utf8)
    default: Array(noise.one(of: words).utf8)
    }
  }

  private func fuzz(
    _ kind: String, cases: Int, _ attack: Attack, _ base: [UInt8], to path: String,
    _ faults: () throws -> [Attack.Result]
  ) throws {
    func write(_ text: [UInt8]) throws {
      let file = try Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC)
      try file.writeAll(text)
    }
    let extent = Extent(cases: cases)
    try extent.each { index, noise in
      let input = damaged(base, &noise)
      try write(input)
      for fault in try faults().compactMap(\.fault) {
        try record(fault, kind, seed: extent.seed, index: index, input: input)
      }
    }
  }

  @Test("A configuration does not, whatever stands in it") func toml() throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      let disk = try makeSparseFile(scratch("disk"), size: 1 << 20)
      let sample = try readFile("\(attack.definition.folder)/guestsmith.toml")
      let keys = """
        suite = "bookworm"
        mirror = "http://127.0.0.1:9/debian"
        packages = ["less", "vim"]
        image_max_age_days = 3
        cache_max_size = "20G"
        reinstall_keep = ["/etc/ssh/ssh_host_*", "/srv"]
        address = "dhcp"
        nameservers = ["192.0.2.1", "2001:db8::1"]
        ssh_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRlbW8 demo"]
        threads = 1

        """
      try fuzz(
        "toml", cases: 40, attack, sample + Array(keys.utf8), to: "\(attack.definition.folder)/guestsmith.toml"
      ) {
        [try attack.script("export", ["-i", "vm1.example.com", "-b", disk], output: scratch("dump"))]
      }
    }
  }

  @Test("The configuration of an export does not, whatever a stranger wrote there") func ini() throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      let place = ["--state", scratch("state"), "--search-path", examples, "--log-dir", scratch("log")]
      let asked = ["instance", "create", "vm1", "-o", "noop+default", "--disk", "0:size=8M", "--disk", "1:size=4M"]
      let made = try attack.run(program, asked + place)
      try #require(made.isSuccess, "\(made.text)")
      let exported = try attack.run(program, ["backup", "export", "vm1"] + place)
      try #require(exported.isSuccess, "\(exported.text)")
      let file = scratch("state/exports/vm1/config.ini")
      try fuzz("ini", cases: 25, attack, try readFile(file), to: file) {
        [
          try attack.run(program, ["backup", "list"] + place.prefix(2)),
          try attack.run(program, ["backup", "verify", "vm1"] + place.prefix(2)),
          try attack.run(
            program, ["backup", "import", "vm2", "--src-instance", "vm1", "--dry-run"] + place, makesHoles: true),
        ]
      }
    }
  }

  @Test("What apt is told does not, whatever it is", arguments: ["list", "sources"]) func apt(form: String) throws {
    let texts = [
      "list": """
      deb [arch=amd64 signed-by=/nowhere.gpg] file:/nowhere bookworm main contrib
      deb-src file:/nowhere bookworm main
      # deb file:/nowhere sid main

      """,
      "sources": """
      Types: deb deb-src
      URIs: file:/nowhere copy:/nowhere
      Suites: bookworm bookworm-updates
      Components: main
      Architectures: amd64
      Signed-By:
       -----BEGIN PGP PUBLIC KEY BLOCK-----
       .
       mDMEZ
       -----END PGP PUBLIC KEY BLOCK-----

      """,
    ]
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      try scratch.folder("etc/apt/sources.list.d")
      try scratch.folder("state/lists/partial")
      try scratch.folder("aptcache/archives/partial")
      let configuration = try scratch.write(
        """
        Dir::Etc "\(scratch("etc/apt"))";
        Dir::State "\(scratch("state"))";
        Dir::Cache "\(scratch("aptcache"))";

        """, to: "apt.conf")
      try fuzz(
        "apt", cases: 8, attack, Array(try #require(texts[form]).utf8),
        to: scratch("etc/apt/sources.list.d/a.\(form)")
      ) {
        [
          try attack.run(
            program, ["image", "build", "--config", attack.definition.folder, "--quiet"],
            environment: ["APT_CONFIG": configuration])
        ]
      }
    }
  }
}
