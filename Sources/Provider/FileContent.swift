// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Filesystems
internal import Report

/// The content of a file of a guest, whatever filesystem that is in.
struct FileContent {
  /// Gives the next piece, of up to 1 MiB; an empty one at the end.
  typealias Reading = () throws(Failure) -> [UInt8]

  /// In bytes.
  let size: UInt64
  /// Begins to read it.
  let open: () throws(Failure) -> Reading

  init(of number: InodeNumber, _ size: UInt64, in tree: GuestTree) {
    self.size = size
    open = { () throws(Failure) in
      let reader = try tree.filesystem.contentReader(of: number)
      return { () throws(Failure) in Array(try reader.next()) }
    }
  }

  init(of file: FAT.File, in fat: FAT) {
    size = file.size
    open = { () throws(Failure) in
      var offset: UInt64 = 0
      return { () throws(Failure) in
        let piece = try fat.piece(of: file, from: offset)
        offset += UInt64(piece.count)
        return piece
      }
    }
  }

  func eachPiece(_ body: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
    let next = try open()
    while true {
      let piece = try next()
      guard !piece.isEmpty else { return }
      try body(piece)
    }
  }

  /// All of it, of a file that is known to be small.
  func bytes() throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    try eachPiece { piece throws(Failure) in bytes += piece }
    return bytes
  }
}
