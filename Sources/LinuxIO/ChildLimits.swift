// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

/// What a child may use of the machine. Every child that reads what a guest or a stranger wrote has them: that must not keep
/// a node busy, fill its memory or its disks. They grow with the disk that it is for, by the rule of `disk` for a tool that
/// works on a disk, and by that of `unpacking` for one that unpacks a stream.
package struct ChildLimits: Sendable, Equatable {
  /// Of the processors together, in seconds (RLIMIT_CPU).
  package var processor: UInt64
  /// From its start, in seconds.
  package var duration: UInt64
  /// Of addresses, in bytes (RLIMIT_AS).
  package var memory: UInt64
  /// Of each file that it writes, in bytes (RLIMIT_FSIZE); block devices and pipes are not files.
  package var fileSize: UInt64

  /// What one of its files may take, however long that is; nil where nothing but its length counts.
  package var room: Room?

  /// Of the filesystem that a file is on.
  package struct Room: Sendable, Equatable {
    let file: SharedDescriptor
    /// In bytes.
    let most: UInt64

    /// - Parameter file: a new one, which a child fills.
    package init(_ file: DescriptorView, most: UInt64) throws(Failure) {
      self.file = SharedDescriptor(try file.duplicate(named: file.name))
      self.most = most
    }

    package static func == (one: Room, other: Room) -> Bool { one.file === other.file && one.most == other.most }

    var isFull: Bool {
      var status = stat()
      return fstat(file.view.raw, &status) == 0 && UInt64(status.st_blocks) * 512 > most
    }
  }

  package init(processor: UInt64, duration: UInt64, memory: UInt64, fileSize: UInt64) {
    self.processor = processor
    self.duration = duration
    self.memory = memory
    self.fileSize = fileSize
  }

  /// For a child that works on a disk of `size` bytes: 10 s of the processor and a minute, and 2 s and 20 s more for each
  /// GiB; 512 MiB of addresses, and a 512th of the disk. e2fsck takes a hundredth of that for a guest's disk.
  package static func disk(of size: UInt64) -> ChildLimits {
    let gibibytes = size >> 30
    return ChildLimits(
      processor: 10 + 2 * gibibytes, duration: 60 + 20 * gibibytes, memory: 512 << 20 + size / 512, fileSize: size)
  }

  /// For a child that unpacks what is to be written to a disk of `size` bytes: a minute of the processor, and 2 minutes more
  /// for each GiB (bzip2 takes one); an hour, and a second more for each MiB, since it waits for both ends; 512 MiB of
  /// addresses, and 1 MiB for its words.
  package static func unpacking(to size: UInt64) -> ChildLimits {
    ChildLimits(
      processor: 60 + 120 * (size >> 30), duration: 3600 + size >> 20, memory: 512 << 20, fileSize: 1 << 20)
  }

  /// The same with 4 GiB more of addresses: a tool of many threads asks for their stacks, and uses little of them.
  package var threaded: ChildLimits {
    var limits = self
    limits.memory += 4 << 30
    return limits
  }

  /// The same for this program itself, which may be built with AddressSanitizer: that wants all addresses.
  package var ofOurOwn: ChildLimits {
    var limits = self
    if clinux_is_sanitized() { limits.memory = .max }
    return limits
  }

  var request: clinux_limits {
    clinux_limits(processor: processor, memory: memory, file_size: fileSize)
  }

  /// How the child ended, in the light of what it said last: nothing else tells that it got no more memory.
  package func judge(_ status: ExitStatus, said: some Sequence<UInt8>) -> ExitStatus {
    guard !status.isSuccess, memory < .max else { return status }
    let words = String(decoding: Array(said), as: UTF8.self).lowercased()
    // strerror(3), libext2fs, zstd, and what bzip2 and gzip say.
    let isShort = [
      "cannot allocate memory", "memory allocation failed", "not enough memory", "couldn't allocate",
      "out of memory", "memory exhausted",
    ].contains(where: words.contains)
    return isShort ? .stopped("it asked for more than \(Words.bytes(memory)) of memory") : status
  }

  /// How the child ended, in the light of its limits and of the seconds that it used of the processor: the first process of
  /// a namespace gets no SIGXCPU. The kernel counts by its clock's ticks for the limit, and exactly for what was used, which
  /// may be less.
  func judge(_ status: ExitStatus, after elapsed: Duration, processor used: UInt64) -> ExitStatus {
    switch status {
    case .signalled(SIGKILL) where room?.isFull == true:
      .stopped("it filled \(Words.bytes(room?.most ?? 0)) of the disk that \(room?.file.view.name ?? "") is on")
    case .signalled(SIGKILL) where used * 2 >= processor: .stopped("it used the processor for \(processor) s")
    case .signalled(SIGSYS): .stopped("it asked the kernel for what its work does not take")
    case .signalled(SIGXCPU): .stopped("it used the processor for \(processor) s")
    case .signalled(SIGXFSZ): .stopped("it wrote \(Words.bytes(fileSize)) to a file")
    case .signalled(SIGKILL) where elapsed >= .seconds(duration): .stopped("it took \(duration) s")
    default: status
    }
  }
}
