// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Report
internal import Storage
internal import Worker

// As a worker is told of them.

extension FilesystemOptions {
  var json: JSON {
    [
      "kind": .string(kind.rawValue), "block": .integer(Int(blockSize)), "inode": .integer(Int(inodeRatio)),
      "reserved": .string("\(reservedPercent)"), "label": .string(label),
      "omitted": .array(omitted.sorted().map { .string($0.rawValue) }),
    ]
  }

  init(_ json: JSON) throws(Failure) {
    guard let kind = Kind(rawValue: try json.text("kind")), let reserved = Double(try json.text("reserved")) else {
      throw Failure(.io, "a worker is told of no kind of filesystem")
    }
    self.init(
      kind: kind, blockSize: UInt32(clamping: try json.number("block")),
      inodeRatio: UInt32(clamping: try json.number("inode")), reservedPercent: reserved, label: try json.text("label"))
    omitted = Set(try json.texts("omitted").compactMap { FilesystemFeature(rawValue: $0) })
  }
}

extension Wipe {
  init(of json: JSON) throws(Failure) {
    guard let wipe = Wipe(rawValue: try json.text("wipe")) else { throw Failure(.io, "a worker is told of no wipe") }
    self = wipe
  }
}
