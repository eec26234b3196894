// SPDX-License-Identifier: Apache-2.0
// Block devices and image files: ioctls and calls that are macros, variadic or hidden behind _GNU_SOURCE.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What the kernel says of a block device.
struct clinux_block {
  /// In bytes.
  uint64_t size;
  /// The logical sector in bytes.
  uint32_t sector;
  bool read_only;
  /// Of a loop device: the file behind it, by device and inode; 0 and 0 for any other.
  uint64_t backing_device;
  uint64_t backing_inode;
};

/// Opens a block device to be read past the cache of this machine; -1 with `errno`.
int clinux_open_uncached(const char *path);

/// All these return 0 or an errno.
int clinux_examine_block(int fd, struct clinux_block *block);
/// Makes a range read as zeros and gives its space back; EOPNOTSUPP where the disk can't promise that.
int clinux_punch(int fd, uint64_t offset, uint64_t length);
/// Makes a range of a file read as zeros and keeps its space.
int clinux_zero_range(int fd, uint64_t offset, uint64_t length);
/// Makes a range of a block device read as zeros, by writing where there is no faster way.
int clinux_zero_device(int fd, uint64_t offset, uint64_t length);
/// Clones a range from one file to another on the same filesystem, sharing the blocks.
int clinux_clone(int from, uint64_t source, int to, uint64_t offset, uint64_t length);
/// Has two names of one filesystem change places, in one step.
int clinux_exchange(int folder, const char *one, const char *other);
/// How many bytes wait in a pipe.
int clinux_waiting(int fd, int *count);
/// The process that holds an fcntl(2) lock on the file which excludes writing: 0 for none, -1 for one that can't be
/// named (a lock of an open file description).
int clinux_lock_holder(int fd, int64_t *pid);
/// The first byte at or after `offset` that is data, or is not; ENXIO behind the last.
int clinux_seek_data(int fd, uint64_t offset, uint64_t *data);
int clinux_seek_hole(int fd, uint64_t offset, uint64_t *hole);

/// What libblkid finds in a range of a disk; each text is empty where there is none.
struct clinux_content {
  /// Where the range begins on the disk, in bytes.
  uint64_t offset;
  uint64_t size;
  char type[32];
  /// `filesystem`, `raid`, `crypto` or `other`.
  char usage[16];
  char uuid[64];
  char label[256];
};
/// Names the filesystem, swap or the like that fills the range of `content`; with `several` more than one is known in it,
/// so none is named.
int clinux_probe(int fd, struct clinux_content *content, bool *several);
/// Finds the ranges of up to `limit` partitions; `table` is the type of the partition table, empty where there is none.
int clinux_find_partitions(int fd, struct clinux_content *partitions, int limit, int *count, char table[32]);

/// Waits until all that was written to the filesystem of an open file is on its disk.
int clinux_flush_filesystem(int fd);

/// Has the kernel begin to write a range to the disk, so that less is left for the flush at the end.
void clinux_start_writing(int fd, uint64_t offset, uint64_t length);
