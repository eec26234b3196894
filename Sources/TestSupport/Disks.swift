// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// Makes a file of `size` bytes that is one hole, or turns what was there into one, and returns its path.
@discardableResult
package func makeSparseFile(_ path: String, size: UInt64) throws(Failure) -> String {
  let file = try Descriptor(path, O_RDWR | O_CREAT | O_TRUNC)
  try file.setLength(size)
  try file.close()
  return path
}

/// Runs `body` with a loop device on `file`, which goes when the body ends.
///
/// - Parameter sectorSize: the logical sector of the device in bytes: 512 to 4096.
package func withLoopDevice<R>(
  _ file: String, sectorSize: Int = 512, _ body: (String) throws -> R
) throws -> R {
  // It goes with this process, in whatever way that ends; others that hold it (udev looks at new contents) let go soon.
  let device = try LoopDevice(on: file, sectorSize: UInt32(sectorSize))
  defer { withExtendedLifetime(device) {} }
  return try body(device.path)
}

/// Runs `body` with the folder where `disk`, a device or an image file, is mounted, by default for reading only.
package func withMounted<R>(
  _ disk: String, options: String = "ro", _ body: (String) throws -> R
) throws -> R {
  try withScratch { scratch in
    // In the folder rather than on it: what a killed test leaves is found there.
    let place = try scratch.folder("mount")
    // The kernel lets go of the loop device under a file a moment later, also where it found nothing to mount.
    let loops = "losetup --associated '\(disk)' 2>/dev/null || true"
    let before = try shell(loops)
    defer { _ = try? eventually { try shell(loops) == before } }
    try shell("mount -o \(options) '\(disk)' '\(place)'")
    defer { _ = try? shell("umount '\(place)' || umount --lazy '\(place)'") }
    return try body(place)
  }
}

/// Runs `body` while another process holds `path`, a file or a device, locked as flock(1) does.
package func withLockedByAnother<R>(_ path: String, _ body: () throws -> R) throws -> R {
  let holder = try Command("flock", ["--exclusive", "--no-fork", path, "sleep", "600"]).start()
  guard try eventually({ try bash("flock --exclusive --nonblock '\(path)' true").status != 0 }) else {
    throw Failure(.busy, "\(path) was not locked")
  }
  let result = Result { try body() }
  holder.signal(SIGKILL)
  _ = try holder.wait()
  return try result.get()
}

/// Whether the kernel finds a filesystem on `disk` that it mounts; without root, whether blkid finds one.
package func isMountable(_ disk: String) -> Bool {
  guard isRoot else { return ![nil, "swap"].contains(try? tag("TYPE", of: disk)) }
  return (try? withMounted(disk) { _ in true }) ?? false
}

/// What e2fsck has against the filesystem on `disk`; nil when it is clean.
package func problems(of disk: String) throws -> String? {
  let outcome = try bash("e2fsck -fn '\(disk)'")
  return outcome.status == 0 ? nil : outcome.output + outcome.errors
}

/// A digest (XXH3) of a whole file or device: it finds changes, and does not withstand a forger.
package func digest(of path: String) throws -> String {
  String(try shell("xxhsum -H2 <'\(path)'").prefix(32))
}

/// What changes when somebody writes to an image file: size, space taken, time. Quick where a digest takes seconds. What
/// was written takes its space only when it is on the disk.
package func traces(of path: String) throws -> String {
  try shell("sync '\(path)'; stat --format '%s bytes, %b blocks, %y' '\(path)'")
}

/// What blkid finds on `disk`, such as `tag("UUID", of: disk)`; nil when it finds none.
package func tag(_ name: String, of disk: String) throws -> String? {
  let outcome = try bash("blkid --probe --match-tag \(name) --output value '\(disk)'")
  let value = outcome.output.filter { $0 != "\n" }
  return value.isEmpty ? nil : value
}

/// A file of the guest on `disk`, read by debugfs; nil when it is not there.
package func guestFile(_ path: String, on disk: String) throws -> String? {
  let outcome = try bash("debugfs -R 'cat \(path)' '\(disk)'")
  return outcome.errors.contains("File not found") ? nil : outcome.output
}

/// Copies a disk image with its holes.
@discardableResult
package func copyImage(_ source: String, to target: String) throws -> String {
  try shell("cp --sparse=always --reflink=auto '\(source)' '\(target)'")
  return target
}

/// How many bytes a file takes on the disk that it lies on.
package func allocated(_ path: String) throws -> UInt64 {
  UInt64(try Descriptor(path, O_RDONLY).status().st_blocks) * 512
}
