// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// What is done with a guest.
enum GuestOperation: String, CaseIterable, Sendable {
  /// Its files are read out of a dump.
  case extract
  case rename
  /// Exported, and imported under another name onto a disk of the same size.
  case same = "import"
  case larger, smaller
  /// Installed anew, with files of the old one kept.
  case reinstall
}

/// A way in which mke2fs makes a guest's filesystem.
struct FeatureLayout: Sendable, CustomTestStringConvertible {
  let name: String
  /// For mke2fs(8).
  let options: String
  /// For debugfs(8), once the files are in.
  var edits: [String] = []
  /// What is refused with a message, and with nothing changed.
  var refused: Set<GuestOperation> = []
  /// It stands for others in every run of the tests; the rest is for scripts/test-features.
  var isCommon = false

  var testDescription: String { name }

  static let tested =
    inherited["GUESTSMITH_ALL_FEATURES"] == nil ? all.filter(\.isCommon) : all

  init(
    _ name: String, _ options: String, edits: [String] = [], refused: Set<GuestOperation> = [], isCommon: Bool = false
  ) {
    self.name = name
    self.options = options
    self.edits = edits
    self.refused = refused
    self.isCommon = isCommon
  }

  static let all = [
    // What distributions make.
    FeatureLayout("ext4 of e2fsprogs 1.47.0 (Debian 12)", "-t ext4", isCommon: true),
    FeatureLayout(
      "ext4 of e2fsprogs 1.47.2 (Debian 13)", "-t ext4 -b 4096 -O metadata_csum_seed,orphan_file", isCommon: true),
    FeatureLayout(
      "ext4 of e2fsprogs 1.42 (Ubuntu 16.04)", "-t ext4 -O ^metadata_csum,^64bit,uninit_bg", isCommon: true),
    FeatureLayout("ext3", "-t ext3"),
    FeatureLayout("ext2", "-t ext2"),
    FeatureLayout("ext2 of revision 0", "-t ext2 -r 0 -O none", isCommon: true),
    FeatureLayout(
      "Android",
      "-t ext4 -b 4096 -O encrypt,verity,casefold,quota,project,stable_inodes -E encoding=utf8,quotatype=usrquota:grpquota:prjquota",
      refused: [.smaller]),
    // Each feature that is not there otherwise, or is.
    FeatureLayout("has_journal off", "-t ext4 -O ^has_journal"),
    FeatureLayout("fast_commit", "-t ext4 -O fast_commit"),
    FeatureLayout("ext_attr off", "-t ext4 -O ^ext_attr"),
    FeatureLayout("dir_index off", "-t ext4 -O ^dir_index"),
    FeatureLayout("filetype off", "-t ext4 -O ^filetype", isCommon: true),
    FeatureLayout("extent off", "-t ext4 -O ^extent,^64bit"),
    FeatureLayout("64bit off", "-t ext4 -O ^64bit"),
    FeatureLayout("flex_bg off", "-t ext4 -O ^flex_bg"),
    FeatureLayout("flex_bg and resize_inode off", "-t ext4 -O ^flex_bg,^resize_inode"),
    FeatureLayout("huge_file, dir_nlink and extra_isize off", "-t ext4 -O ^huge_file,^dir_nlink,^extra_isize"),
    FeatureLayout("large_file off", "-t ext4 -O ^large_file,^huge_file"),
    FeatureLayout("metadata_csum off", "-t ext4 -O ^metadata_csum"),
    FeatureLayout("uninit_bg", "-t ext4 -O ^metadata_csum,uninit_bg"),
    FeatureLayout("metadata_csum_seed", "-t ext4 -O metadata_csum_seed"),
    FeatureLayout("resize_inode off", "-t ext4 -O ^resize_inode"),
    FeatureLayout("meta_bg", "-t ext4 -O meta_bg,^resize_inode", isCommon: true),
    FeatureLayout("sparse_super off", "-t ext4 -O ^sparse_super,^resize_inode"),
    FeatureLayout("sparse_super2", "-t ext4 -O sparse_super2,^resize_inode", isCommon: true),
    FeatureLayout("orphan_file", "-t ext4 -O orphan_file"),
    FeatureLayout("inline_data", "-t ext4 -O inline_data", isCommon: true),
    FeatureLayout("inline_data in inodes of 1024 bytes", "-t ext4 -b 4096 -I 1024 -O inline_data"),
    FeatureLayout(
      "ea_inode", "-t ext4 -b 4096 -O ea_inode",
      edits: ["ea_set -f large /etc/hostname user.large", "ea_set -f large /etc/ssh/ssh_host_rsa_key user.large"],
      refused: [.reinstall], isCommon: true),
    FeatureLayout(
      "ea_inode without metadata_csum", "-t ext4 -b 4096 -O ea_inode,^metadata_csum",
      edits: ["ea_set -f large /etc/hostname user.large", "ea_set -f large /etc/ssh/ssh_host_rsa_key user.large"],
      refused: [.reinstall]),
    FeatureLayout("large_dir", "-t ext4 -O large_dir"),
    FeatureLayout("mmp", "-t ext4 -O mmp -E mmp_update_interval=1"),
    FeatureLayout("bigalloc", "-t ext4 -b 4096 -N 8000 -O bigalloc -C 16384", refused: [.smaller], isCommon: true),
    FeatureLayout(
      "bigalloc without a journal", "-t ext4 -b 4096 -N 8000 -O bigalloc,^has_journal", refused: [.smaller]),
    FeatureLayout("quota", "-t ext4 -O quota", isCommon: true),
    FeatureLayout("quota and project", "-t ext4 -O quota,project -E quotatype=usrquota:grpquota:prjquota"),
    FeatureLayout("project", "-t ext4 -O project"),
    FeatureLayout("encrypt", "-t ext4 -O encrypt"),
    FeatureLayout("encrypt and stable_inodes", "-t ext4 -O encrypt,stable_inodes", refused: [.smaller]),
    FeatureLayout("verity", "-t ext4 -b 4096 -O verity", edits: ["sif /etc/hostname flags 0x180000"], isCommon: true),
    FeatureLayout(
      "casefold", "-t ext4 -O casefold -E encoding=utf8",
      edits: ["sif /etc flags 0x40080000", "ln /etc/hostname /etc/HostName", "unlink /etc/hostname"], isCommon: true),
    // Sizes.
    FeatureLayout("blocks of 1024 bytes", "-t ext4 -b 1024"),
    FeatureLayout("blocks of 2048 bytes", "-t ext4 -b 2048"),
    FeatureLayout("blocks of 4096 bytes", "-t ext4 -b 4096"),
    FeatureLayout("blocks of 65536 bytes", "-t ext4 -b 65536 -N 8000"),
    FeatureLayout("inodes of 128 bytes", "-t ext4 -I 128", isCommon: true),
    FeatureLayout("inodes of 512 bytes", "-t ext4 -I 512"),
    FeatureLayout("inodes of 1024 bytes", "-t ext4 -I 1024"),
    FeatureLayout("packed_meta_blocks", "-t ext4 -E packed_meta_blocks=1"),
    FeatureLayout("inode tables and journal cleared", "-t ext4 -E lazy_itable_init=0,lazy_journal_init=0"),
    // Several at once.
    FeatureLayout(
      "inline_data, ea_inode, quota, orphan_file and metadata_csum_seed",
      "-t ext4 -b 4096 -O inline_data,ea_inode,quota,orphan_file,metadata_csum_seed",
      edits: ["ea_set -f large /etc/hostname user.large"], isCommon: true),
    FeatureLayout(
      "bigalloc, inline_data, quota and project", "-t ext4 -b 4096 -N 8000 -O bigalloc,inline_data,quota,project",
      refused: [.smaller]),
    FeatureLayout(
      "meta_bg, orphan_file, large_dir and fast_commit",
      "-t ext4 -b 4096 -O meta_bg,^resize_inode,orphan_file,large_dir,fast_commit"),
  ]
}
