// SPDX-License-Identifier: Apache-2.0
package import LinuxIO

extension ChildLimits {
  /// For a worker that reads or edits what is on a disk of `size` bytes: 2 minutes of the processor and 10 minutes, and 20 s
  /// and a minute more for each GiB; the memory of a tool of many threads.
  package static func worker(onDiskOf size: UInt64) -> ChildLimits {
    let gibibytes = size >> 30
    var limits = ChildLimits.disk(of: size).threaded
    limits.processor = 120 + 20 * gibibytes
    limits.duration = 600 + 60 * gibibytes
    return limits
  }

  /// For a worker that reads or writes a stream with the content of a disk of `size` bytes by so many threads: 12 minutes
  /// of the processor, and 10 minutes more for each GiB (zstd -19 takes six); the wall clock of an unpacker, since it waits for
  /// the other end; 1 GiB of addresses more for each thread (zstd -22 takes three quarters). What it writes is a file of the
  /// caller's.
  package static func worker(streaming size: UInt64, threads: Int) -> ChildLimits {
    var limits = ChildLimits.disk(of: size).threaded
    limits.processor = 720 + 600 * (size >> 30)
    limits.duration = ChildLimits.unpacking(to: size).duration
    limits.memory += UInt64(max(1, threads)) << 30
    limits.fileSize = .max
    return limits
  }
}
