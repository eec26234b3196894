// SPDX-License-Identifier: Apache-2.0
#include "named.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/// The kernel has calls by descriptor alone for owner and times; for the rest there is the link that /proc has to the very
/// thing that is open.
struct own_path {
  char text[32];
};

static struct own_path own_path(int fd) {
  struct own_path path;
  snprintf(path.text, sizeof path.text, "/proc/self/fd/%d", fd);
  return path;
}

int clinux_open_named(int folder, const char *name) {
  return openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

int clinux_set_owner(int fd, uint32_t user, uint32_t group) { return fchownat(fd, "", user, group, AT_EMPTY_PATH); }

int clinux_set_mode(int fd, uint32_t mode) {
  int result = fchmod(fd, mode);
  return result == 0 || errno != EBADF ? result : chmod(own_path(fd).text, mode);
}

int clinux_set_times(int fd, int64_t seconds, long nanoseconds) {
  struct timespec time = {seconds, nanoseconds}, times[] = {time, time};
  return utimensat(fd, "", times, AT_EMPTY_PATH);
}

int clinux_set_attribute(int fd, const char *name, const void *value, size_t size) {
  return setxattr(own_path(fd).text, name, value, size, 0);
}

ssize_t clinux_list_attributes(const char *path, char *names, size_t size) { return llistxattr(path, names, size); }

ssize_t clinux_get_attribute(const char *path, const char *name, void *value, size_t size) {
  return lgetxattr(path, name, value, size);
}
