// SPDX-License-Identifier: Apache-2.0
import Guest
import Report

/// A guest's files in memory: owners, modes, links that stay inside, nothing else.
final class MemoryGuest: GuestFiles {
  indirect enum Node: Equatable {
    case file([UInt8])
    case directory
    case link(ByteString)
  }

  struct Entry: Equatable {
    var node: Node
    var mode: UInt16
    var uid: UInt32 = 0
    var gid: UInt32 = 0
  }

  private(set) var entries: [ByteString: Entry] = ["/": Entry(node: .directory, mode: 0o755)]
  /// Every path that was written, linked or removed, in order.
  private(set) var changes: [ByteString] = []

  init(_ files: [ByteString: String] = [:], links: [ByteString: ByteString] = [:]) {
    for (path, text) in files { put(path, Array(text.utf8)) }
    for (path, target) in links { putLink(path, target) }
  }

  func put(_ path: ByteString, _ bytes: [UInt8], mode: UInt16 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0) {
    makeParents(of: path)
    entries[path] = Entry(node: .file(bytes), mode: mode, uid: uid, gid: gid)
  }

  func putLink(_ path: ByteString, _ target: ByteString) {
    makeParents(of: path)
    entries[path] = Entry(node: .link(target), mode: 0o777)
  }

  func text(_ path: ByteString) -> String? {
    guard let path = try? resolve(path), case .file(let bytes)? = entries[path]?.node else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  func target(_ path: ByteString) -> ByteString? {
    if case .link(let target)? = entries[path]?.node { target } else { nil }
  }

  func read(_ path: ByteString, limit: Int) throws(Failure) -> [UInt8]? {
    guard let path = try resolve(path) else { return nil }
    guard let entry = entries[path] else { return nil }
    guard case .file(let bytes) = entry.node else { throw Failure(.guest, "\(path) is not a file") }
    guard bytes.count <= limit else { throw Failure(.guest, "\(path) has \(bytes.count) bytes, more than \(limit)") }
    return bytes
  }

  func write(_ path: ByteString, _ bytes: [UInt8], mode: UInt16) throws(Failure) {
    guard let resolved = try resolve(path) else { throw Failure(.guest, "\(path) leads nowhere") }
    changes.append(path)
    if let entry = entries[resolved] {
      guard case .file = entry.node else { throw Failure(.guest, "\(path) is not a file") }
      entries[resolved]?.node = .file(bytes)
    } else {
      put(resolved, bytes, mode: mode)
    }
  }

  func remove(_ path: ByteString) throws(Failure) {
    guard let path = try resolve(path, last: false), entries[path] != nil else { return }
    changes.append(path)
    entries[path] = nil
  }

  func list(_ directory: ByteString) throws(Failure) -> [ByteString] {
    guard let directory = try resolve(directory) else { return [] }
    let prefix: ByteString = directory == "/" ? "/" : "\(directory)/"
    return entries.keys.filter { $0.hasPrefix(prefix) && $0 != "/" }
      .map { ByteString($0.bytes.dropFirst(prefix.bytes.count)) }.filter { !$0.contains("/") }.sorted()
  }

  func link(_ path: ByteString, to target: ByteString) throws(Failure) {
    guard let resolved = try resolve(path, last: false) else { throw Failure(.guest, "\(path) leads nowhere") }
    changes.append(path)
    putLink(resolved, target)
  }

  func makeDirectory(_ path: ByteString) throws(Failure) {
    guard let resolved = try resolve(path) else { throw Failure(.guest, "\(path) leads nowhere") }
    makeParents(of: "\(resolved)/.")
  }

  func kind(_ path: ByteString) throws(Failure) -> FileKind? { kind(at: try resolve(path, last: false)) }

  func kind(following path: ByteString) throws(Failure) -> FileKind? { kind(at: try resolve(path)) }

  private func kind(at resolved: ByteString?) -> FileKind? {
    switch resolved.flatMap({ entries[$0] })?.node {
    case nil: nil
    case .file: .file
    case .directory: .directory
    case .link: .symbolicLink
    }
  }

  func setOwnerAndMode(_ path: ByteString, uid: UInt32, gid: UInt32, mode: UInt16) throws(Failure) {
    guard let path = try resolve(path), entries[path] != nil else { throw Failure(.guest, "no \(path)") }
    entries[path]?.uid = uid
    entries[path]?.gid = gid
    entries[path]?.mode = mode
  }

  private func makeParents(of path: ByteString) {
    let parts = path.split(separator: "/").dropLast()
    var parent: ByteString = ""
    for part in parts {
      parent = "\(parent)/\(part)"
      if entries[parent] == nil { entries[parent] = Entry(node: .directory, mode: 0o755) }
    }
  }

  /// The path without links; nothing where a link on the way dangles.
  private func resolve(_ path: ByteString, last: Bool = true) throws(Failure) -> ByteString? {
    var rest = path.split(separator: "/")
    var done: [ByteString] = []
    var links = 0
    while !rest.isEmpty {
      let part = rest.removeFirst()
      if part == "." { continue }
      if part == ".." {
        _ = done.popLast()
        continue
      }
      done.append(part)
      guard case .link(let target)? = entries["/" + done.joined(separator: "/")]?.node, last || !rest.isEmpty else {
        continue
      }
      links += 1
      guard links < 40 else { throw Failure(.guest, "too many links at \(path)") }
      done.removeLast()
      if target.hasPrefix("/") { done = [] }
      rest = target.split(separator: "/") + rest
    }
    return "/\(done.joined(separator: "/"))"
  }
}

extension MemoryGuest {
  /// What mmdebstrap leaves of a Debian 12, as far as an identity touches it.
  static func debian() -> MemoryGuest {
    let guest = MemoryGuest(
      [
        "/usr/lib/systemd/systemd": "", "/usr/lib/systemd/systemd-networkd": "",
        "/usr/lib/systemd/systemd-resolved": "", "/usr/bin/ssh-keygen": "",
        "/usr/share/zoneinfo/Europe/Zurich": "", "/usr/lib/locale/C.utf8/LC_CTYPE": "",
        "/etc/fstab": "# UNCONFIGURED\n",
        "/etc/machine-id": "0123456789abcdef0123456789abcdef\n", "/etc/ssh/moduli": "",
        "/etc/ssh/ssh_host_rsa_key": "s",
        "/etc/ssh/ssh_host_rsa_key.pub": "p", "/etc/ssh/ssh_host_ed25519_key": "s", "/etc/ssh/sshd_config": "",
        "/var/lib/dbus/machine-id": "fedcba98\n", "/var/lib/systemd/random-seed": "x", "/etc/passwd": "root:x:0:0:\n",
      ],
      links: [
        "/etc/systemd/system/sysinit.target.wants/systemd-resolved.service":
          "/lib/systemd/system/systemd-resolved.service",
        "/lib": "usr/lib", "/etc/localtime": "/usr/share/zoneinfo/Etc/UTC",
        "/etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf",
      ])
    guest.put(
      "/etc/shadow", Array("root:*:20780:0:99999:7:::\ndaemon:*:20780:0:99999:7:::\n".utf8), mode: 0o640, gid: 42)
    guest.put("/etc/hostname", Array("ci\n".utf8), mode: 0o755)
    return guest
  }
}

func isGuestFailure(_ words: String...) -> (any Error) -> Bool {
  { error in
    guard let failure = error as? Failure, failure.code == .guest else { return false }
    return words.allSatisfy { failure.description.contains($0) }
  }
}
