// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS

/// What a filesystem that is made here may have, by the names of ext4(5) and mke2fs(8).
package enum FilesystemFeature: String, CaseIterable, Comparable, Sendable {
  case attributes = "ext_attr"
  case indexedDirectories = "dir_index"
  case fileTypes = "filetype"
  case sparseSuperblocks = "sparse_super"
  case largeFiles = "large_file"
  case extents = "extent"
  case wideNumbers = "64bit"
  case flexibleGroups = "flex_bg"
  case hugeFiles = "huge_file"
  case manyLinks = "dir_nlink"
  case extraInodeFields = "extra_isize"
  case groupChecksums = "uninit_bg"
  case metadataChecksums = "metadata_csum"
  case checksumSeed = "metadata_csum_seed"

  package static func < (one: FilesystemFeature, other: FilesystemFeature) -> Bool { one.rawValue < other.rawValue }

  func turnOn(in superblock: inout ext2_super_block) {
    switch self {
    case .attributes: ext2fs_set_feature_xattr(&superblock)
    case .indexedDirectories: ext2fs_set_feature_dir_index(&superblock)
    case .fileTypes: ext2fs_set_feature_filetype(&superblock)
    case .sparseSuperblocks: ext2fs_set_feature_sparse_super(&superblock)
    case .largeFiles: ext2fs_set_feature_large_file(&superblock)
    case .extents: ext2fs_set_feature_extents(&superblock)
    case .wideNumbers: ext2fs_set_feature_64bit(&superblock)
    case .flexibleGroups:
      ext2fs_set_feature_flex_bg(&superblock)
      superblock.s_log_groups_per_flex = 4
    case .hugeFiles: ext2fs_set_feature_huge_file(&superblock)
    case .manyLinks: ext2fs_set_feature_dir_nlink(&superblock)
    case .extraInodeFields: ext2fs_set_feature_extra_isize(&superblock)
    case .groupChecksums: ext2fs_set_feature_gdt_csum(&superblock)
    case .metadataChecksums: ext2fs_set_feature_metadata_csum(&superblock)
    case .checksumSeed: ext2fs_set_feature_csum_seed(&superblock)
    }
  }
}

extension FilesystemOptions {
  /// The features of a filesystem with these options, but for those that come when its disk is known (`has_journal`,
  /// `resize_inode`).
  package var features: Set<FilesystemFeature> {
    var features: Set<FilesystemFeature> = [
      .attributes, .indexedDirectories, .fileTypes, .sparseSuperblocks, .largeFiles,
    ]
    guard kind == .ext4 else { return features }
    features.formUnion([
      .extents, .wideNumbers, .flexibleGroups, .hugeFiles, .manyLinks, .extraInodeFields, .metadataChecksums,
      .checksumSeed,
    ])
    features.subtract(omitted)
    if omitted.contains(.metadataChecksums) {
      features.insert(.groupChecksums)
      features.remove(.checksumSeed)
    }
    return features
  }
}
