// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// What apt or mmdebstrap, and apt and dpkg under that, say: how far they are, and in the end why they failed.
struct BootstrapLog {
  /// Ganeti shows a user the last 20 lines of all.
  private static let keptLines = 12
  private static let lineLimit = 240
  /// What goes well begins with one of these.
  private static let noise = [
    "I: ", "Get:", "Hit:", "Ign:", "Reading ", "(Reading ", "Building ", "Selecting ", "Preparing ", "Unpacking ",
    "Setting up ", "Processing ", "Fetched ", "Need to get ", "After this operation",
  ]

  private let program: String
  private let progress: StepProgress
  /// Without credentials, as everything that is shown.
  private var last: [String] = []
  private var packages: UInt64 = 0
  private var announced: UInt64 = 0

  init(program: String, progress: StepProgress) {
    self.program = program
    self.progress = progress
    progress.expect(0, .count(of: "packages"))
  }

  /// Reads `pipe` to its end.
  mutating func follow(_ pipe: borrowing Descriptor, copyTo file: borrowing Descriptor) throws(Failure) {
    var line: [UInt8] = []
    while true {
      let piece = try [UInt8](upTo: 65536) { buffer throws(Failure) in try pipe.read(into: buffer) }
      if piece.isEmpty { break }
      try file.writeAll(piece)
      for byte in piece {
        guard byte == UInt8(ascii: "\n") else {
          line.append(byte)
          continue
        }
        read(line)
        line = []
      }
    }
    if !line.isEmpty { read(line) }
    progress.detail("\(packages) packages")
  }

  /// Takes lines that are there already.
  mutating func read(_ text: String) {
    for line in text.split(separator: "\n") { read(Array(line.utf8)) }
  }

  private mutating func read(_ bytes: [UInt8]) {
    // A carriage return begins the line anew.
    let visible = bytes.split(separator: UInt8(ascii: "\r")).last ?? []
    let line = removingCredentials(String(decoding: visible, as: UTF8.self))
    guard !line.allSatisfy(\.isWhitespace) else { return }
    if !Self.noise.contains(where: { line.hasPrefix($0) }) {
      last.append(line.count > Self.lineLimit ? line.prefix(Self.lineLimit) + "…" : line)
      if last.count > Self.keptLines { last.removeFirst() }
    }
    if line.hasPrefix("Setting up ") {
      packages += 1
      progress.advance(by: 1)
    } else if let count = Self.announcedPackages(line) {
      // apt is called twice, for the essential packages and for the rest: only then is the whole known.
      let all = announced.saturatingAdding(count)
      if announced > 0 { progress.expect(all, .count(of: "packages")) }
      announced = all
    }
  }

  /// The number in apt's `0 upgraded, 69 newly installed, 0 to remove and 0 not upgraded.`
  private static func announcedPackages(_ line: String) -> UInt64? {
    let words = line.split(separator: " ")
    guard words.count > 4, words[1] == "upgraded,", words[3] == "newly", words[4] == "installed," else { return nil }
    return UInt64(words[2])
  }

  /// Each on a line of its own, without control characters.
  var lastLines: String { (last.isEmpty ? ["(it said nothing)"] : last).map { "\n    " + $0.escaped }.joined() }

  /// Why it failed, and what to do about it.
  func failure(_ status: ExitStatus, mirrors: [String]) -> Failure {
    let how =
      switch status {
      case .exited(let code): "failed with exit status \(code)"
      case .signalled, .stopped: "\(status)"
      }
    let words = last.joined(separator: "\n")
    let remedy = BootstrapRemedy.all.first { remedy in remedy.words.contains { words.contains($0) } }
    return Failure(
      .tool, "\(program) \(how); its last words:\(lastLines)",
      remedy: remedy?.text.replacing("MIRRORS", with: mirrors.joined(separator: ", ")))
  }
}

/// What to do about a failure of a bootstrap, by the words of apt, dpkg and the system in it. The first that fits counts.
private struct BootstrapRemedy {
  let words: [String]
  let text: String

  private static let signed =
    "name the key of the mirror with Signed-By in apt's sources, or install its keyring package"

  private static let ended =
    "a release that has ended is at http://archive.debian.org/debian or http://old-releases.ubuntu.com/ubuntu"

  static let all = [
    Self(
      words: ["Unable to locate package", "has no installation candidate"],
      text:
        "correct packages or kernel in the configuration, or the components and the sources that they are looked up in"),
    Self(
      words: ["401  Unauthorized", "401 Unauthorized"],
      text: "put the login for it into a file in /etc/apt/auth.conf.d, as apt_auth.conf(5) says"),
    Self(
      words: ["Proxy Authentication Required"],
      text:
        "put the login for the proxy into Acquire::http::Proxy, in a file in /etc/apt/apt.conf.d that root alone may read"
    ),
    Self(
      words: ["Certificate verification failed", "Could not load certificates", "certificate is NOT trusted"],
      text: "copy the certificate of its authority to /usr/local/share/ca-certificates/NAME.crt and run"
        + " update-ca-certificates, or name it with Acquire::https::CAInfo in apt's configuration"),
    Self(
      words: ["does not have a Release file"],
      text: "correct suite or mirror in the configuration, or apt's sources: the release is not at MIRRORS; \(ended)"),
    Self(
      words: ["NO_PUBKEY", "EXPKEYSIG", "The key(s) in the keyring"],
      text: signed),
    Self(words: ["There were unauthenticated packages"], text: "write Trusted: yes into the entry of apt's sources"),
    Self(
      words: ["Conflicts: time-daemon"],
      text: "name one time service in packages of the configuration, such as chrony where another package needs that"),
    Self(
      words: ["unmet dependencies", "unable to correct problems"],
      text: "correct packages in the configuration, or apt's preferences on this machine"),
    Self(
      words: ["No space left on device"], text: "make room, or name another folder with cache in the configuration"),
    Self(
      words: ["404  Not Found", "404 Not Found"],
      text: "use another mirror, or wait until MIRRORS has all that its lists name; \(ended)"),
    Self(
      words: [
        "Failed to fetch", "Could not resolve", "Temporary failure resolving", "Could not connect", "Unable to connect",
        "Connection failed", "Connection timed out", "Some index files failed to download",
      ], text: "check that this machine reaches MIRRORS, and that apt-get update works"),
    Self(words: ["is not signed"], text: signed),
    Self(
      words: ["dpkg: error processing"],
      text: "take the package that could not be configured out of packages in the configuration"),
  ]
}
