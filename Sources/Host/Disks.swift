// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report
internal import Synchronization

/// Runs `body` with disks that are there and may be written: files are made, sparse, where there are none, and removed
/// again when `body` fails or an interrupt ends the process.
///
/// Everything is checked before the first of them is made.
///
/// - Parameter force: whether disks that hold something may be overwritten.
func withWritableDisks(_ disks: [DiskRequest], force: Bool, _ body: () throws -> Void) throws {
  for disk in disks { try checkWritable(disk, force: force) }
  try checkDifferent(disks)
  let made = MadeFiles()
  let interrupt = Interrupts.onInterrupt { made.remove() }
  defer { interrupt.cancel() }
  do {
    for disk in disks { try provide(disk, made) }
    try body()
  } catch {
    // The clean-up of an interrupt would do it as well, but then it is its part to end the process.
    Interrupts.holdIfInterrupted()
    made.remove()
    throw error
  }
}

/// That a disk is there, as a file or a block device, and is not given a size.
func checkPresent(_ disk: DiskRequest) throws(Failure) {
  let (status, error) = examine(disk.path)
  guard error == 0 else {
    throw Failure(.device, "cannot use the disk \(disk.path): \(String(cString: strerror(error)))")
  }
  guard status.isRegular || status.isBlockDevice else { throw noDisk(disk.path, status) }
  guard disk.size == nil else {
    throw Failure(
      .usage, "a size is given for the disk \(disk.path), which is to stay as it is", remedy: "leave it out")
  }
}

/// That no two of them are the same disk, by whatever path.
func checkDifferent(_ disks: [DiskRequest]) throws(Failure) {
  for (index, disk) in disks.enumerated() {
    for other in disks[..<index] where areSame(disk.path, other.path) {
      throw Failure(
        .device, "\(other.path) and \(disk.path) are the same disk", remedy: "give a disk of its own for the swap")
    }
  }
}

private final class MadeFiles: Sendable {
  private let paths = Mutex<[String]>([])

  func add(_ path: String) { paths.withLock { $0.append(path) } }

  func remove() {
    paths.withLock { paths in
      for path in paths { unlink(path) }
      paths = []
    }
  }
}

private func areSame(_ one: String, _ other: String) -> Bool {
  let (left, right) = (examine(one), examine(other))
  guard left.error == 0, right.error == 0 else { return resolved(one) == resolved(other) }
  if left.status.isBlockDevice && right.status.isBlockDevice { return left.status.st_rdev == right.status.st_rdev }
  return left.status.st_dev == right.status.st_dev && left.status.st_ino == right.status.st_ino
}

/// The path of a file that is not there yet, without symbolic links on the way to it.
private func resolved(_ path: String) -> String {
  let (folder, name) = split(path)
  guard let real = realpath(folder, nil) else { return path }
  defer { free(real) }
  return "\(String(cString: real))/\(name)"
}

private func checkWritable(_ disk: DiskRequest, force: Bool) throws(Failure) {
  let (status, error) = examine(disk.path)
  if error == ENOENT {
    let (folder, _) = split(disk.path)
    guard isFolder(folder) else { throw Failure(.device, "there is no folder \(folder) for the disk \(disk.path)") }
    guard disk.size != nil else {
      throw Failure(
        .device, "there is no disk \(disk.path)", remedy: "give a size to have it made: \(disk.path):10G")
    }
    return
  }
  guard error == 0 else {
    throw Failure(.device, "cannot use the disk \(disk.path): \(String(cString: strerror(error)))")
  }
  guard status.isRegular || status.isBlockDevice else { throw noDisk(disk.path, status) }
  let file: Descriptor
  do {
    file = try Descriptor(disk.path, O_RDWR)
  } catch {
    throw Failure(error.code == .busy ? .busy : .device, error.message)
  }
  let length = try size(of: file)
  if let wanted = disk.size, length < wanted, status.isBlockDevice {
    throw Failure(
      .device, "the device \(disk.path) has \(length >> 20) MiB, and \(wanted >> 20) MiB are asked for",
      remedy: "ask for a size that it has, or for none")
  }
  if length == 0 && disk.size == nil {
    throw Failure(.device, "the disk \(disk.path) has no size", remedy: "give one: \(disk.path):10G")
  }
  guard !force, try holdsData(file, length: length, isDevice: status.isBlockDevice) else { return }
  throw Failure(
    .device, "the disk \(disk.path) is not empty", remedy: "add --force to overwrite it, and lose what is on it")
}

private func noDisk(_ path: String, _ status: stat) -> Failure {
  Failure(.device, "\(path) is \(status.isFolder ? "a directory" : "no disk"), not a file or a block device")
}

/// Makes the file, or grows one that is shorter than asked for.
private func provide(_ disk: DiskRequest, _ made: MadeFiles) throws(Failure) {
  guard let wanted = disk.size else { return }
  let isMissing = examine(disk.path).error == ENOENT
  let file = try Descriptor(disk.path, O_RDWR | (isMissing ? O_CREAT | O_EXCL : 0), mode: 0o600)
  if isMissing { made.add(disk.path) }
  guard try file.status().isRegular, try size(of: file) < wanted else { return }
  guard ftruncate(file.raw, off_t(wanted)) == 0 else { throw .system("make \(wanted >> 20) MiB of", disk.path) }
}

/// The length of a file or a device.
private func size(of file: borrowing Descriptor) throws(Failure) -> UInt64 {
  let end = lseek(file.raw, 0, SEEK_END)
  guard end >= 0 else { throw .system("find the size of", file.name) }
  return UInt64(end)
}

/// SEEK_DATA of lseek(2): the next place that is no hole. A GNU extension, so glibc's modules do not show it.
private let seekData: Int32 = 3

/// Whether there is anything but zeros. In a file all that is no hole is read; of a device, where that could take
/// hours, the first and the last MiB: every partition table, filesystem and volume manager has its marks there.
private func holdsData(_ file: borrowing Descriptor, length: UInt64, isDevice: Bool) throws(Failure) -> Bool {
  let piece: UInt64 = 1 << 20
  var offset: UInt64 = 0
  while offset < length {
    if !isDevice {
      let data = lseek(file.raw, off_t(offset), seekData)
      if data < 0 { return false }
      offset = UInt64(data)
    }
    if try read(from: file, at: offset, count: Int(piece)).contains(where: { $0 != 0 }) { return true }
    offset += piece
    if isDevice && offset + piece < length { offset = length - piece }
  }
  return false
}
