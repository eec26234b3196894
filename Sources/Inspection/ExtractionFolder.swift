// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
internal import LinuxIO
internal import Report

/// A folder of this machine in which a guest's files are made anew: by its descriptor and single names, so that neither
/// a name nor a link leads out of it.
struct ExtractionFolder: ~Copyable {
  let descriptor: Descriptor
  /// From the folder that everything goes into, each name with a slash behind it.
  private let place: [CChar]

  init(_ descriptor: consuming Descriptor, place: [CChar] = []) {
    self.descriptor = descriptor
    self.place = place
  }

  /// Where a name in this folder is, from the folder that everything goes into.
  func place(of name: [CChar]) -> [CChar] { place + name }

  /// A guest's name as one for the system's calls; refused where it is more than a single name.
  func name(_ name: ByteString) throws(Failure) -> [CChar] {
    let isPlain = !name.isEmpty && !name.contains("\0") && !name.contains("/") && name != "." && name != ".."
    guard isPlain else {
      throw Failure(.guest, "the guest has a file with the name \(name.quoted), which no file can have")
    }
    return name.cString
  }

  func makeFolder(_ name: [CChar]) throws(Failure) -> ExtractionFolder {
    guard mkdirat(descriptor.raw, name, 0o700) == 0 else { throw failure("make the folder", name) }
    let slash = CChar(bitPattern: UInt8(ascii: "/"))
    let made = Folder(owning: try open(name, O_RDONLY | O_DIRECTORY))
    guard try made.names().isEmpty else { throw replaced(name) }
    return ExtractionFolder(made.takeDescriptor(), place: place + name.dropLast() + [slash])
  }

  /// Makes another name of a file; false where what has its first name by now is something else.
  func makeName(_ name: [CChar], of file: MadeFile, in target: DescriptorView) throws(Failure) -> Bool {
    guard linkat(target.raw, file.place, descriptor.raw, name, 0) == 0 else {
      if errno == EEXIST { throw failure("make", name) }
      return false
    }
    var status = stat()
    if fstatat(descriptor.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0, file.isThis(status) { return true }
    guard unlinkat(descriptor.raw, name, 0) == 0 else { throw failure("remove", name) }
    return false
  }

  func makeFile(_ name: [CChar]) throws(Failure) -> Descriptor {
    try open(name, O_WRONLY | O_CREAT | O_EXCL)
  }

  private func open(_ name: [CChar], _ flags: Int32) throws(Failure) -> Descriptor {
    let raw = retrying { openat(descriptor.raw, name, flags | O_CLOEXEC | O_NOFOLLOW, 0o600) }
    guard raw >= 0 else { throw failure("make", name) }
    return Descriptor(owning: raw, name: path(of: name))
  }

  func makeLink(_ name: [CChar], to target: ByteString) throws(Failure) -> Descriptor {
    guard symlinkat(target.cString, descriptor.raw, name) == 0 else { throw failure("make the link", name) }
    let link = try openMade(name)
    guard link.linkTarget() == target else { throw replaced(name) }
    return link
  }

  /// A device, a pipe or a socket.
  func makeSpecial(_ name: [CChar], _ attributes: FileAttributes) throws(Failure) -> Descriptor {
    let type = mode_t(attributes.kind.mode)
    // glibc's makedev: the low parts of both numbers together, the high parts above them.
    let (major, minor) = (UInt64(attributes.major), UInt64(attributes.minor))
    let number = (minor & 0xFF) | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12 | (major & ~0xFFF) << 32
    guard mknodat(descriptor.raw, name, type | 0o600, dev_t(number)) == 0 else {
      throw failure("make", name)
    }
    let made = try openMade(name)
    let status = try made.status()
    guard status.st_mode & ~0o600 == type, status.st_rdev == dev_t(number), status.st_nlink == 1,
      status.st_uid == geteuid()
    else { throw replaced(name) }
    return made
  }

  /// What was just made, of a kind that cannot be opened: between the two calls whoever may write to the folder can put
  /// something else there.
  private func openMade(_ name: [CChar]) throws(Failure) -> Descriptor {
    do {
      return try Descriptor(naming: name, in: descriptor)
    } catch {
      throw failure("find", name)
    }
  }

  private func replaced(_ name: [CChar]) -> Failure {
    Failure(
      .io, "somebody put something else in the place of \(path(of: name)) while it was made",
      remedy: "name a folder with --to that others cannot write to")
  }

  private func failure(_ operation: String, _ name: [CChar]) -> Failure {
    var failure = Failure.system(operation, path(of: name))
    if errno == EEXIST { failure.remedy = "remove it, or name another folder with --to" }
    return failure
  }

  private func path(of name: [CChar]) -> String {
    "\(descriptor.name)/\(ByteString(cString: name))"
  }
}

/// A file that has several names, by the first of them.
struct MadeFile {
  let place: [CChar]
  private let device: dev_t
  private let inode: ino_t

  init(_ file: borrowing Descriptor, place: [CChar]) throws(Failure) {
    let status = try file.status()
    self.place = place
    device = status.st_dev
    inode = status.st_ino
  }

  func isThis(_ status: stat) -> Bool { status.st_dev == device && status.st_ino == inode }
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
