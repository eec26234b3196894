// SPDX-License-Identifier: Apache-2.0
import Report

/// The files of a guest that change when its name does: first worked out whole, then written.
struct NameChange {
  /// New contents by path. A change that was interrupted is one that did not take place, and can be repeated.
  private(set) var files: [(path: ByteString, bytes: [UInt8])] = []
  /// Those of them that configure the network.
  private var ofNetwork: Set<ByteString> = []
  /// Files of ours that the new network does not have.
  private var removed: [ByteString] = []
  /// The network of a guest that came out of an image, where it is not the one that it has.
  private var renewed: (renderer: NetworkRenderer, network: GuestNetwork)?
  /// Files of the guest's administrator that name an address which the guest had.
  private(set) var told: [ByteString] = []
  /// What else stays as it is, and why, a line for each.
  private(set) var notes: [String] = []
  /// The release file with its changes, where the guest has one.
  var release: ReleaseFile?
  private let oldRelease: ReleaseFile?

  /// - Parameters:
  ///   - network: one with fixed addresses replaces the network of a guest whose network is ours; of any other only the
  ///     MAC addresses count.
  ///   - isRenewed: whether the network replaces that one whatever it says: where the guest is a new one, made of another.
  ///   - instanceID: what a seed among the files calls the instance from now on; nil changes nothing.
  init(
    from old: GuestName, to new: GuestName, network: GuestNetwork?, release: ReleaseFile?, isRenewed: Bool = false,
    instanceID: UUID? = nil, in guest: some GuestFiles
  ) throws(Failure) {
    self.release = release
    oldRelease = release
    var addresses: OldAddresses?
    if let network { addresses = try change(to: network, isRenewed: isRenewed, in: guest) }
    let address = addresses.map { Hosts.Readdress(old: $0.ofName, new: network?.nameAddress) }
    let notesOfNetwork = notes
    if let found = try read(Hosts.path, limit: Hosts.largest, of: guest) {
      add(Hosts.path, found, Hosts.renaming(found, from: old, to: new, address: address))
    }
    if let found = try read(Mailname.path, of: guest) {
      add(Mailname.path, found, Mailname.renaming(found, from: old, to: new))
    }
    if release == nil { _ = try read(ReleaseFile.path, of: guest) }
    let others = try release?.otherNameFiles() ?? []
    let filled = try new == old || Hosts.isOfLoopback(old) ? [] : renameTemplates(from: old, to: new, in: guest)
    for path in others where !Hosts.isOfLoopback(old) && !filled.contains(path) {
      guard let found = try read(path, of: guest) else { continue }
      add(path, found, found.renamed(from: old, to: new))
    }
    if new != old || instanceID != nil, let found = try read(Seed.metaDataPath, of: guest) {
      let metaData = SeedMetaData(reading: found)
      let renamed = metaData.renamed(new, instanceID: instanceID?.description)
      if metaData.names(old) { add(Seed.metaDataPath, found, renamed.bytes) }
    }
    self.release?.instance = new.full
    if let addresses { told = try addresses.files(in: guest, but: files.map(\.path) + removed) }
    if new != old, let found = try read(Hostname.path, of: guest) {
      add(Hostname.path, found, Hostname.renaming(found, to: new))
    }
    if new == old, addresses == nil { notes = notesOfNetwork }
  }

  /// What `body` reads of a file that may have the guest's name in it; nil where it can't be read: it stays, which is noted.
  static func reading<Content>(
    _ path: ByteString, noting notes: inout [String], _ body: () throws(Failure) -> Content
  ) throws(Failure) -> Content? {
    do throws(Failure) { return try body() } catch {
      guard error.code == .guest else { throw error }
      let line = "\(path) stays as it is, and may have the old name: \(error.message)"
      if !notes.contains(line) { notes.append(line) }
      return nil
    }
  }

  private mutating func read(
    _ path: ByteString, limit: Int = 1 << 20, of guest: some GuestFiles
  ) throws(Failure) -> [UInt8]? {
    try Self.reading(path, noting: &notes) { () throws(Failure) -> [UInt8]? in
      try guest.read(path, limit: limit)
    } ?? nil
  }

