// SPDX-License-Identifier: Apache-2.0
// Macros and bit fields of libext2fs that Swift can't import, as functions.
#include "CExt2FS.h"

uint32_t cext2fs_inode_uid(const struct ext2_inode *inode) { return inode_uid(*inode); }
uint32_t cext2fs_inode_gid(const struct ext2_inode *inode) { return inode_gid(*inode); }

void cext2fs_inode_set_owner(struct ext2_inode *inode, uint32_t uid, uint32_t gid) {
  inode->i_uid = (uint16_t)uid;
  inode->osd2.linux2.l_i_uid_high = (uint16_t)(uid >> 16);
  inode->i_gid = (uint16_t)gid;
  inode->osd2.linux2.l_i_gid_high = (uint16_t)(gid >> 16);
}

// The extra word of a time: its low two bits carry the seconds past 2038, the rest are nanoseconds
// (kernel, Documentation/filesystems/ext4/inodes.rst).
static uint32_t extra_time(int64_t seconds, uint32_t nanoseconds) {
  return (uint32_t)(((seconds - (int32_t)seconds) >> 32) & 3) | (nanoseconds << 2);
}

void cext2fs_inode_set_changed(struct ext2_inode_large *inode, int64_t seconds) {
  inode->i_ctime = inode->i_mtime = (uint32_t)seconds;
  // The words are where attributes are in an inode with fewer fields; i_extra_isize counts from byte 128.
  if (inode->i_extra_isize >= 8)
    inode->i_ctime_extra = extra_time(seconds, 0);
  if (inode->i_extra_isize >= 12)
    inode->i_mtime_extra = extra_time(seconds, 0);
}

void cext2fs_inode_set_times(struct ext2_inode_large *inode, int64_t seconds, uint32_t nanoseconds) {
  uint32_t extra = extra_time(seconds, nanoseconds);
  inode->i_atime = inode->i_ctime = inode->i_mtime = (uint32_t)seconds;
  inode->i_atime_extra = inode->i_ctime_extra = inode->i_mtime_extra = extra;
  inode->i_crtime = (uint32_t)seconds;
  inode->i_crtime_extra = extra;
}

// An old 16-bit number in the first slot where it fits, else a new 32-bit one in the second.
void cext2fs_inode_set_device(struct ext2_inode *inode, uint32_t major, uint32_t minor) {
  if (major < 256 && minor < 256) {
    inode->i_block[0] = major * 256 + minor;
    inode->i_block[1] = 0;
  } else {
    inode->i_block[0] = 0;
    inode->i_block[1] = (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
  }
}
