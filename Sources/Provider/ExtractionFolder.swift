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
    return ExtractionFolder(
      try open(name, O_RDONLY | O_DIRECTORY), place: place + name.dropLast() + [slash])
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

  /// Sets an extended attribute; false where the filesystem does not take it.
  func set(_ attribute: ExtendedAttribute, of name: [CChar]) throws(Failure) -> Bool {
    // By the open folder and the last name: nothing on the way can be a link.
    let path = "/proc/self/fd/\(descriptor.raw)/".utf8.map { CChar(bitPattern: $0) } + name
    if setAttribute(attribute.name, to: attribute.value, ofPath: path) { return true }
    guard errno == EOPNOTSUPP || errno == EPERM else { throw failure("set \(attribute.name) of", name) }
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

  func makeLink(
    _ name: [CChar], to target: ByteString, _ attributes: FileAttributes, preserving: Bool
  ) throws(Failure) {
    guard symlinkat(target.cString, descriptor.raw, name) == 0 else { throw failure("make the link", name) }
    try own(name, attributes, preserving: preserving)
  }

  /// A device, a pipe or a socket.
  func makeSpecial(_ name: [CChar], _ attributes: FileAttributes) throws(Failure) {
    let type: mode_t =
      switch attributes.kind {
      case .characterDevice: S_IFCHR
      case .blockDevice: S_IFBLK
      case .socket: S_IFSOCK
      default: S_IFIFO
      }
    // glibc's makedev: the low parts of both numbers together, the high parts above them.
    let (major, minor) = (UInt64(attributes.major), UInt64(attributes.minor))
    let number = (minor & 0xFF) | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12 | (major & ~0xFFF) << 32
    guard mknodat(descriptor.raw, name, type | 0o600, dev_t(number)) == 0 else { throw failure("make", name) }
    try own(name, attributes, preserving: true)
    // Nobody else has a name in here yet, so what is changed is what was made.
    guard fchmodat(descriptor.raw, name, mode_t(attributes.permissions), 0) == 0 else {
      throw failure("set the mode of", name)
    }
  }

  private func own(_ name: [CChar], _ attributes: FileAttributes, preserving: Bool) throws(Failure) {
    if preserving, fchownat(descriptor.raw, name, attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0 {
      throw failure("set the owner of", name)
    }
    let times = attributes.times
    guard utimensat(descriptor.raw, name, times, AT_SYMLINK_NOFOLLOW) == 0 else {
      throw failure("set the time of", name)
    }
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
  /// Gives an open file or folder that was just made what the guest says of it, as far as it is asked for.
  borrowing func take(_ attributes: FileAttributes, preserving: Bool) throws(Failure) {
    if preserving, fchown(raw, attributes.uid, attributes.gid) != 0 { throw .system("set the owner of", name) }
    // After the owner, whose change takes the set-id bits away.
    let mode = attributes.permissions & (preserving ? 0o7777 : 0o777)
    guard fchmod(raw, mode_t(mode)) == 0 else { throw .system("set the mode of", name) }
    let times = attributes.times
    guard futimens(raw, times) == 0 else { throw .system("set the time of", name) }
  }
}

extension FileAttributes {
  /// For access, which is of no interest here, and change of the content.
  fileprivate var times: [timespec] {
    let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
    return [time, time]
  }
}
