// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <ext2fs/ext2fs.h>
#include <stdbool.h>
#include <stdint.h>

/// A disk that libext2fs reads and writes through a descriptor that is already open (and checked, and locked), instead
/// of opening a path once more. With `deferred` the primary superblock (bytes 1024 to 2047) lives in `superblock` until
/// cext2fs_device_commit: a filesystem whose work was cut short can't be mounted.
struct cext2fs_device {
  int fd;
  /// The same block device past the cache, to be read; 0 where there is none.
  int uncached;
  /// Where the filesystem begins on the disk, in bytes.
  uint64_t base;
  /// Where the device ends, in bytes from `base`: nothing is read or written beyond.
  uint64_t size;
  /// How many bytes may be read yet. What maps itself in a circle has no other end.
  uint64_t allowance;
  /// More than that was asked for.
  bool exhausted;
  bool deferred;
  /// What is written is on the disk when libext2fs says that it is to be.
  bool flushes;
  /// Bytes that were written, for the test of a failing disk and for messages.
  uint64_t written;
  /// Where it is not NULL, what reads instead of the descriptor, with `context`; nothing can be written then. 0, an
  /// errno or EXT2_ET_SHORT_READ.
  errcode_t (*read)(void *context, uint64_t offset, size_t size, void *data);
  void *context;
  /// The errno of the last call that failed: libext2fs turns some into words of its own.
  int error;
  unsigned char superblock[1024];
  /// A range that is in memory, in `held`, from cext2fs_device_hold to cext2fs_device_release; NULL where none is.
  uint64_t held_offset;
  size_t held_size;
  unsigned char *held;
};

/// The manager to hand to ext2fs_open2 and ext2fs_initialize; their name is what cext2fs_device_name gives.
io_manager cext2fs_device_manager(void);
/// Writes the name that stands for `device` into `name` (at least 32 bytes).
void cext2fs_device_name(const struct cext2fs_device *device, char *name);
/// Reads bytes as libext2fs would: 0, an errno or EXT2_ET_SHORT_READ.
errcode_t cext2fs_device_read(struct cext2fs_device *device, uint64_t offset, size_t size, void *data);
/// Another descriptor of `device`, to read what is on the disk now and not what this machine remembers of it.
/// A descriptor, or -1 with errno.
int cext2fs_device_open_uncached(const struct cext2fs_device *device);
/// Keeps the primary superblock in memory from now on, until cext2fs_device_commit; with `hidden` the disk has none for as long.
/// What was written before is on the disk then. 0 or an errno.
int cext2fs_device_defer(struct cext2fs_device *device, bool hidden);
/// Keeps a range that lies on the device in memory from now on: what is written there reaches the disk in one piece, by
/// cext2fs_device_release. 0 or an errno.
int cext2fs_device_hold(struct cext2fs_device *device, uint64_t offset, size_t size);
/// Writes the held range to the disk, with `flushes` after all that was written before is there. 0 or an errno.
int cext2fs_device_release(struct cext2fs_device *device, bool flushes);
/// Forgets the held range: on the disk it is what it was.
void cext2fs_device_drop(struct cext2fs_device *device);
/// Writes the deferred superblock to the disk; everything before it is flushed first, and it is flushed too.
/// 0 or an errno.
int cext2fs_device_commit(struct cext2fs_device *device);

// What libext2fs has as macros and bit fields only.
uint32_t cext2fs_inode_uid(const struct ext2_inode *inode);
uint32_t cext2fs_inode_gid(const struct ext2_inode *inode);
void cext2fs_inode_set_owner(struct ext2_inode *inode, uint32_t uid, uint32_t gid);
/// Sets all four times; `nanoseconds` below 10^9. Needs an inode of 256 bytes; of a smaller one only the seconds stay.
void cext2fs_inode_set_times(struct ext2_inode_large *inode, int64_t seconds, uint32_t nanoseconds);
/// Sets the times of the last change of content and inode.
void cext2fs_inode_set_changed(struct ext2_inode_large *inode, int64_t seconds);
/// Makes the inode name a device, as the kernel encodes it.
void cext2fs_inode_set_device(struct ext2_inode *inode, uint32_t major, uint32_t minor);

/// The features that this libext2fs knows, which are macros of casts: those without which a filesystem can't be read, and
/// those without which it can't be written.
/// Multiple mount protection is in the header only for who builds the library: every Debian's has it.
static inline uint32_t cext2fs_known_incompat(void) {
  return EXT2_LIB_FEATURE_INCOMPAT_SUPP | EXT4_FEATURE_INCOMPAT_MMP;
}
static inline uint32_t cext2fs_known_ro_compat(void) { return EXT2_LIB_FEATURE_RO_COMPAT_SUPP; }
