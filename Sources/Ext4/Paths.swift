// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

extension Filesystem {
  /// How many links a path may lead through: as many as the kernel follows.
  private static let mostLinks = 40
  /// How many names a path may have, with those of the links on it: the names of 4096 bytes are fewer.
  private static let mostNames = 4096

  /// The file that an absolute path leads to, or nil where there is none; the last link is followed when asked.
  ///
  /// Name by name, and not by `ext2fs_namei`: that follows up to eight links one inside the other, but any number of them
  /// side by side, so that six links of a KiB each keep it busy forever. A loop of links leads to no file.
  package borrowing func find(_ path: ByteString, followingLast: Bool = true) throws(Failure) -> InodeNumber? {
    // The next name is the last of these.
    var names = Array(path.split(separator: "/").reversed())
    var (place, links, walked) = (Self.root, 0, 0)
    while let name = names.popLast() {
      walked += 1
      guard walked <= Self.mostNames, try kind(place) == .directory else { return nil }
      guard let next = name == "." ? place : try lookUp(name, in: place) else { return nil }
      guard try kind(next) == .symbolicLink, followingLast || !names.isEmpty else {
        place = next
        continue
      }
      links += 1
      guard links <= Self.mostLinks else { return nil }
      let target = try linkTarget(of: next)
      if target.hasPrefix("/") { place = Self.root }
      names += target.split(separator: "/").reversed()
    }
    return place
  }

  /// The file of that name in a directory; nil where there is none.
  package borrowing func lookUp(_ name: ByteString, in directory: InodeNumber) throws(Failure) -> InodeNumber? {
    try entry(name, in: directory)?.inode
  }

  /// The same with the name as it stands there: a directory that ignores case (`casefold`) takes others for the same.
  borrowing func entry(_ name: ByteString, in directory: InodeNumber) throws(Failure) -> DirectoryEntry? {
    guard name.bytes.count <= Self.longestName, !name.contains("\0") else { return nil }
    let flags = try examine(directory).i_flags
    var number: ext2_ino_t = 0
    let result = ext2fs_lookup(fs, directory, name.cString, Int32(name.bytes.count), nil, &number)
    if result == 0 { return DirectoryEntry(name: name, inode: try known(number, "\(name)")) }
    guard result == EXT2_ET_FILE_NOT_FOUND else { throw device.failure(result, "look up \(name)") }
    guard let encoding = fs.pointee.encoding, flags & UInt32(EXT4_CASEFOLD_FL) != 0 else { return nil }
    return try entries(of: directory).first { entry in
      ext2fs_casefold_cmp(encoding, name.bytes, name.bytes.count, entry.name.bytes, entry.name.bytes.count) == 0
    }
  }

  /// An inode number that a directory gives, which must be that of a file: those below the first are the filesystem's own.
  borrowing func known(_ number: InodeNumber, _ name: @autoclosure () -> String) throws(Failure) -> InodeNumber {
    let superblock = fs.pointee.super!
    let first = superblock.pointee.s_rev_level == 0 ? 11 : superblock.pointee.s_first_ino
    guard number == Self.root || (number >= first && number <= superblock.pointee.s_inodes_count) else {
      throw damaged("\(name()) is inode \(number), which is not that of a file")
    }
    return number
  }
}
