// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Guest
internal import Report

/// The files of a guest in the filesystem that is open: what edits them can't tell it from any other.
final class GuestTree: GuestFiles {
  let filesystem: Filesystem
  /// The filesystem can be mounted already, so it says on the disk that it is being changed before it is.
  private let isInPlace: Bool
  private var isChanged = false

  init(_ filesystem: consuming Filesystem, isInPlace: Bool) {
    self.filesystem = filesystem
    self.isInPlace = isInPlace
  }

  /// Has the disk say that the filesystem is being changed, whatever is changed in it.
  func change() throws(Failure) {
    if isInPlace, !isChanged { try filesystem.beginChanging() }
    isChanged = true
  }

  func read(_ path: ByteString, limit: Int) throws(Failure) -> [UInt8]? { try filesystem.read(path, limit: limit) }

  func write(_ path: ByteString, _ bytes: [UInt8], mode: UInt16) throws(Failure) {
    try change()
    try filesystem.write(path, bytes, mode: mode)
  }

  func rewrite(_ number: InodeNumber, _ bytes: [UInt8], named path: ByteString) throws(Failure) {
    try change()
    try filesystem.rewrite(number, bytes, named: path)
  }

  func remove(_ path: ByteString) throws(Failure) {
    try change()
    try filesystem.remove(path)
  }

  func list(_ directory: ByteString) throws(Failure) -> [ByteString] { try filesystem.list(directory) }

  func link(_ path: ByteString, to target: ByteString) throws(Failure) {
    try change()
    try filesystem.link(path, to: target)
  }

  /// Makes a directory, with those above it; one that is there stays as it is.
  func makeDirectory(_ path: ByteString) throws(Failure) {
    try change()
    try filesystem.makeDirectory(path)
  }

  func kind(_ path: ByteString) throws(Failure) -> FileKind? {
    try filesystem.find(path, followingLast: false).map { number throws(Failure) in try filesystem.kind(number) }
  }

  func kind(following path: ByteString) throws(Failure) -> FileKind? {
    try filesystem.find(path).map { number throws(Failure) in try filesystem.kind(number) }
  }

  func setOwnerAndMode(_ path: ByteString, uid: UInt32, gid: UInt32, mode: UInt16) throws(Failure) {
    try change()
    try filesystem.setOwnerAndMode(path, uid: uid, gid: gid, mode: mode)
  }

  /// Gives the filesystem another UUID, and returns it.
  func renewUUID() throws(Failure) -> UUID {
    try change()
    return filesystem.renewUUID()
  }

  /// Writes what was changed to the disk.
  func commit() throws(Failure) {
    if isChanged || !isInPlace { try filesystem.commit() }
  }
}
