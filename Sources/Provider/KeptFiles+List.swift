// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Inspection
internal import LinuxIO
internal import Report
internal import Worker

// The list of kept files, from the worker that reads the old guest to the one that writes the new: for each its length, four
// bytes, and JSON of that length. The process that wrote it may have been taken over by the old guest.

extension KeptFiles {
  func save(to list: borrowing Descriptor) throws(Failure) {
    var waiting: [UInt8] = []
    for file in files {
      let text = Array(file.json.serialized().utf8)
      waiting += withUnsafeBytes(of: UInt32(clamping: text.count)) { Array($0) } + text
      guard waiting.count > 1 << 20 else { continue }
      try list.writeAll(waiting)
      waiting = []
    }
    try list.writeAll(waiting)
  }

  /// What is in the spool and the list.
  convenience init(_ spool: consuming Descriptor, list: borrowing Descriptor) throws(Failure) {
    self.init(spool)
    var offset: UInt64 = 0
    while true {
      let head = try list.bytes(at: offset, count: 4)
      guard !head.isEmpty else { return }
      let length = head.reversed().reduce(0) { $0 << 8 | Int($1) }
      guard head.count == 4, length <= Self.longestRecord, files.count < Self.countLimit else { throw Self.damaged }
      let text = try list.bytes(at: offset + 4, count: length)
      guard text.count == length, let json = try? JSON(parsing: text) else { throw Self.damaged }
      let file = try KeptFile(json)
      guard file.first.map({ $0 < files.count }) != false else { throw Self.damaged }
      files.append(file)
      offset += 4 + UInt64(length)
    }
  }

  /// A file has up to 1 MiB of attributes, and a piece for each block.
  private static let longestRecord = 256 << 20
  private static let damaged = Failure(.guest, "the list of what is kept of the guest is not whole")
}

extension KeptFile {
  fileprivate var json: JSON {
    let attributes = file.attributes
    return [
      "path": .bytes(path.bytes), "mode": .integer(Int(attributes.kind.mode | attributes.permissions)),
      "links": .integer(Int(attributes.links)), "uid": .integer(Int(attributes.uid)),
      "gid": .integer(Int(attributes.gid)), "size": .number(attributes.size), "time": .string("\(attributes.seconds)"),
      "nanoseconds": .integer(Int(attributes.nanoseconds)), "major": .integer(Int(attributes.major)),
      "minor": .integer(Int(attributes.minor)), "flags": .integer(Int(attributes.flags.rawValue)),
      "target": file.target.map { .bytes($0.bytes) } ?? nil,
      "attributes": .array(extendedAttributes.map { ["name": .bytes($0.name.bytes), "value": .bytes($0.value)] }),
      "first": first.map { .integer($0) } ?? nil,
      "pieces": .array(pieces.map { ["offset": .number($0.offset), "length": .number($0.length)] }),
    ]
  }

  fileprivate init(_ json: JSON) throws(Failure) {
    func number<Number: FixedWidthInteger>(_ key: String) throws(Failure) -> Number {
      Number(clamping: try json.number(key))
    }
    let mode: UInt16 = try number("mode")
    guard let kind = FileKind(mode: mode), let seconds = Int64(try json.text("time")) else {
      throw Failure(.guest, "a file that is kept of the guest is not a file")
    }
    let attributes = FileAttributes(
      kind: kind, permissions: mode & 0o7777, links: try number("links"), uid: try number("uid"),
      gid: try number("gid"), size: try number("size"), seconds: seconds, nanoseconds: try number("nanoseconds"),
      major: try number("major"), minor: try number("minor"),
      flags: FileFlags(rawValue: try number("flags")), project: 0)
    path = ByteString(try json.bytes("path"))
    let target = json["target"]?.string == nil ? nil : ByteString(try json.bytes("target"))
    file = GuestFile(path: path, inode: 0, attributes: attributes, target: target)
    extendedAttributes = try json.list("attributes").map { attribute throws(Failure) in
      ExtendedAttribute(name: ByteString(try attribute.bytes("name")), value: try attribute.bytes("value"))
    }
    // What the configuration names counts only where it is read.
    isNamed = false
    first = json["first"]?.integer
    pieces = try json.list("pieces").map { piece throws(Failure) in
      ByteRange(offset: try piece.number("offset"), length: try piece.number("length"))
    }
  }
}
