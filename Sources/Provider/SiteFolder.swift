// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
internal import Guest
internal import Inspection
internal import LinuxIO
internal import Report

/// A folder of this machine (`files`), read for the guests that get what is in it: as kept files are handed on, with the
/// templates among them filled in.
struct SiteFolder {
  /// In bytes.
  static let mostBytes: UInt64 = 64 << 20
  static let mostFiles = 10_000
  /// Of a template or a script, in bytes: a rename reads the whole of the first.
  static let largestText = 1 << 20
  private static let ending: ByteString = ".tmpl"
  /// Of the machine that it is on.
  private static let foreign: [ByteString] = ["security.selinux", "security.ima", "security.evm", "trusted."]

  let top: String
  /// What is filled into a template; nil where that is only looked at.
  let fill: ((SiteTemplate) throws(Failure) -> SiteTemplate.Filled)?
  private let content: KeptFiles
  /// Only root can come into the folder: the owner of a file in it can do nothing with that here.
  private var isClosed = true
  private var taken: Set<ByteString> = []
  private var first: [FileIdentity: Int] = [:]
  /// The templates that have the guest's name in them, in the guest.
  private(set) var naming: [TemplateRecord.Entry] = []

  init(_ top: String, into content: KeptFiles, fill: ((SiteTemplate) throws(Failure) -> SiteTemplate.Filled)?) {
    self.top = top
    self.content = content
    self.fill = fill
  }

  /// - Throws: `.invalid` for what a guest does not get, and for what others than root could have put there.
  mutating func read() throws(Failure) {
    let (status, error) = examine(top)
    guard error == 0, status.isFolder else {
      let reason =
        error == 0 ? "\(top) is not a folder" : Failure.system("read", top, errno: error).message
      throw Failure(
        .invalid, "files: \(reason)",
        remedy: "name a folder whose files are laid out as in the guest")
    }
    if geteuid() == 0, let failure = status.exposure(of: top) { throw failure }
    isClosed = status.st_mode & 0o077 == 0
    try read(top, as: "")
  }

  private mutating func read(_ folder: String, as place: ByteString) throws(Failure) {
    let (names, error) = allEntries(of: folder)
    guard error == 0 else { throw .system("list", folder, errno: error) }
    for name in names {
      let path = "\(folder)/\(name)"
      let (status, error) = examine(path, itself: true)
      guard error == 0 else { throw .system("examine", path, errno: error) }
      if geteuid() == 0, !isClosed, var failure = status.exposure(of: path) {
        failure.remedy = "run chmod 700 \(top), or let all in it be root's"
        throw failure
      }
      try add(path, status, as: "\(place)/\(ByteString(argument: name))")
      if status.isFolder { try read(path, as: "\(place)/\(ByteString(argument: name))") }
    }
  }

  private mutating func add(_ path: String, _ status: stat, as place: ByteString) throws(Failure) {
    let isTemplate = status.isRegular && place.hasSuffix(Self.ending) && !place.hasSuffix("/\(Self.ending)")
    let place = isTemplate ? ByteString(place.bytes.dropLast(Self.ending.bytes.count)) : place
    guard taken.insert(place).inserted else {
      throw Failure(
        .invalid, "\(top) has \(place) twice: as a template, whose name ends in .tmpl, and as a file",
        remedy: "remove one of the two")
    }
    guard content.files.count < Self.mostFiles else {
      throw tooMuch("holds more than \(Self.mostFiles) files and folders")
    }
    var attributes = FileAttributes(status)
    var bytes: [UInt8] = []
    var original: Int?
    switch status.kind {
    case .directory, .symbolicLink: break
    case .file where status.st_nlink > 1 && !isTemplate && first[status.identity] != nil:
      original = first[status.identity]
    case .file:
      bytes = try readContent(path, UInt64(status.st_size))
      if isTemplate {
        bytes = try fillIn(bytes, path, as: place)
        try requireRoom(for: UInt64(bytes.count))
      }
      if status.st_nlink > 1, !isTemplate { first[status.identity] = content.files.count }
    default:
      throw Failure(
        .invalid, "\(path) is not a file, a folder or a link, and a guest gets only these by files",
        remedy: "remove it; a script of first_boot can make it in the guest")
    }
    attributes.size = UInt64(bytes.count)
    let target = status.isLink ? linkTarget(path).map { ByteString(argument: $0) } : nil
    var file = KeptFile(
      path: place, file: GuestFile(path: place, inode: 0, attributes: attributes, target: target),
      extendedAttributes: try extendedAttributes(ofFile: path)
        .filter { attribute in !Self.foreign.contains { attribute.name.hasPrefix($0) } }
        .map { ExtendedAttribute(name: $0.name, value: $0.value) },
      isNamed: false)
    file.first = original
    try content.add(file, bytes)
  }

  private func readContent(_ path: String, _ size: UInt64) throws(Failure) -> [UInt8] {
    try requireRoom(for: size)
    let file = try Descriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    return try file.bytes(at: 0, count: Int(size))
  }

  private func requireRoom(for size: UInt64) throws(Failure) {
    guard content.bytes + size <= Self.mostBytes else {
      throw tooMuch("holds more than \(Self.mostBytes >> 20) MiB")
    }
  }

  private mutating func fillIn(_ bytes: [UInt8], _ path: String, as place: ByteString) throws(Failure) -> [UInt8] {
    guard bytes.count <= Self.largestText else {
      throw Failure(
        .invalid, "the template \(path) has \(bytes.count) bytes, more than the \(Self.largestText) that one may have",
        remedy: "give what is not to be filled in a name that does not end in .tmpl")
    }
    let template = try SiteTemplate(bytes, file: path)
    let filled = try fill?(template)
    let content = filled?.bytes ?? bytes
    if template.isNaming {
      guard TemplateRecord.isListable(place) else {
        throw Failure(
          .invalid, "the template \(path) has the name of the guest in it, and a blank in its path: no rename finds it",
          remedy: "give it and its folders names without blanks and control characters")
      }
      naming.append(TemplateRecord.Entry(place, holding: content, names: filled?.names ?? []))
    }
    return content
  }

  private func tooMuch(_ words: String) -> Failure {
    Failure(
      .invalid, "files = \(top) \(words), the most that a guest gets by it",
      remedy: "make a package of it (packages), or have a script of first_boot fetch it")
  }
}

extension FileAttributes {
  /// As this machine has it. What belongs to an ordinary user who makes guests is root's in them.
  init(_ status: stat) {
    let isOwn = geteuid() != 0 && status.st_uid == geteuid()
    self.init(
      kind: status.kind ?? .file, permissions: UInt16(status.st_mode & 0o7777), links: 1,
      uid: isOwn ? 0 : status.st_uid, gid: isOwn ? 0 : status.st_gid, size: 0,
      seconds: Int64(status.st_mtim.tv_sec), nanoseconds: UInt32(status.st_mtim.tv_nsec), major: 0, minor: 0,
      flags: [], project: 0)
  }
}
