// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("Images of qemu")
struct Qcow2Tests {
  /// Restores an image to a disk that has no guest, byte for byte.
  private func restore(_ image: String, mebibytes: UInt64, _ guest: SmallGuest) throws -> String {
    let disk = try guest.disk("restored", mebibytes: mebibytes)
    var request = try guest.request(.import, disks: [disk])
    request.instanceDisks[0].role = nil
    try guest.run(request, guest.surroundings(input: image))
    return disk
  }

  /// 40 MiB of which some is noise, some text, some zero and some a hole.
  private func makeDisk(in scratch: Scratch) throws -> String {
    let disk = try makeSparseFile(scratch("raw"), size: 40 << 20)
    try shell(
      """
      put() { dd of='\(disk)' conv=notrunc iflag=fullblock bs=1K count="$2" seek="$1" status=none; }
      put 0 5000 </dev/urandom
      yes text | put 9000 3001
      put 17001 63 </dev/urandom
      put 33000 900 </dev/urandom
      put 40959 1 </dev/urandom
      """)
    return disk
  }

  private static let options = [
    "-o compat=0.10", "-o compat=1.1", "-o cluster_size=512", "-o cluster_size=4096", "-o cluster_size=1M",
    "-o cluster_size=2M", "-o preallocation=metadata", "-o preallocation=full", "-o extended_l2=on",
    "-o lazy_refcounts=on", "-o refcount_bits=1", "-W -m 8", "-c", "-c -o cluster_size=4096", "-c -o cluster_size=2M",
    "-c -o compression_type=zstd", "-c -o extended_l2=on,compression_type=zstd", "-S 0",
  ]

