// SPDX-License-Identifier: Apache-2.0
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

int clinux_mount_overlay(const char *lower, const char *upper, const char *work, const char *target) {
  char options[3 * 4096 + 64];
  int length =
      snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work);
  if (length < 0 || (size_t)length >= sizeof options) return ENAMETOOLONG;
  return mount("overlay", target, "overlay", 0, options) == 0 ? 0 : errno;
}

int clinux_mount_bind(const char *source, const char *target, bool read_only, bool recursive) {
  if (mount(source, target, NULL, MS_BIND | (recursive ? MS_REC : 0), NULL) != 0) return errno;
  if (!read_only) return 0;
  // What is not said again is taken back.
  struct statvfs status;
  unsigned long kept = statvfs(target, &status) == 0 && (status.f_flag & ST_NOEXEC) ? MS_NOEXEC : 0;
  if (mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | kept, NULL) == 0) return 0;
  int error = errno;
  umount2(target, MNT_DETACH);
  return error;
}

int clinux_mount_new(const char *type, const char *target, bool read_only, const char *options) {
  return mount(type, target, type, read_only ? MS_RDONLY : 0, options) == 0 ? 0 : errno;
}

int clinux_unmount(const char *target) {
  return umount2(target, MNT_DETACH) == 0 ? 0 : errno;
}

int clinux_open_place(const char *path) {
  return open(path, O_PATH | O_CLOEXEC);
}

int clinux_enter_root(const char *folder) {
  // The manual of pivot_root(2): the old root is put onto the new one, and taken off.
  if (chdir(folder) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) return errno;
  if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) return errno;
  return 0;
}

int clinux_attach_loop(int file, const char *name, bool read_only, unsigned sector, int *number, int *device) {
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return errno;
  int error = EBUSY;
  // Between the asking and the taking somebody else may take it.
  for (int attempt = 0; attempt < 64 && error == EBUSY; attempt++) {
    *number = ioctl(control, LOOP_CTL_GET_FREE);
    if (*number < 0) {
      error = errno;
      break;
    }
    char path[32];
    snprintf(path, sizeof path, "/dev/loop%d", *number);
    *device = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (*device < 0) {
      error = errno;
      break;
    }
    struct loop_config config;
    memset(&config, 0, sizeof config);
    config.fd = (unsigned)file;
    config.block_size = sector;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0);
    snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", name);
    error = ioctl(*device, LOOP_CONFIGURE, &config) == 0 ? 0 : errno;
    if (error != 0) close(*device);
  }
  close(control);
  return error;
}

int clinux_detach_loop(int device) {
  return ioctl(device, LOOP_CLR_FD) == 0 ? 0 : errno;
}
