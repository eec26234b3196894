// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// What mmdebstrap, and apt and dpkg under it, say: how far they are, and in the end why they failed.
struct BootstrapLog {
  /// Ganeti shows a user the last 20 lines of all.
  private static let keptLines = 12
  private static let lineLimit = 240
  /// What goes well begins with one of these.
  private static let noise = [
    "I: ", "Get:", "Hit:", "Ign:", "Reading ", "(Reading ", "Building ", "Selecting ", "Preparing ", "Unpacking ",
    "Setting up ", "Processing ", "Fetched ", "Need to get ", "After this operation",
  ]

  private let progress: StepProgress
  /// Without credentials, as everything that is shown.
  private var last: [String] = []
  private var packages: UInt64 = 0
  private var announced: UInt64 = 0

  init(progress: StepProgress) {
    self.progress = progress
    progress.expect(0, .count(of: "packages"))
  }

  /// Reads `pipe` to its end.
  mutating func follow(_ pipe: borrowing Descriptor, copyTo file: borrowing Descriptor) throws(Failure) {
    var buffer = [UInt8](repeating: 0, count: 65536)
    var line: [UInt8] = []
    while true {
      let count: Int
      do {
        count = try buffer.withUnsafeMutableBytes { try pipe.read(into: $0) }
      } catch {
        throw Failure(wrapping: error)
      }
      if count == 0 { break }
      try file.writeAll(Array(buffer[..<count]))
      for byte in buffer[..<count] {
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
      if announced > 0 { progress.expect(announced + count, .count(of: "packages")) }
      announced += count
    }
  }

  /// The number in apt's `0 upgraded, 69 newly installed, 0 to remove and 0 not upgraded.`
  private static func announcedPackages(_ line: String) -> UInt64? {
    let words = line.split(separator: " ")
    guard words.count > 4, words[1] == "upgraded,", words[3] == "newly", words[4] == "installed," else { return nil }
    return UInt64(words[2])
  }

  /// Why it failed, and what to do about it.
  func failure(_ status: ExitStatus, mirrors: [String]) -> Failure {
    let how =
      switch status {
      case .exited(let code): "failed with exit status \(code)"
      case .signalled, .stopped: "\(status)"
      }
    let lines = (last.isEmpty ? ["(it said nothing)"] : last).map { "\n    " + $0.escaped }.joined()
    return Failure(
      .tool, "mmdebstrap \(how); its last words:\(lines)", remedy: remedy(for: last.joined(separator: "\n"), mirrors))
  }

  private func remedy(for words: String, _ mirrors: [String]) -> String {
    func says(_ some: String...) -> Bool { some.contains { words.contains($0) } }
    if says("Unable to locate package", "has no installation candidate") {
      return "correct packages or kernel in the configuration, or the components that they are looked up in"
    }
    if says("does not have a Release file") {
      return "correct suite or mirror in the configuration: the release is not at the mirror"
    }
    if says("NO_PUBKEY", "is not signed", "EXPKEYSIG", "The key(s) in the keyring") {
      return "name the key of the mirror with Signed-By in apt's sources, or install its keyring package"
    }
    if says("/etc/subuid", "/etc/subgid", "newuidmap", "newgidmap") {
      let user = getenv("USER").map { String(cString: $0) } ?? "NAME"
      return "install uidmap, and as root run"
        + " usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(user)"
    }
    if says("unshare failed: Operation not permitted", "unshare failed: No space left") {
      return "allow this user to make namespaces, or run as root"
    }
    if says("No space left on device") { return "make room, or name another folder with cache in the configuration" }
    return "check that this machine reaches \(mirrors.joined(separator: ", ")), and that apt-get update works"
  }
}

extension Failure {
  /// What a closure threw, whose type the language has lost on the way.
  init(wrapping error: any Error) {
    self = error as? Failure ?? Failure(.io, "\(error)")
  }
}
