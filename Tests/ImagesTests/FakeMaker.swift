// SPDX-License-Identifier: Apache-2.0
import Ext4
import LinuxIO
import Report
import Synchronization
import TestSupport

@testable import Images

/// Makes images in no time, and counts how often it did; real ones are made by the tests that drive the program.
final class FakeMaker: Sendable {
  private let builds = Mutex(0)
  private let failure: Mutex<Failure?> = Mutex(nil)
  /// Microseconds that each build takes.
  let delay: UInt32

  static let size: UInt64 = 8 << 20
  static let used = [
    ByteRange(offset: 0, length: 4096), ByteRange(offset: 1 << 20, length: (2 << 20) + 8192),
    ByteRange(offset: 7 << 20, length: 1 << 20),
  ]

  init(delay: UInt32 = 0) {
    self.delay = delay
  }

  var count: Int { builds.withLock { $0 } }

  func fail(with failure: Failure?) {
    self.failure.withLock { $0 = failure }
  }

  var maker: ImageMaker {
    ImageMaker(
      neededRoom: 1 << 20,
      bootstrap: { recipe, tar, scratch, _ throws(Failure) in
        self.builds.withLock { $0 += 1 }
        sleepMicroseconds(self.delay)
        if let failure = self.failure.withLock({ $0 }) { throw failure }
        try! shell("echo content > '\(tar)'; mkdir '\(scratch)/tree'; ln -s /etc '\(scratch)/tree/etc'")
        return recipe.sources
      },
      populate: { _, image, _, _ throws(Failure) in
        try! makeSparseFile(image, size: Self.size)
        let file = try Descriptor(image, 1)
        for range in Self.used {
          let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: range.offset >> 20) + 1, count: Int(range.length))
          try bytes.withUnsafeBufferPointer { (content) throws(Failure) in
            try file.writeAll(UnsafeRawBufferPointer(content), at: range.offset)
          }
        }
        let status = "Package: apt\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.6.1\n"
        return PopulatedImage(size: Self.size, usedExtents: Self.used, dpkgStatus: Array(status.utf8), files: 17)
      })
  }
}

let anyRecipe = try! ImageRecipe(ImageRequest(suite: "bookworm", mirror: "http://m.example/debian"))
