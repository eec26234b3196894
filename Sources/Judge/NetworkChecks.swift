// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage

// What the guest knows of its network interfaces.

extension Trial {
  /// Two interfaces, in networks of their own.
  private static var nics: [Instance.NIC] {
    [("02:00:5e:00:53:10", "192.0.2", true), ("02:00:5e:00:53:11", "198.51.100", false)].enumerated()
      .map { index, told in
        let (mac, network, hasGateway) = told
        var nic = Instance.NIC(mac: mac, uuid: "1c1b25f5-6a1b-4fd8-9a0e-5d7f6c6a0d1\(index)")
        nic.link = "br\(index)"
        nic.ip = "\(network).10"
        nic.network = RequestedNIC.Network(name: "judged\(index)", uuid: "1c1b25f5-6a1b-4fd8-9a0e-5d7f6c6a0e1\(index)")
        nic.network?.subnet = RequestedNIC.Subnet(address: "\(network).0", prefix: 24)
        nic.network?.gateway = hasGateway ? "\(network).1" : nil
        return nic
      }
  }

  func judgeNetwork(_ created: Made<CreatedGuest>) {
    judge(.network, with: created.flatMap(\.written)) { guest throws(Failure) in
      guard version >= 10 else {
        return .notApplicable("version \(version) tells nothing of interfaces")
      }
      let (disk, swap) = (try newDisk("wired"), try newSwap("wired-swap"))
      var instance = instance([disk, swap])
      instance.nics = Self.nics
      let ending = try call(.create(isReinstall: false), instance)
      guard ending.isSuccess else { return .fail("with two interfaces \(ending.words)", ending.evidence) }
      if let problems = try problems(of: disk, like: guest) { return .clean(problems, []) }
      let seed = try SeedFiles(of: disk)
      let content = try disk.filesystem().flatMap { $0.isExt ? $0 : nil }
      guard content != nil || seed.texts["/network-config"] != nil else {
        return .notApplicable(
          "the files of the guest are not read: only the kernel could, and the definition made them")
      }
      let files = try NetworkFiles(of: disk, content, seed)
      let lines = Self.nics.enumerated().map { index, nic in (index, files.line(for: nic, index)) }
      let evidence = lines.map { index, line in "NIC \(index): \(line ?? "in none of the guest's files")" }
      guard lines.contains(where: { $0.1 != nil }) else {
        return .notApplicable(
          "no file of the guest configures an interface: its own programs may ask for addresses", evidence)
      }
      guard let left = lines.first(where: { $0.1 == nil }) else { return .pass(evidence) }
      return .fail("of two interfaces the guest configures one: NIC \(left.0) is in none of its files", evidence)
    }
  }
}

/// Those of a guest that configure interfaces, in the places of the usual programs.
private struct NetworkFiles {
  private var lines: [(path: ByteString, text: Substring)] = []

  private static let files: [ByteString] = [
    "/etc/network/interfaces", "/etc/conf.d/net", "/etc/rc.conf", "/etc/dhcpcd.conf",
    "/var/lib/cloud/seed/nocloud/network-config", "/var/lib/cloud/seed/nocloud-net/network-config",
    "/var/lib/cloud/seed/nocloud/meta-data", "/var/lib/cloud/seed/nocloud-net/meta-data",
  ]
  private static let folders: [ByteString] = [
    "/etc/network/interfaces.d", "/etc/systemd/network", "/etc/netplan", "/etc/NetworkManager/system-connections",
    "/etc/sysconfig/network-scripts", "/etc/sysconfig/network", "/etc/netctl",
  ]

  /// - Parameter content: the guest's filesystem; nil where it is not one that is read.
  init(of disk: ScratchDisk, _ content: DiskContent?, _ seed: SeedFiles) throws(Failure) {
    for path in ["/network-config", "/meta-data"] as [ByteString] {
      lines += seed.texts[path]?.split(whereSeparator: \.isNewline).map { ("seed:\(path)", $0) } ?? []
    }
    guard let content else { return }
    var paths = Self.files
    for folder in Self.folders {
      paths += try disk.withFilesystem(content) { filesystem throws(Failure) in try filesystem.list(folder) }.map {
        "\(folder)/\($0)"
      }
    }
    for path in paths {
      guard let text = try disk.text(path, in: content) else { continue }
      // The name of a file of sysconfig is that of its interface.
      lines.append((path, Substring("\(path)")))
      lines += text.split(whereSeparator: \.isNewline).map { (path, $0) }
    }
  }

  /// The line that configures an interface: by its MAC address, its own address, its name in the kernel's order, or
  /// because it holds for every one.
  func line(for nic: Instance.NIC, _ index: Int) -> String? {
    let names: Set<String> = [nic.mac, nic.ip ?? nic.mac, "eth\(index)"]
    let found = lines.first { line in
      guard !line.text.drop(while: \.isWhitespace).hasPrefix("#") else { return false }
      let words = Self.words(of: line.text)
      if let first = words.first, Self.leadingElsewhere.contains(first) { return false }
      return words.contains(where: Self.isForAll) || Self.parts(of: words).contains { names.contains($0) }
    }
    return found.map { "\($0.path): \($0.text)" }
  }

  /// What a line of interfaces(5) begins with that names other files: those are read by themselves.
  private static let leadingElsewhere = ["source", "source-directory"]

  private static func words(of line: Substring) -> [String] {
    line.lowercased().split { " \t=,;\"'[]{}()".contains($0) }.map(withoutColon)
  }

  /// The words, and what is in them: in `192.0.2.10/24`, and in `ifcfg-eth0`, which is the end of a path.
  private static func parts(of words: [String]) -> [String] {
    words
      + words.flatMap { $0.split(separator: "/") }.map {
        withoutColon($0.hasPrefix("ifcfg-") ? $0.dropFirst(6) : $0)
      }
  }

  private static func withoutColon(_ word: Substring) -> String {
    String(word.hasSuffix(":") ? word.dropLast() : word)
  }

  /// `ether` is a type of systemd.network(5); a pattern, behind a slash in interfaces(5), names those that begin as an
  /// Ethernet interface does.
  private static func isForAll(_ word: String) -> Bool {
    let pattern = word.hasPrefix("/") ? word.dropFirst() : word[...]
    return word == "ether" || ["e*", "en*", "eth*", "*"].contains(pattern)
  }
}
