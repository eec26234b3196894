// SPDX-License-Identifier: Apache-2.0
#include "block.h"
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int retried(int fd, int mode, uint64_t offset, uint64_t length) {
  while (fallocate(fd, mode, (off_t)offset, (off_t)length) != 0)
    if (errno != EINTR)
      return errno;
  return 0;
}

int clinux_examine_block(int fd, struct clinux_block *block) {
  int sector = 0, read_only = 0;
  if (ioctl(fd, BLKGETSIZE64, &block->size) != 0 || ioctl(fd, BLKSSZGET, &sector) != 0 ||
      ioctl(fd, BLKROGET, &read_only) != 0)
    return errno;
  block->sector = (uint32_t)sector;
  block->read_only = read_only != 0;
  block->backing_device = block->backing_inode = 0;
  struct loop_info64 info;
  if (ioctl(fd, LOOP_GET_STATUS64, &info) == 0) {
    block->backing_device = info.lo_device;
    block->backing_inode = info.lo_inode;
  }
  return 0;
}

// On a block device too: the kernel then uses only commands of the disk that are sure to give zeros.
int clinux_punch(int fd, uint64_t offset, uint64_t length) {
  return retried(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int clinux_zero_range(int fd, uint64_t offset, uint64_t length) {
  return retried(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int clinux_zero_device(int fd, uint64_t offset, uint64_t length) {
  uint64_t range[2] = {offset, length};
  return ioctl(fd, BLKZEROOUT, range) == 0 ? 0 : errno;
}

int clinux_clone(int from, uint64_t source, int to, uint64_t offset, uint64_t length) {
  struct file_clone_range range = {
      .src_fd = from, .src_offset = source, .src_length = length, .dest_offset = offset};
  return ioctl(to, FICLONERANGE, &range) == 0 ? 0 : errno;
}

int clinux_exchange(int folder, const char *one, const char *other) {
  return renameat2(folder, one, folder, other, RENAME_EXCHANGE) == 0 ? 0 : errno;
}

int clinux_open_uncached(const char *path) { return open(path, O_RDONLY | O_DIRECT | O_CLOEXEC); }

int clinux_waiting(int fd, int *count) { return ioctl(fd, FIONREAD, count) == 0 ? 0 : errno; }

static void copy_value(blkid_probe probe, const char *name, char *text, size_t size) {
  const char *value;
  if (blkid_probe_lookup_value(probe, name, &value, NULL) == 0)
    strncpy(text, value, size - 1);
}

// Whether more than one thing is known: libblkid 2.41 ends as with an error then.
static bool finds_several(blkid_probe probe) {
  int found = 0;
  blkid_reset_probe(probe);
  while (found < 2 && blkid_do_probe(probe) == 0)
    found++;
  return found > 1;
}

int clinux_probe(int fd, struct clinux_content *content, bool *several) {
  *several = false;
  blkid_probe probe = blkid_new_probe();
  if (!probe)
    return ENOMEM;
  int error = 0;
  errno = 0;
  if (blkid_probe_set_device(probe, fd, (blkid_loff_t)content->offset, (blkid_loff_t)content->size) != 0)
    error = errno ? errno : EIO;
  if (!error) {
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL);
    // 1: nothing known; -2: more than one thing, so none that can be named.
    int result = blkid_do_safeprobe(probe);
    if (result == 0) {
      copy_value(probe, "TYPE", content->type, sizeof content->type);
      copy_value(probe, "USAGE", content->usage, sizeof content->usage);
      copy_value(probe, "UUID", content->uuid, sizeof content->uuid);
      copy_value(probe, "LABEL", content->label, sizeof content->label);
    } else if (result != 1) {
      int found = errno;
      *several = result == -2 || finds_several(probe);
      if (!*several)
        error = found ? found : EIO;
    }
  }
  blkid_free_probe(probe);
  return error;
}

int clinux_find_partitions(int fd, struct clinux_content *partitions, int limit, int *count, char table[32]) {
  *count = 0;
  table[0] = 0;
  blkid_probe probe = blkid_new_probe();
  if (!probe)
    return ENOMEM;
  int error = 0;
  errno = 0;
  if (blkid_probe_set_device(probe, fd, 0, 0) != 0)
    error = errno ? errno : EIO;
  if (!error) {
    blkid_probe_enable_partitions(probe, 1);
    blkid_partlist list = blkid_probe_get_partitions(probe);
    blkid_parttable known = list ? blkid_partlist_get_table(list) : NULL;
    if (known)
      snprintf(table, 32, "%s", blkid_parttable_get_type(known));
    int found = list ? blkid_partlist_numof_partitions(list) : 0;
    for (int index = 0; index < found && *count < limit; index++) {
      blkid_partition partition = blkid_partlist_get_partition(list, index);
      if (blkid_partition_is_extended(partition))
        continue;
      struct clinux_content *range = &partitions[(*count)++];
      // libblkid counts in sectors of 512 bytes, whatever the device's.
      range->offset = (uint64_t)blkid_partition_get_start(partition) * 512;
      range->size = (uint64_t)blkid_partition_get_size(partition) * 512;
    }
  }
  blkid_free_probe(probe);
  return error;
}

int clinux_lock_holder(int fd, int64_t *pid) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  *pid = 0;
  // The variant for open file descriptions also sees the locks of this very process.
  if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
    return errno;
  if (lock.l_type != F_UNLCK)
    *pid = lock.l_pid;
  return 0;
}

static int seek(int fd, int whence, uint64_t offset, uint64_t *result) {
  off_t found = lseek(fd, (off_t)offset, whence);
  if (found < 0)
    return errno;
  *result = (uint64_t)found;
  return 0;
}

int clinux_seek_data(int fd, uint64_t offset, uint64_t *data) { return seek(fd, SEEK_DATA, offset, data); }
int clinux_seek_hole(int fd, uint64_t offset, uint64_t *hole) { return seek(fd, SEEK_HOLE, offset, hole); }

int clinux_flush_filesystem(int fd) {
  while (syncfs(fd) != 0)
    if (errno != EINTR)
      return errno;
  return 0;
}

void clinux_start_writing(int fd, uint64_t offset, uint64_t length) {
  sync_file_range(fd, (off_t)offset, (off_t)length, SYNC_FILE_RANGE_WRITE);
}
