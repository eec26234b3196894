// SPDX-License-Identifier: Apache-2.0
// An I/O manager of libext2fs over a descriptor. libext2fs hands a manager nothing but a name, so the name is the
// device's address in this process; it never leaves it.
#include "CExt2FS.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/// From that many bytes on the disk begins to write at once: each copy of the group descriptors takes 8 MiB of 16 TiB. More in
/// one call costs the kernel a multiple of the time (measured on Linux 6.18, ext4).
#define LARGE_WRITE (1 << 20)

#define SUPER_START 1024
#define SUPER_END 2048

static struct cext2fs_device *device_of(io_channel channel) {
  return (struct cext2fs_device *)channel->private_data;
}

static errcode_t fail(struct cext2fs_device *device, int error) {
  device->error = error;
  return error;
}

static errcode_t transfer(struct cext2fs_device *device, bool write, uint64_t offset, size_t size, unsigned char *data) {
  if (device->read)
    return write ? fail(device, EROFS) : device->read(device->context, device->base + offset, size, data);
  while (size > 0) {
    size_t part = size < LARGE_WRITE ? size : LARGE_WRITE;
    ssize_t count = write ? pwrite(device->fd, data, part, (off_t)(device->base + offset))
                          : pread(device->fd, data, size, (off_t)(device->base + offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return fail(device, errno);
    // The end of the device: reading there is an error of the filesystem, writing there of the system.
    if (count == 0)
      return write ? fail(device, ENOSPC) : EXT2_ET_SHORT_READ;
    if (write) {
      device->written += (uint64_t)count;
      // What is wrong with it shows at the commit.
      if (count >= LARGE_WRITE)
        sync_file_range(device->fd, (off_t)(device->base + offset), count, SYNC_FILE_RANGE_WRITE);
    }
    data += count;
    offset += (uint64_t)count;
    size -= (size_t)count;
  }
  return 0;
}

// Bytes of the device that are in memory.
struct kept {
  uint64_t offset;
  size_t size;
  unsigned char *bytes;
};

// Splits a transfer around what is in memory.
static errcode_t split(struct cext2fs_device *device, bool write, uint64_t offset, size_t size, unsigned char *data,
                       const struct kept *kept, size_t count) {
  if (size == 0)
    return 0;
  if (count == 0)
    return transfer(device, write, offset, size, data);
  uint64_t end = offset + size, kept_end = kept->offset + kept->size;
  if (offset >= kept_end || end <= kept->offset)
    return split(device, write, offset, size, data, kept + 1, count - 1);
  uint64_t from = offset > kept->offset ? offset : kept->offset, to = end < kept_end ? end : kept_end;
  errcode_t error = split(device, write, offset, from - offset, data, kept + 1, count - 1);
  if (error)
    return error;
  unsigned char *inside = kept->bytes + (from - kept->offset);
  if (write)
    memcpy(inside, data + (from - offset), to - from);
  else
    memcpy(data + (from - offset), inside, to - from);
  return split(device, write, to, end - to, data + (to - offset), kept + 1, count - 1);
}

static errcode_t move(struct cext2fs_device *device, bool write, uint64_t offset, size_t size, unsigned char *data) {
  uint64_t end = offset + size;
  if (end < offset || end > device->size)
    return write ? fail(device, ENOSPC) : EXT2_ET_SHORT_READ;
  if (!write && size > device->allowance) {
    device->exhausted = true;
    return fail(device, EFBIG);
  }
  if (!write)
    device->allowance -= size;
  struct kept kept[2];
  size_t count = 0;
  if (device->deferred)
    kept[count++] = (struct kept){SUPER_START, SUPER_END - SUPER_START, device->superblock};
  if (device->held)
    kept[count++] = (struct kept){device->held_offset, device->held_size, device->held};
  return split(device, write, offset, size, data, kept, count);
}

static errcode_t blocks(io_channel channel, bool write, unsigned long long block, int count, void *data) {
  // A negative count is a number of bytes.
  size_t size = count < 0 ? (size_t)-(int64_t)count : (size_t)count * (size_t)channel->block_size;
  uint64_t offset;
  if (__builtin_mul_overflow((uint64_t)block, (uint64_t)channel->block_size, &offset))
    return EXT2_ET_BAD_BLOCK_NUM;
  return move(device_of(channel), write, offset, size, data);
}

static errcode_t read_blk64(io_channel channel, unsigned long long block, int count, void *data) {
  return blocks(channel, false, block, count, data);
}

static errcode_t write_blk64(io_channel channel, unsigned long long block, int count, const void *data) {
  return blocks(channel, true, block, count, (void *)(uintptr_t)data);
}

static errcode_t read_blk(io_channel channel, unsigned long block, int count, void *data) {
  return read_blk64(channel, block, count, data);
}

static errcode_t write_blk(io_channel channel, unsigned long block, int count, const void *data) {
  return write_blk64(channel, block, count, data);
}

static errcode_t set_blksize(io_channel channel, int size) {
  channel->block_size = size;
  return 0;
}

static errcode_t flush(io_channel channel) {
  // Else the owner of the descriptor flushes once, at the commit.
  struct cext2fs_device *device = device_of(channel);
  return device->flushes && fdatasync(device->fd) != 0 ? fail(device, errno) : 0;
}

static errcode_t set_option(io_channel channel, const char *option, const char *argument) {
  (void)channel, (void)option, (void)argument;
  return EXT2_ET_INVALID_ARGUMENT;
}

// Punching gives zeros on files and, where the kernel can promise them, on devices; else libext2fs writes zeros.
static errcode_t zeroout(io_channel channel, unsigned long long block, unsigned long long count) {
  struct cext2fs_device *device = device_of(channel);
  uint64_t size = (uint64_t)channel->block_size, offset, length, end;
  if (__builtin_mul_overflow((uint64_t)block, size, &offset) || __builtin_mul_overflow((uint64_t)count, size, &length) ||
      __builtin_add_overflow(offset, length, &end) || end > device->size)
    return fail(device, ENOSPC);
  if (fallocate(device->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(device->base + offset),
                (off_t)length) == 0)
    return 0;
  return EXT2_ET_UNIMPLEMENTED;
}

static errcode_t close_channel(io_channel channel) {
  if (--channel->refcount > 0)
    return 0;
  ext2fs_free_mem(&channel->name);
  ext2fs_free_mem(&channel);
  return 0;
}

static errcode_t open_channel(const char *name, int flags, io_channel *result);

static struct struct_io_manager manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "guestsmith descriptor",
    .open = open_channel,
    .close = close_channel,
    .set_blksize = set_blksize,
    .read_blk = read_blk,
    .write_blk = write_blk,
    .flush = flush,
    .set_option = set_option,
    .read_blk64 = read_blk64,
    .write_blk64 = write_blk64,
    .zeroout = zeroout,
};

static errcode_t open_channel(const char *name, int flags, io_channel *result) {
  (void)flags;
  uintptr_t address = 0;
  if (sscanf(name, "gs:%" SCNxPTR, &address) != 1 || !address)
    return EXT2_ET_BAD_DEVICE_NAME;
  io_channel channel;
  errcode_t error = ext2fs_get_memzero(sizeof(*channel), &channel);
  if (error)
    return error;
  error = ext2fs_get_mem(strlen(name) + 1, &channel->name);
  if (error) {
    ext2fs_free_mem(&channel);
    return error;
  }
  strcpy(channel->name, name);
  channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
  channel->manager = &manager;
  channel->block_size = 1024;
  channel->refcount = 1;
  channel->private_data = (void *)address;
  *result = channel;
  return 0;
}

// libext2fs says some things on standard error, with an address of ours as the name of the disk.
static void say_nothing(const char *who, errcode_t code, const char *format, va_list arguments) {
  (void)who, (void)code, (void)format, (void)arguments;
}

errcode_t cext2fs_device_read(struct cext2fs_device *device, uint64_t offset, size_t size, void *data) {
  return move(device, false, offset, size, data);
}

io_manager cext2fs_device_manager(void) {
  set_com_err_hook(say_nothing);
  initialize_ext2_error_table();
  return &manager;
}

void cext2fs_device_name(const struct cext2fs_device *device, char *name) {
  snprintf(name, 32, "gs:%" PRIxPTR, (uintptr_t)device);
}

int cext2fs_device_open_uncached(const struct cext2fs_device *device) {
  struct stat status;
  if (fstat(device->fd, &status) != 0)
    return -1;
  // A file on this machine has no other truth than the cache, and may lie where the cache can't be passed.
  if (!S_ISBLK(status.st_mode))
    return fcntl(device->fd, F_DUPFD_CLOEXEC, 3);
  if (device->uncached > 0)
    return fcntl(device->uncached, F_DUPFD_CLOEXEC, 3);
  char path[32];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", device->fd);
  return open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
}

int cext2fs_device_defer(struct cext2fs_device *device, bool hidden) {
  unsigned char kept[sizeof(device->superblock)];
  if (device->deferred)
    return 0;
  if (transfer(device, false, SUPER_START, sizeof(kept), kept) != 0)
    return device->error ? device->error : EIO;
  memcpy(device->superblock, kept, sizeof(kept));
  if (hidden) {
    memset(kept, 0, sizeof(kept));
    if (transfer(device, true, SUPER_START, sizeof(kept), kept) != 0)
      return device->error;
  }
  if (fsync(device->fd) != 0)
    return errno;
  device->deferred = true;
  return 0;
}

int cext2fs_device_hold(struct cext2fs_device *device, uint64_t offset, size_t size) {
  if (device->held)
    return EBUSY;
  unsigned char *held = malloc(size);
  if (!held)
    return ENOMEM;
  errcode_t error = move(device, false, offset, size, held);
  if (error) {
    free(held);
    return device->error ? device->error : EIO;
  }
  device->held_offset = offset;
  device->held_size = size;
  device->held = held;
  return 0;
}

int cext2fs_device_release(struct cext2fs_device *device, bool flushes) {
  unsigned char *held = device->held;
  if (!held)
    return 0;
  device->held = NULL;
  errcode_t error = 0;
  if (flushes && fdatasync(device->fd) != 0)
    error = errno;
  if (!error)
    error = move(device, true, device->held_offset, device->held_size, held);
  free(held);
  return (int)error;
}

void cext2fs_device_drop(struct cext2fs_device *device) {
  free(device->held);
  device->held = NULL;
}

int cext2fs_device_commit(struct cext2fs_device *device) {
  if (fsync(device->fd) != 0)
    return errno;
  if (device->deferred) {
    device->deferred = false;
    if (transfer(device, true, SUPER_START, SUPER_END - SUPER_START, device->superblock) != 0)
      return device->error;
    if (fsync(device->fd) != 0)
      return errno;
  }
  return 0;
}
