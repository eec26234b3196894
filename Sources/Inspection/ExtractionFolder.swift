// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
internal import LinuxIO
internal import Report

/// A folder of this machine in which a guest's files are made anew: by its descriptor and single names, so that neither
/// a name nor a link leads out of it.
struct ExtractionFolder: ~Copyable {
  let folder: Folder
  /// From the folder that everything goes into, each name with a slash behind it.
  private let place: ByteString

  init(_ folder: consuming Folder, place: ByteString = "") {
    self.folder = folder
    self.place = place
  }

  /// Where a name in this folder is, from the folder that everything goes into.
  func place(of name: ByteString) -> ByteString { place + name }

  /// Refuses a guest's name that is more than a single one.
  func refusePath(_ name: ByteString) throws(Failure) {
    let isPlain = !name.isEmpty && !name.contains("\0") && !name.contains("/") && name != "." && name != ".."
    guard isPlain else {
      throw Failure(.guest, "the guest has a file with the name \(name.quoted), which no file can have")
    }
  }

  func makeFolder(_ name: ByteString) throws(Failure) -> ExtractionFolder {
    let made = try folder.makeFolder(name)
    guard try made.names().isEmpty else { throw replaced(name) }
    return ExtractionFolder(made, place: "\(place(of: name))/")
  }

  /// Makes another name of a file; false where what has its first name by now is something else.
  func makeName(_ name: ByteString, of file: MadeFile, in target: DescriptorView) throws(Failure) -> Bool {
    do throws(Failure) {
      try folder.makeName(name, of: file.place, below: target)
    } catch {
      guard error.errorNumber != EEXIST else { throw error }
      return false
    }
    if folder.identity(of: name) == file.identity { return true }
    try folder.removeName(name)
    return false
  }

  func makeFile(_ name: ByteString) throws(Failure) -> Descriptor { try folder.makeFile(name) }

  func makeLink(_ name: ByteString, to target: ByteString) throws(Failure) -> Descriptor {
    try folder.makeLink(name, to: target)
    let link = try openMade(name)
    guard link.linkTarget() == target else { throw replaced(name) }
    return link
  }

  /// A device, a pipe or a socket.
  func makeSpecial(_ name: ByteString, _ attributes: FileAttributes) throws(Failure) -> Descriptor {
    let number = deviceNumber(major: attributes.major, minor: attributes.minor)
    try folder.makeSpecial(name, attributes.kind, device: number)
    let made = try openMade(name)
    let status = try made.status()
    guard status.st_mode & ~0o600 == mode_t(attributes.kind.mode), status.st_rdev == dev_t(number),
      status.st_nlink == 1, status.st_uid == geteuid()
    else { throw replaced(name) }
    return made
  }

  /// What was just made, of a kind that cannot be opened: between the two calls whoever may write to the folder can put
  /// something else there.
  private func openMade(_ name: ByteString) throws(Failure) -> Descriptor {
    try Descriptor(naming: name, in: folder.descriptor)
  }

  private func replaced(_ name: ByteString) -> Failure {
    Failure(
      .io, "another process replaced \(folder.path)/\(name) while it was made",
      remedy: "name a folder with --to that others cannot write to")
  }
}

/// A file that has several names, by the first of them.
struct MadeFile {
  let place: ByteString
  let identity: FileIdentity

  init(_ file: borrowing Descriptor, place: ByteString) throws(Failure) {
    self.place = place
    identity = try file.status().identity
  }
}

extension Descriptor {
  /// Gives what was just made what the guest says of it, as far as it is asked for.
  ///
  /// - Returns: how many of the extended attributes its filesystem does not take.
  borrowing func take(
    _ attributes: FileAttributes, _ extended: [ExtendedAttribute], preserving: Bool
  ) throws(Failure) -> Int {
    if preserving { try setOwner(attributes.uid, attributes.gid) }
    // After the owner, whose change takes the set-id bits away.
    if attributes.kind != .symbolicLink {
      try setMode(UInt32(attributes.permissions & (preserving ? 0o7777 : 0o777)))
    }
    var lost = 0
    for attribute in extended where try !set(attribute.name, to: attribute.value) { lost += 1 }
    try setTimes(seconds: attributes.seconds, nanoseconds: attributes.nanoseconds)
    return lost
  }
}