  /// - Returns: the addresses that the guest had, where it gets others.
  private mutating func change(
    to network: GuestNetwork, isRenewed: Bool, in guest: some GuestFiles
  ) throws(Failure) -> OldAddresses? {
    let ours = try Network.paths(in: guest)
    guard let renderer = try ours.isEmpty ? NetworkRenderer.own(in: guest) : NetworkRenderer.networkd else {
      // What was ours may be its administrator's by now.
      if network.nameAddress != nil, !isRenewed {
        let files = NetworkRenderer.allCases.flatMap { (try? $0.files(for: network)) ?? [] }
        if try noteForeign(among: files, in: guest).isEmpty {
          notes.append("the network in the guest's files stays as it is: guestsmith did not write it")
        }
      }
      return nil
    }
    guard network.nameAddress != nil || isRenewed else {
      if !ours.isEmpty {
        try rematch(network, ours, in: guest)
      } else {
        for file in try NetworkRenderer.rematching(network, in: guest) {
          addOfNetwork(file.path, file.found, file.changed)
        }
      }
      return nil
    }
    let old = try OldAddresses(of: release, in: guest, replacedBy: network)
    let written =
      try ours.isEmpty ? renew(network, by: renderer, in: guest) : replaceNetwork(ours, by: network, in: guest)
    if !isRenewed { try renewResolver(network, by: renderer, in: guest) }
    // Its administrator says which address the interface has that the guest's name goes by.
    if let address = network.nameAddress.flatMap({ IPAddress($0) }) {
      let addresses = written.flatMap { NetworkRenderer.addresses(inFile: $0.bytes) }
      guard addresses.contains(where: { IPAddress($0) == address }) else { return nil }
    }
    self.release?.address = network.signature
    return old
  }

  /// In the places of which of these files is what is not ours: it stays, which is noted.
  private mutating func noteForeign(
    among files: [NetworkRenderer.File], in guest: some GuestFiles
  ) throws(Failure) -> [ByteString] {
    let found = try NetworkRenderer.foreign(files, in: guest)
    if !found.isEmpty {
      let places = Words.list(found.map(\.description))
      notes.append("these are in the place of files of ours, and stay as they are: \(places)")
    }
    return found
  }

  /// - Returns: the files that follow by this.
  private mutating func renameTemplates(
    from old: GuestName, to new: GuestName, in guest: some GuestFiles
  ) throws(Failure) -> [ByteString] {
    guard let found = try guest.readLeniently(TemplateRecord.path) else { return [] }
    var record = TemplateRecord(parsing: found)
    // Those are changed in their own way.
    let others = Set(files.map(\.path) + [Hostname.path])
    let changes = try record.rename(from: old, to: new, in: guest, but: others)
    if !changes.isEmpty { add(TemplateRecord.path, found, record.render()) }
    for change in changes { add(change.path, change.found, change.changed) }
    if new.domain == nil {
      for entry in record.entries where entry.hasDomain && changes.contains(where: { $0.path == entry.path }) {
        notes.append("\(entry.path) keeps the domain of \(old.full): \(new.full) has one part")
      }
    }
    return changes.map(\.path)
  }

  /// - Returns: the files that are ours with it.
  private mutating func replaceNetwork(
    _ ours: [ByteString], by network: GuestNetwork, in guest: some GuestFiles
  ) throws(Failure) -> [NetworkRenderer.File] {
    let all = NetworkdFiles.files(
      for: network, knowsPermanentAddress: try Networkd.knowsPermanentAddress(guest))
    let foreign = try noteForeign(among: all, in: guest)
    let new = all.filter { !foreign.contains($0.path) }
    for file in new { addOfNetwork(file.path, try guest.read(file.path) ?? [], file.bytes) }
    removed = ours.filter { path in !new.contains { $0.path == path } }
    return new
  }

