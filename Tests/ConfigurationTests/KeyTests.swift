// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Configuration

@Suite("The table of keys")
struct KeyTests {
  @Test("names are unique, and no text of them ends with a period")
  func names() {
    #expect(Set(Key.all.map(\.name)).count == Key.all.count)
    for key in Key.all {
      #expect(!key.help.hasSuffix(".") && !key.rule.hasSuffix("."))
      #expect(key.standard != nil || key.example != nil, "\(key.name)")
    }
    #expect(
      Key.all.filter(\.isSecret).map(\.name) == [
        "root_password_hash", "ssh_keys", "user_password_hash", "debconf", "user_data",
      ])
  }

  @Test("the sample changes nothing, and says the defaults once its lines are taken")
  func sample() throws {
    let sample = Configuration.sample()
    let unset = Key.all.filter { $0.standard == nil }.map(\.name)
    let examples = Key.all.filter { $0.standard == nil && !$0.isRepeated }
    #expect(sample.hasPrefix("# guestsmith.toml: "))
    #expect(
      sample.contains(
        "\n# The block size of the filesystem, in bytes.\n# Must be 1024, 2048 or 4096.\n#block_size = 4096\n"))
    #expect(
      sample.contains(".\n# Must be \"none\".\n# Unset by default; for example:\n#verify = \"none\"\n"))
    #expect(sample.split(separator: "\n").count { $0 == "# Unset by default; for example:" } == examples.count)
    #expect(try load(sample).origins.isEmpty)
    let taken = sample.split(separator: "\n").filter { $0.hasPrefix("#") && !$0.hasPrefix("# ") }.map { $0.dropFirst() }
    #expect(taken.count == Key.all.count - 14 - 7, "of disk_1 to disk_15, and of nic_0 to nic_7, one is enough")
    let kept = taken.filter { line in !unset.contains { line.hasPrefix($0 + " ") } }
    #expect(try values(load(kept.joined(separator: "\n"))) == values(Configuration()))
  }

  @Test("the table for docs/configuration.md has a row for each key")
  func markdown() {
    let rows = Configuration.markdownTable().split(separator: "\n")
    #expect(rows.count == Key.all.count - 14 - 7 + 2)
    #expect(rows.contains("| `suite` | unset | the release of the guests; unset: that of this machine |"))
  }

  @Test("the machine's own keys are not parameters, and the help of the others is one line that says what to write")
  func parameters() {
    let machine = Key.all.filter { !$0.isParameter }.map(\.name)
    #expect(
      machine == [
        "cache", "image_max_age_days", "cache_max_size", "image", "format", "digest", "sums", "signature",
        "fingerprint",
        "verify", "debconf", "build_hook", "files", "first_boot", "sandbox",
      ])
    let help = Dictionary(uniqueKeysWithValues: Key.parameters.map { ($0.name, $0.parameterHelp) })
    #expect(help.count == Key.all.count - 15)
    #expect(
      help["packages"]
        == "additional packages for the guests; chrony, ntpsec or openntpd replaces systemd-timesyncd"
        + " (a list of names of packages, separated by blanks or commas)")
    #expect(help["filesystem"] == "the filesystem of the root disk (ext4, ext3 or ext2)")
    #expect(help.values.allSatisfy { !$0.contains("\n") && !$0.contains("\"") })
  }

  @Test("the nearest key is the one of the fewest changes")
  func nearest() {
    #expect(Key.nearest(to: String(repeating: "x", count: 1 << 16)) != nil)
  }

  @Test(
    "sizes are numbers with or without a binary unit",
    arguments: [
      ("0", 0), ("4096", 4096), ("20G", 20 << 30), ("20 GiB", 20 << 30), ("1k", 1024), ("2T", 2 << 40), ("", nil),
      ("G", nil), ("1.5G", nil), ("-1", nil), ("1GB", nil), ("1 iB", nil),
      ("9223372036854775807", 9_223_372_036_854_775_807),
      ("9223372036854775808", nil), ("٣", nil),
    ] as [(String, UInt64?)])
  func sizes(text: String, size: UInt64?) {
    #expect(Size.parse(text) == size)
  }
}
