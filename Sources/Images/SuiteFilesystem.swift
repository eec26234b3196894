// SPDX-License-Identifier: Apache-2.0
package import Ext4

/// What the software of a release can read: the one table of it.
extension FilesystemOptions {
  /// Releases whose GRUB reads a filesystem with `metadata_csum_seed` (from 2.12, and 2.06 of Debian 12 and Ubuntu 23.04
  /// on). Others get none: all that they lose is that tune2fs changes the UUID while the filesystem is mounted.
  private static let readingChecksumSeed: Set = [
    "bookworm", "trixie", "forky", "duke", "sid", "daedalus", "excalibur", "freia", "ceres",
    "lunar", "mantic", "noble", "oracular", "plucky", "questing", "resolute",
  ]

  /// Releases whose e2fsck is older than 1.43: it refuses a filesystem with `metadata_csum`, so that they would not boot.
  private static let readingNoMetadataChecksums: Set = [
    "wheezy", "jessie", "precise", "trusty", "utopic", "vivid", "wily", "xenial",
  ]

  /// The same, without the features that a release can't read.
  ///
  /// - Parameter suite: its code name.
  package func readable(bySuite suite: String) -> FilesystemOptions {
    var options = self
    if !Self.readingChecksumSeed.contains(suite) { options.omitted.insert(.checksumSeed) }
    if Self.readingNoMetadataChecksums.contains(suite) { options.omitted.insert(.metadataChecksums) }
    return options
  }
}
