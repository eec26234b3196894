// SPDX-License-Identifier: Apache-2.0
// Landlock: which files a confined child may open, whatever else is in its root. In C for the reason that spawn.c gives.
#include "confine.h"
#include "confining.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int clinux_landlock_version(void) {
  long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? (int)version : 0;
}

static void allow(int rules, int file, uint64_t access) {
  struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = file};
  struct stat status;
  // A right that a file cannot have is refused.
  if (fstat(file, &status) == 0 && !S_ISDIR(status.st_mode)) rule.allowed_access &= ~(uint64_t)LANDLOCK_ACCESS_FS_READ_DIR;
  syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static void allow_below(int rules, const char *path, uint64_t access) {
  int file = open(path, O_PATH | O_CLOEXEC);
  if (file < 0) return;
  allow(rules, file, access);
  close(file);
}

int clinux_restrict_paths(const struct clinux_confinement *confinement, int program, const char **what) {
  *what = "Landlock";
  // The rights of each version: 13 at first, then referring (2), truncating (3), ioctl on devices (5), which e2fsck needs.
  static const uint64_t handled[] = {0, 0x1fff, 0x3fff, 0x7fff};
  int version = clinux_landlock_version();
  // Version 1 refuses every second name of a file in another folder.
  if (confinement->target >= 0 && version < 2) return 0;
  uint64_t rights = handled[version > 3 ? 3 : version];
  struct landlock_ruleset_attr attributes = {.handled_access_fs = rights};
  long rules = syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
  if (rules < 0) return -1;
  uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  for (const char *const *path = confinement->shown; *path; path++)
    allow_below((int)rules, *path, reading | LANDLOCK_ACCESS_FS_EXECUTE);
  if (program >= 0) allow((int)rules, program, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE);
  if (confinement->target >= 0) allow((int)rules, confinement->target, rights & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE);
  for (int index = 0; confinement->target < 0 && index < confinement->place_count; index++) {
    const struct clinux_place *place = &confinement->places[index];
    uint64_t truncating = version >= 3 ? (uint64_t)1 << 14 : 0;
    uint64_t access = LANDLOCK_ACCESS_FS_READ_FILE | (place->writable ? LANDLOCK_ACCESS_FS_WRITE_FILE | truncating : 0);
    *what = place->path;
    int file = clinux_find_place(place);
    if (file < 0) return -1;
    allow((int)rules, file, access);
    close(file);
  }
  *what = "Landlock";
  static const char *const always[] = {"/dev/null", "/proc/mounts", "/proc/swaps", "/etc/ld.so.cache"};
  for (int index = 0; index < 4; index++)
    allow_below((int)rules, always[index], LANDLOCK_ACCESS_FS_READ_FILE | (index == 0 ? LANDLOCK_ACCESS_FS_WRITE_FILE : 0));
  long result = syscall(SYS_landlock_restrict_self, (int)rules, 0);
  close((int)rules);
  return (int)result;
}
