// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxIO
package import Report

/// A disk of an instance, a block device or an image file: opened once, found fit, and locked for as long as it is open.
package final class Disk {
  package enum Use: Sendable {
    /// Others may read too; it must not be changing.
    case reading
    /// Nobody else may use it in any way.
    case writing
  }

  package let descriptor: Descriptor
  package let path: String
  /// In bytes.
  package let size: UInt64
  /// The smallest unit that the device reads or writes, in bytes; 1 for a file.
  package let sectorSize: UInt32
  package let isBlockDevice: Bool
  /// How a guest uses it: as one filesystem, as long as nothing else was found.
  package var layout: DiskLayout
  /// Whether the mark is on it by which firmware and kernels know a first sector.
  package var mark = Mark.written
  /// The block device past the cache, where another process has opened it.
  let uncached: SharedDescriptor?
  /// A second descriptor whose being open keeps the kernel from mounting the device and the like.
  private var claim: Descriptor?
  /// Whether the lock was taken here, and so ends with this value.
  private let isLockedHere: Bool

  /// The last two of the first 512 bytes, 55 AA: without them no firmware starts a disk, and nobody finds partitions on it.
  package enum Mark: String, Sendable {
    /// It is there where what is on the disk has it.
    case written
    /// It is to be kept back when it comes.
    case awaited
    /// It is kept back: work on what is on the disk goes on.
    case withheld
  }

  /// What tells one disk from another, by whatever path.
  private enum Identity: Hashable {
    case device(UInt64)
    case file(FileIdentity)
  }

  /// - Throws: `.device` where it is missing, no disk, empty or not writable; `.busy` where it is in use, with the user.
  package init(_ path: String, for use: Use) throws(Failure) {
    try Self.refuseUnusable(path)
    let descriptor: Descriptor
    do {
      descriptor = try Descriptor(path, (use == .writing ? O_RDWR : O_RDONLY) | O_NONBLOCK)
    } catch {
      throw Failure(.device, error.message)
    }
    let status = try descriptor.status()
    let isBlockDevice = status.isBlockDevice
    let block = isBlockDevice ? try descriptor.blockDevice() : nil
    if use == .writing, block?.isReadOnly == true {
      throw Failure(.device, "disk \(path) is read-only", remedy: "make it writable with blockdev --setrw \(path)")
    }
    let size = block?.size ?? UInt64(status.st_size)
    guard size > 0 else { throw Failure(.device, "disk \(path) has no bytes") }
    try Self.lock(descriptor, for: use, path)
    let claim = isBlockDevice && use == .writing ? try Self.claim(path) : nil
    if use == .writing {
      if !isBlockDevice { try Self.refuseUsedFile(descriptor, status) }
    } else if let place = Mount.writablePlace(of: status.st_rdev, isBlockDevice: isBlockDevice) {
      throw Failure(
        .busy, "disk \(path) is mounted for writing at \(place)", remedy: "unmount it, or export a snapshot of it")
    }
    self.path = path
    self.descriptor = descriptor
    self.size = size
    layout = DiskLayout(wholeDiskOf: size)
    self.isBlockDevice = isBlockDevice
    self.claim = claim
    uncached = nil
    sectorSize = block?.sectorSize ?? 1
    isLockedHere = true
  }

  deinit {
    // Not by closing alone: a child that another thread starts at this moment has a copy until it executes.
    if isLockedHere { descriptor.unlock() }
  }

  /// A disk that another process has opened, found fit and locked, and keeps open: its path is only a name here.
  ///
  /// - Parameter uncached: the same block device, opened by `openUncached`.
  package init(
    handedOver descriptor: consuming Descriptor, uncached: SharedDescriptor? = nil, size: UInt64, sectorSize: UInt32,
    isBlockDevice: Bool
  ) {
    self.uncached = uncached
    path = descriptor.name
    self.descriptor = descriptor
    self.size = size
    layout = DiskLayout(wholeDiskOf: size)
    self.sectorSize = sectorSize
    self.isBlockDevice = isBlockDevice
    claim = nil
    isLockedHere = false
  }

  /// Opens a block device once more, to be read past the cache: what another machine has written there is seen.
  package func openUncached() throws(Failure) -> Descriptor {
    try Descriptor(uncached: descriptor.view)
  }

  /// Whether two paths lead to one disk; a loop device is the same as the file behind it. Paths that lead nowhere are
  /// not the same.
  package static func areSame(_ one: String, _ other: String) -> Bool {
    guard let one = identities(of: one), let other = identities(of: other) else { return false }
    return !one.isDisjoint(with: other)
  }

  private static func identities(of path: String) -> Set<Identity>? {
    // Never waits for the other end of a pipe.
    guard let descriptor = try? Descriptor(path, O_RDONLY | O_NONBLOCK), let status = try? descriptor.status() else {
      return nil
    }
    guard status.isBlockDevice else {
      return [.file(status.identity)]
    }
    guard let block = try? descriptor.blockDevice() else { return nil }
    let backing = block.backing.map { [Identity.file($0)] } ?? []
    return Set([.device(UInt64(status.st_rdev))] + backing)
  }

  /// Lets another program, such as e2fsck, claim the device while `body` runs. The lock against other processes of
  /// guestsmith stays.
  package func withoutClaim<T>(_ body: () throws(Failure) -> T) throws(Failure) -> T {
    guard claim != nil else { return try body() }
    claim = nil
    do throws(Failure) {
      let result = try body()
      claim = try Self.claim(path)
      return result
    } catch {
      claim = try? Self.claim(path)
      throw error
    }
  }

  /// The first byte at or after `offset` that may be other than zero; the size where there is none. Devices, and files
  /// of filesystems without holes, are data all through.
  package func nextData(from offset: UInt64) throws(Failure) -> UInt64 {
    descriptor.view.nextData(from: offset) ?? size
  }

  /// Where the data ends that begins at `offset`: at the first hole behind it, or with the disk.
  package func nextHole(from offset: UInt64) throws(Failure) -> UInt64 {
    descriptor.view.nextHole(from: offset) ?? size
  }

  private static func refuseUnusable(_ path: String) throws(Failure) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR {
        throw Failure(.device, "disk \(path) does not exist", remedy: "name a block device or an image file")
      }
      throw Failure(.device, Failure.system("examine", path).message)
    }
    if status.isBlockDevice || status.isRegular { return }
    let kind = status.isFolder ? "a directory" : "neither a block device nor a file"
    throw Failure(.device, "disk \(path) is \(kind)", remedy: "name a block device or an image file")
  }

  private static func lock(_ descriptor: borrowing Descriptor, for use: Use, _ path: String) throws(Failure) {
    // udev locks a device for moments while it looks at new contents: that is not a user.
    for attempt in 0... {
      if try descriptor.lock(use == .writing ? .exclusive : .shared, waits: false) { return }
      let holder = DiskHolder.ofLock(on: try descriptor.status())
      guard attempt < 100, holder?.isUdev == true else {
        throw Failure(
          .busy, "disk \(path) is in use by \(holder?.description ?? "another process")",
          remedy: "wait until it has ended")
      }
      usleep(20_000)
    }
  }

  private static func claim(_ path: String) throws(Failure) -> Descriptor {
    for attempt in 0... {
      let raw = retrying { open(path, O_RDONLY | O_EXCL | O_CLOEXEC) }
      if raw >= 0 { return Descriptor(owning: raw, name: path) }
      // A checker that has just ended may hold it for a moment longer.
      guard errno == EBUSY else { throw .system("claim", path) }
      if attempt < 10 {
        usleep(20_000)
        continue
      }
      throw Failure(
        .busy, "disk \(path) is in use\(DiskHolder.kernelUse(of: path))",
        remedy: "unmount it, turn its swap off, or stop what holds it")
    }
    throw Failure(.busy, "disk \(path) is in use")
  }

  /// The kernel claims no file for a loop device, a swap file or a virtual machine.
  private static func refuseUsedFile(_ file: borrowing Descriptor, _ status: stat) throws(Failure) {
    if let user = DiskHolder.kernelUse(ofFile: status) {
      throw Failure(.busy, "disk \(file.name) is in use as \(user)", remedy: "detach it first")
    }
    let pid = file.lockHolder()
    if pid != 0 {
      let holder = pid > 0 ? DiskHolder(pid: pid).description : "another process, such as a running virtual machine"
      throw Failure(.busy, "disk \(file.name) is in use by \(holder)", remedy: "stop it first")
    }
  }
}
