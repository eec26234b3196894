// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Fetch
internal import Guest
internal import Interface
internal import LinuxIO
internal import Report

extension Configuration {
  /// Where it goes, at the most.
  var placeOfSeed: (words: String, size: UInt64) {
    diskRoles.values.contains(.seed) ? ("a disk for it", SeedImage.largest) : SeedImage.largestPartition
  }

  /// Read from its file, or fetched from its URL, by the host; nil where none is configured.
  ///
  /// - Throws: `.invalid` for what cloud-init does not read, or no seed has room for.
  func userDataBytes() throws(Failure) -> [UInt8]? {
    guard let userData else { return nil }
    let isPlace = ["/", "http:", "https:", "file:"].contains { userData.lowercased().hasPrefix($0) }
    let source = isPlace ? try Location(userData) : nil
    let bytes = try source.map { place throws(Failure) in try self.bytes(at: place) } ?? Array(userData.utf8)
    try SeedImage.refuseWithoutRoom([UInt64(bytes.count)], placeOfSeed)
    if let fault = UserData.fault(of: bytes) {
      let words = source.map { "user_data, \($0)," } ?? "user_data"
      throw Failure(.invalid, "\(words) can't be used: it \(fault)", remedy: "begin it with #cloud-config or #!")
    }
    return bytes
  }

  private func bytes(at place: Location) throws(Failure) -> [UInt8] {
    var limits = DownloadLimits(size: placeOfSeed.size)
    limits.duration = 300
    let download = Download(place, limits: limits, isVerifiedLater: false)
    let file = try Descriptor(inMemory: "user-data")
    let count = try Steps(.quiet).step("fetch the user data") { progress throws(Failure) in
      try download.run(into: file, progress: progress)
    }
    return try file.bytes(at: 0, count: Int(count))
  }
}