  /// The same, by whatever else configures the guest's network.
  private mutating func renew(
    _ network: GuestNetwork, by renderer: NetworkRenderer, in guest: some GuestFiles
  ) throws(Failure) -> [NetworkRenderer.File] {
    let all =
      renderer == .netplan
      ? NetplanFile.files(for: network, isForNetworkManager: try NetplanFile.isForNetworkManager(in: guest))
      : try renderer.files(for: network)
    let foreign = try noteForeign(among: all, in: guest)
    let files = all.filter { !foreign.contains($0.path) }
    // An interface may have come to be without an address.
    if try renderer.ownFiles(in: guest).contains(where: { path in !files.contains { $0.path == path } }) {
      renewed = (renderer, network)
    }
    for file in files where renewed == nil {
      let found = try guest.read(file.path) ?? []
      // Of Alpine ours is a part of it.
      let isThere = found == file.bytes || found.containsBytes(file.bytes)
      if !isThere { renewed = (renderer, network) }
    }
    return files
  }

  /// The file of name servers, where it is ours or missing.
  private mutating func renewResolver(
    _ network: GuestNetwork, by renderer: NetworkRenderer, in guest: some GuestFiles
  ) throws(Failure) {
    let path = NetworkRenderer.resolverPath
    guard let text = try renderer.resolverFile(for: network, in: guest) else { return }
    let kind = try guest.kind(path)
    let found = kind == .file ? try guest.readLeniently(path) ?? [] : []
    guard kind == nil || kind == .file && found.starts(with: NetworkRenderer.mark.utf8) else {
      notes.append(
        "\(path) stays as it is, whatever name servers it has: it does not begin as one that guestsmith writes")
      return
    }
    add(path, found, Array(text.utf8))
  }

  /// Has files of ours go by the MAC addresses that the interfaces have here, or by their order where the host does not
  /// tell those.
  private mutating func rematch(
    _ network: GuestNetwork, _ ours: [ByteString], in guest: some GuestFiles
  ) throws(Failure) {
    var marked: [GuestNetwork.Interface] = []
    for interface in network.interfaces {
      let path = Network.path(ofInterface: interface.index)
      guard ours.contains(path), let found = try guest.read(path) else { continue }
      let changed = Network.rematching(found, to: interface.match)
      if changed != found, case .order = interface.match { marked.append(interface) }
      addOfNetwork(path, found, changed)
    }
    guard let rules = NetworkdFiles.rules(marking: marked), try noteForeign(among: [rules], in: guest).isEmpty else {
      return
    }
    addOfNetwork(rules.path, try guest.read(rules.path) ?? [], rules.bytes)
  }

  var isEmpty: Bool { files.isEmpty && removed.isEmpty && renewed == nil && release == oldRelease }

  /// The network and the release file, which tell the address that goes, come behind the files that have it, and `/etc/hostname`, which
  /// tells the name, is the last.
  func apply(to guest: some GuestFiles) throws(Failure) {
    let guest = WatchedFiles(guest)
    func write(where isMeant: (ByteString) -> Bool) throws(Failure) {
      for file in files where isMeant(file.path) { try guest.write(file.path, file.bytes, mode: 0o644) }
    }
    try write { $0 != Hostname.path && !ofNetwork.contains($0) }
    for path in removed { try guest.remove(path) }
    if let renewed { try renewed.renderer.apply(renewed.network, leavesResolver: true, to: guest) }
    try write { ofNetwork.contains($0) }
    if let release, release != oldRelease {
      try guest.write(ReleaseFile.path, release.render(), mode: 0o644)
    }
    try write { $0 == Hostname.path }
  }

  private mutating func addOfNetwork(_ path: ByteString, _ found: [UInt8], _ changed: [UInt8]) {
    add(path, found, changed)
    ofNetwork.insert(path)
  }

  private mutating func add(_ path: ByteString, _ found: [UInt8], _ changed: [UInt8]) {
    if changed != found { files.append((path, changed)) }
  }
}

extension [UInt8] {
  fileprivate func containsBytes(_ part: [UInt8]) -> Bool {
    !part.isEmpty && part.count <= count
      && (0...(count - part.count)).contains { self[$0..<($0 + part.count)].elementsEqual(part) }
  }
}