  @Test("Of each form they are restored as they were", arguments: options) func forms(_ options: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try makeDisk(in: scratch)
      let image = scratch("image")
      try shell("qemu-img convert -f raw -O qcow2 \(options) '\(raw)' '\(image)'")
      let disk = try restore(image, mebibytes: 40, guest)
      #expect(try shell("cmp '\(raw)' '\(disk)' && echo same") == "same")
      // Onto a larger one, where the rest is zero.
      let larger = try restore(image, mebibytes: 50, guest)
      #expect(try shell("truncate -s 50M '\(raw)' && cmp '\(raw)' '\(larger)' && echo same") == "same")
    }
  }

  @Test("With snapshots, a table that was moved, and clusters in disorder too") func used() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let image = scratch("image")
      try shell(
        """
        qemu-img create -q -f qcow2 '\(image)' 30M
        write() { for command; do echo "$command"; done | qemu-io -f qcow2 '\(image)' >/dev/null; }
        write 'write -P 1 20M 3M' 'write -P 2 0 2M' 'write -P 3 10M 1000' 'discard 21M 1M' 'write -z 1M 512k'
        qemu-img snapshot -c one '\(image)'
        write 'write -P 4 19M 2M' 'write -P 5 1000 70000' 'write -c -P 6 12M 64k'
        qemu-img resize -q '\(image)' 9G
        write 'write -P 7 8G 100k' 'write -P 8 29M 2M'
        qemu-img convert -f qcow2 -O raw '\(image)' '\(scratch("raw"))'
        """)
      let disk = try restore(image, mebibytes: 9 << 10, guest)
      // It has much nothing in it, over which cmp would take its time.
      #expect(try shell("qemu-img compare -f raw -F raw '\(scratch("raw"))' '\(disk)'") == "Images are identical.")
    }
  }

  /// An image of one cluster in each MiB, with its header at 0, the first table in cluster 3 and the second in cluster 4.
  private func makeImage(in scratch: Scratch) throws -> [UInt8] {
    let image = scratch("whole")
    try shell(
      """
      qemu-img create -q -f qcow2 '\(image)' 8M
      for at in 0 1 2 3 4; do echo "write -P 9 ${at}M 64k"; done | qemu-io -f qcow2 '\(image)' >/dev/null
      """)
    return try Descriptor(image, O_RDONLY).bytes(at: 0, count: 1 << 20)
  }

  private static let cluster = 64 << 10

  struct Damage: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let offset: Int
    let value: UInt64
    let width: Int
    let message: String

    init(_ words: String, _ offset: Int, _ value: UInt64, width: Int = 8, _ message: String) {
      (testDescription, self.offset, self.value, self.width, self.message) = (words, offset, value, width, message)
    }
  }

  private static let damages = [
    Damage("a disk of 2^63 bytes", 24, 1 << 63, "do not reach to the end of its disk"),
    Damage("a disk of all bytes that there can be", 24, .max, "do not reach to the end of its disk"),
    Damage("a disk without a byte", 24, 0, "of a disk of 0 bytes"),
    Damage("clusters of 2^40 bytes", 20, 40, width: 4, "its clusters have 2^40 bytes"),
    Damage("clusters of 2 bytes", 20, 1, width: 4, "its clusters have 2^1 bytes"),
    Damage("a first table of gigabytes", 36, 1 << 29, width: 4, "has 4.0 GiB, and at most 32 MiB are read"),
    Damage("no first table", 36, 0, width: 4, "do not reach to the end of its disk"),
    Damage("a first table that is nowhere", 40, 0, "its first table is at byte 0"),
    Damage("a first table behind the end", 40, 1 << 40, "and its tables more"),
    Damage("a first table between clusters", 40, 3 << 16 + 512, "its first table is at byte"),
    Damage("a mark that it is corrupt", 72, 2, "marked as corrupt"),
    Damage("a feature to come", 72, 1 << 40, "features that are not known (0x10000000000)"),
    Damage("another packing", 104, 7, width: 1, ""),
    Damage("a second table behind the end", 3 * cluster, 1 << 50, "and a part of it is at byte 1125899906842624"),
    Damage("a second table between clusters", 3 * cluster, 1 << 63 | 4 << 16 + 512, "a table of it is at byte"),
    Damage("a first table that is its own second", 3 * cluster, 1 << 63 | 3 << 16, "the qcow2 image is damaged"),
    Damage("a cluster behind the end", 4 * cluster, 1 << 63 | 1 << 50, "and a part of it is at byte"),
    Damage("a cluster between clusters", 4 * cluster, 1 << 63 | 5 << 16 + 512, "a cluster of it is at byte"),
    Damage("two clusters in one place", 4 * cluster, 1 << 63 | 6 << 16, "belongs to two places"),
    Damage("a packed cluster of noise", 4 * cluster, 1 << 62 | 4 << 16, "can't be unpacked"),
    Damage("a packed cluster where another is", 4 * cluster, 1 << 62 | 6 << 16, "overlap"),
    Damage("a packed cluster behind the end", 4 * cluster, 1 << 62 | 1 << 50, "and a part of it is at byte"),
  ]

  @Test("One that is damaged is refused, and leaves nothing on the disk", arguments: damages)
  func damaged(_ damage: Damage) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      var image = try makeImage(in: scratch)
      for index in 0..<damage.width {
        image[damage.offset + index] = UInt8(truncatingIfNeeded: damage.value >> UInt64(8 * (damage.width - 1 - index)))
      }
      let path = try scratch.write(image, to: "image")
      let isIgnored = damage.message.isEmpty
      let failure =
        isIgnored
        ? nil : #expect(throws: Failure.self, "\(damage)") { try restore(path, mebibytes: 8, guest) }
      if isIgnored { _ = try restore(path, mebibytes: 8, guest) } else { #expect(failure?.code == .dump) }
      #expect(failure?.message.contains(damage.message) != false, "\(String(describing: failure))")
      guard !isIgnored else { return }
      #expect(try shell("head -c 1M '\(scratch("restored"))' | tr -d '\\0' | wc -c") == "0")
    }
  }

  @Test("One that is cut off anywhere is refused") func cutOff() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let image = try makeImage(in: scratch)
      for length in [80, 200, 65536, 3 * Self.cluster, 3 * Self.cluster + 4, 4 * Self.cluster + 100, 8 * Self.cluster] {
        let path = try scratch.write(Array(image[..<length]), to: "image")
        let failure = #expect(throws: Failure.self) { try restore(path, mebibytes: 8, guest) }
        #expect(failure?.code == .dump, "\(length): \(String(describing: failure))")
      }
    }
  }
}
