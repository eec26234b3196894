// SPDX-License-Identifier: Apache-2.0

/// One key of the configuration: the only place that knows its name, what may stand in it and what it is for. Files,
/// parameters, messages and documentation all go by it.
package struct Key: Sendable {
  package let name: String
  /// What it is for, as half a sentence.
  package let help: String
  /// What may stand in it, as it follows "must be".
  package let rule: String
  /// Whether its value must not be shown.
  package let isSecret: Bool
  /// Whether it can be set for one instance; else it is the machine's, and only its files set it.
  package let isParameter: Bool
  /// Whether it is one more of a row of keys that differ only in a number: documentation shows the first.
  let isRepeated: Bool
  /// What a file could say, where there is no default.
  let example: Value?
  let binding: Binding

  init(
    _ name: String, _ binding: Binding, _ help: String, _ rule: String, example: Value? = nil, isSecret: Bool = false,
    isParameter: Bool = true, isRepeated: Bool = false
  ) {
    self.name = name
    self.help = help
    self.rule = rule
    self.isSecret = isSecret
    self.isParameter = isParameter
    self.isRepeated = isRepeated
    self.example = example
    self.binding = binding
  }

  /// What it is for and what may stand in it as a parameter, on one line.
  package var parameterHelp: String {
    let separator =
      switch binding.shape {
      case .words: ", separated by blanks or commas"
      case .lines: ", separated by semicolons"
      case .text, .integer, .decimal, .flag: ""
      }
    // The quotes belong to TOML.
    return "\(help) (\(rule)\(separator))".filter { $0 != "\"" }
  }

  /// The default of the key, as TOML writes it; nil if the key is unset by default.
  package var standard: String? { binding.get(Configuration())?.literal }

  /// Every key, in the order in which a person reads about them.
  package static let all: [Key] = images + filesystems + disks + networks + accounts + site + seeds + dumps + security

  /// Those that can be set for one instance.
  package static let parameters = all.filter(\.isParameter)

  private static let images = [
    Key(
      "cache", .text(\.cache, Rules.isAbsolutePath), "where the images are kept", "an absolute path",
      isParameter: false),
    Key(
      "image_max_age_days", .integer(\.imageMaxAgeDays) { (0...36500).contains($0) },
      "how old an image may be before it is rebuilt; 0 keeps it forever", "a number of days from 0 to 36500",
      isParameter: false),
    Key(
      "cache_max_size", .size(\.cacheMaxSize), "the most room that all images together may take; 0 sets no limit",
      "a number of bytes, or one with a unit such as \"20G\"", isParameter: false),
    Key(
      "image", .text(\.image, Rules.isPlace),
      "the disk, or the root filesystem, that guests are made of instead of being bootstrapped; it is fetched once",
      "a URL or an absolute path",
      example: .text("https://cloud.example.com/debian-12-generic-amd64.qcow2"), isParameter: false),
    Key(
      "format", .text(\.format, Rules.isImageFormat), "how the image is in its file; unset: as its name ends",
      "\"gsi\", \"oci\", or \"raw\", \"qcow2\", \"vmdk\", \"vhdx\", \"tar\" or \"oci.tar\" with \".gz\", \".xz\", \".zst\" or \".bz2\" behind it where it is packed",
      example: .text("qcow2"), isParameter: false),
    Key(
      "digest", .text(\.digest, Rules.isDigest), "the digest that the image must have",
      "\"sha256:\" or \"sha512:\" and hexadecimal digits", example: .text("sha256:9f86d081884c7d65…"),
      isParameter: false),
    Key(
      "sums", .text(\.sums, Rules.isPlace), "the publisher's list of digests, which has that of the image",
      "a URL or an absolute path", example: .text("https://cloud.example.com/SHA512SUMS"), isParameter: false),
    Key(
      "signature", .text(\.signature, Rules.isPlace),
      "the signature over sums, or over the image where sums is unset; unset: sums is signed in place where keyring is set",
      "a URL or an absolute path", example: .text("https://cloud.example.com/SHA512SUMS.sign"), isParameter: false),
    Key(
      "fingerprint", .text(\.fingerprint, Rules.isFingerprint), "the one key in keyring that may sign the image",
      "the 40 or 64 hexadecimal digits of a fingerprint", example: .text("DF9B9C49EAA9298432589D76DA87E80D6294BE9B"),
      isParameter: false),
    Key(
      "verify", .text(\.verify) { $0 == "none" },
      "\"none\" takes an image about which nothing tells whether it is what its publisher made", "\"none\"",
      example: .text("none"), isParameter: false),
    Key(
      "suite", .text(\.suite, Rules.isPackageName), "the release of the guests; unset: that of this machine",
      "the code name of a release", example: .text("bookworm")),
    Key(
      "mirror", .text(\.mirror, Rules.isURI), "where the packages come from; unset: the apt sources of this machine",
      "a URI such as \"http://deb.debian.org/debian\"", example: .text("http://deb.debian.org/debian")),
    Key(
      "keyring", .text(\.keyring, Rules.isAbsolutePath),
      "the file with the keys that sign the mirror, or the image; unset: those that apt on this machine trusts",
      "an absolute path",
      example: .text("/usr/share/keyrings/debian-archive-keyring.gpg")),
    Key(
      "pockets", .list(\.pockets, of: .words, Rules.isPackageName),
      "further suites of the mirror, by the suffix to the name of the release: updates for bookworm-updates",
      "a list of names such as [\"updates\", \"security\"]"),
    Key(
      "components", .list(\.components, of: .words, Rules.isComponent),
      "the components of the archive; empty: those of the apt sources, or main with a mirror",
      "a list of names such as [\"main\", \"contrib\"]"),
    Key(
      "packages", .list(\.packages, of: .words, Rules.isPackageName),
      "additional packages for the guests; chrony, ntpsec or openntpd replaces systemd-timesyncd",
      "a list of names of packages"),
    Key(
      "kernel", .text(\.kernel, Rules.isPackageName), "the package with the guests' kernel, or \"none\"",
      "the name of a package, or \"none\""),
  ]

  private static let filesystems = [
    Key("filesystem", .choice(\.filesystem), "the filesystem of the root disk", "\"ext4\", \"ext3\" or \"ext2\""),
    Key(
      "block_size", .integer(\.blockSize) { [1024, 2048, 4096].contains($0) },
      "the block size of the filesystem, in bytes",
      "1024, 2048 or 4096"),
    Key(
      "inode_ratio", .integer(\.inodeRatio) { (1024...67_108_864).contains($0) }, "bytes of the disk for each inode",
      "a number of bytes from 1024 to 67108864"),
    Key(
      "reserved_percent", .decimal(\.reservedPercent, in: 0...50), "the share of the disk that only root may fill",
      "a number from 0 to 50"),
    Key("label", .text(\.label, Rules.isLabel), "the label of the filesystem", "a text of up to 16 bytes"),
    Key(
      "wipe", .choice(\.wipe),
      "how the old contents of a disk are removed: discarded, overwritten with zeros, or not at all",
      "\"discard\", \"zero\" or \"none\""),
    Key(
      "layout", .choice(\.layout),
      "how the root disk is divided: \"none\" makes it one filesystem, whose kernel the host starts; \"gpt\" a whole disk "
        + "that boots by itself; \"auto\" goes by whether the host starts a kernel", "\"auto\", \"none\" or \"gpt\""),
    Key(
      "boot", .list(\.boot, of: .words) { Configuration.Firmware(rawValue: $0) != nil },
      "the firmware that a whole disk boots under", "a list of \"bios\" and \"uefi\""),
  ]

  private static let disks =
    [
      Key(
        "swap", .flag(\.swap),
        "whether the second disk becomes swap; unset: if the host says so, as with version 5 of the interface",
        "true or false", example: .flag(true))
    ]
    + Configuration.furtherDisks.map { index in
      let others = index == 1 ? " (and so on to disk_\(Configuration.furtherDisks.upperBound))" : ""
      return Key(
        "disk_\(index)", .role(\.diskRoles[index]), "what disk \(index) is for\(others); unset: it stays as it is",
        "\"swap\", \"none\", \"seed\", or \"data:\" and where the guest mounts it, such as \"data:/srv\"",
        example: .text("data:/srv"), isRepeated: index > 1)
    }
    + [
      Key(
        "reinstall_keep", .list(\.reinstallKeep, of: .words, Rules.isKeptPath),
        "files and folders of the guest that a reinstallation keeps",
        "a list of absolute paths, with * and ? in their last part only")
    ]

  private static let accounts = [
    Key(
      "root_password_hash", .text(\.rootPasswordHash, Rules.isPasswordHash),
      "the hash of root's password; unset: no password is accepted",
      "a hash as crypt(3) makes it, for example by: openssl passwd -6",
      example: .text("$6$…"), isSecret: true),
    Key(
      "ssh_keys", .list(\.sshKeys, of: .lines, Rules.isSSHKey),
      "the public keys that may log in by ssh, as user, or as root where user is unset",
      "a list of lines as in authorized_keys(5)", isSecret: true),
    Key(
      "user", .text(\.user, Rules.isUserName),
      "the login of an administrator in the guests, who becomes root by sudo without a password; unset: only root has one",
      "a name of up to 32 lower-case letters, digits, hyphens and underscores, other than root", example: .text("admin")
    ),
    Key(
      "user_password_hash", .text(\.userPasswordHash, Rules.isPasswordHash),
      "the hash of user's password; unset: no password is accepted",
      "a hash as crypt(3) makes it, for example by: openssl passwd -6", example: .text("$6$…"), isSecret: true),
    Key(
      "root_login", .flag(\.rootLogin), "whether ssh_keys may log in as root too where user is set; unset: no",
      "true or false", example: .flag(true)),
    Key(
      "timezone", .text(\.timezone, Rules.isTimezone), "the guests' time zone; unset: the default of the release",
      "a name of the zone database such as \"Europe/Zurich\"", example: .text("Etc/UTC")),
    Key("locale", .text(\.locale, Rules.isLocale), "the guests' locale", "a locale such as \"C.UTF-8\""),
  ]

  private static let seeds = [
    Key(
      "configure", .choice(\.configure),
      "how a guest that was not made here is told its name: \"files\" in its own files, \"seed\" by a seed for its "
        + "cloud-init, \"none\" not at all; \"auto\" goes by what is in it",
      "\"auto\", \"files\", \"seed\" or \"none\""),
    Key(
      "identity", .choice(\.identity),
      "whether an imported guest stays the machine that it was (\"restore\") or becomes another one (\"clone\"); unset: "
        + "the first under its own name, the second under another", "\"clone\" or \"restore\"",
      example: .text("restore")),
    Key(
      "clean", .list(\.clean, of: .words) { Configuration.Cleaning(rawValue: $0) != nil },
      "what a guest that becomes another machine does without besides: the logs and the journal, the records of logins, the "
        + "histories of shells, mail, the caches of packages, temporary files, crash dumps",
      "a list of \"logs\", \"logins\", \"history\", \"mail\", \"caches\", \"tmp\" and \"crashes\""),
    Key(
      "user_data", .text(\.userData, Rules.isUserData),
      "what the seed has cloud-init do besides, over all that guestsmith says",
      "an absolute path or a URL, which this machine reads, or the text itself from #cloud-config or the like on",
      example: .text("/etc/guestsmith/user-data"), isSecret: true),
  ]

  private static let security = [
    Key(
      "sandbox", .choice(\.sandbox),
      "whether the programs that read a guest can reach nothing else: \"auto\" as far as this machine can confine them, "
        + "\"required\" or refuse to work", "\"auto\", \"required\" or \"off\"", isParameter: false)
  ]

  private static let dumps = [
    Key("compression", .choice(\.compression), "how dumps are compressed", "\"zstd\" or \"none\""),
    Key(
      "compression_level", .integer(\.compressionLevel) { (1...19).contains($0) }, "zstd's level",
      "a number from 1 to 19"),
    Key(
      "threads", .integer(\.threads) { (0...256).contains($0) }, "how many threads compress; 0: one for each processor",
      "a number from 0 to 256"),
  ]
}
