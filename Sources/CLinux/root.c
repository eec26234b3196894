// SPDX-License-Identifier: Apache-2.0
// The root of a confined child: empty but for libraries, its program and what it is for. In C for the reason that spawn.c gives.
#include "confine.h"
#include "confining.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_PLACES = 8, MOST_SHOWN = 96 };

/// The new root is put together here, in the child's own mounts: every machine has it.
static const char stage[] = "/tmp";

/// Where the folder is in there that a program makes files in.
static const char target[] = "/target";

// mount_setattr(2), which the C library of Ubuntu 22.04 does not have, and whose structure two headers define.
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
enum { READ_ONLY = 1, NO_SUID = 2, NO_DEVICES = 4, NO_PROGRAMS = 8, WHOLE_TREE = 0x8000 };
struct mount_changes {
  uint64_t set, clear, propagation, user_namespace;
};

/// Writes a number without stdio; returns where it ends.
char *clinux_put_number(char *text, uint32_t number) {
  char digits[16];
  int count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  while (count > 0) *text++ = digits[--count];
  *text = 0;
  return text;
}

/// Makes the folders of `path`, below the working directory, but for its last name.
static void make_folders(const char *path) {
  char part[4096];
  size_t length = strnlen(path, sizeof part);
  if (length >= sizeof part) return;
  for (size_t end = 1; end < length; end++) {
    if (path[end] != '/') continue;
    memcpy(part, path, end);
    part[end] = 0;
    mkdir(part + 1, 0755);  // what is wrong with it shows in what comes behind
  }
}

static void descriptor_path(char *text, int descriptor) {
  clinux_put_number(stpcpy(text, "/proc/self/fd/"), (uint32_t)descriptor);
}

/// Shows what `source` is open on at `place`, below the working directory, with what is mounted below it, all by the same rules.
static int show(int source, const char *place, unsigned rules) {
  char path[64];
  descriptor_path(path, source);
  if (mount(path, place, NULL, MS_BIND | MS_REC, NULL) != 0) return -1;
  struct mount_changes changes = {.set = rules};
  if (syscall(SYS_mount_setattr, AT_FDCWD, place, WHOLE_TREE, &changes, sizeof changes) == 0) return 0;
  if (errno != ENOSYS && errno != EPERM) return -1;
  // Older than Linux 5.12, or a container that refuses it: without what is mounted below.
  if (umount2(place, MNT_DETACH) != 0 || mount(path, place, NULL, MS_BIND, NULL) != 0) return -1;
  struct statvfs status;
  unsigned long flags = MS_NOSUID;
  if (statvfs(place, &status) == 0) {
    // A namespace of users may not take these off again.
    if (status.f_flag & ST_NOATIME) flags |= MS_NOATIME;
    if (status.f_flag & ST_NODIRATIME) flags |= MS_NODIRATIME;
    if (status.f_flag & ST_RELATIME) flags |= MS_RELATIME;
    if (status.f_flag & ST_NODEV) flags |= MS_NODEV;
    if (status.f_flag & ST_NOEXEC) flags |= MS_NOEXEC;
    if (status.f_flag & ST_RDONLY) flags |= MS_RDONLY;
  }
  flags |= (rules & READ_ONLY ? MS_RDONLY : 0) | (rules & NO_DEVICES ? MS_NODEV : 0) | (rules & NO_PROGRAMS ? MS_NOEXEC : 0);
  return mount(NULL, place, NULL, MS_REMOUNT | MS_BIND | flags, NULL);
}

/// A library, a folder of them, or the program: as a link where it is one.
static int show_program(int source, const char *path) {
  make_folders(path);
  char link[4096];
  ssize_t length = readlinkat(source, "", link, sizeof link - 1);
  if (length > 0) {
    link[length] = 0;
    return symlink(link, path + 1) == 0 || errno == EEXIST ? 0 : -1;
  }
  struct stat status, shown;
  if (fstat(source, &status) != 0) return -1;
  // In a folder that is shown already?
  if (stat(path + 1, &shown) == 0 && shown.st_dev == status.st_dev && shown.st_ino == status.st_ino) return 0;
  if (S_ISDIR(status.st_mode)) {
    if (mkdir(path + 1, 0755) != 0 && errno != EEXIST) return -1;
  } else {
    int file = open(path + 1, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    if (file < 0) return -1;
    close(file);
  }
  return show(source, path + 1, READ_ONLY | NO_SUID | NO_DEVICES);
}

int clinux_find_place(const struct clinux_place *place) {
  struct stat status;
  int file = open(place->path, O_PATH | O_CLOEXEC);
  if (file < 0) return -1;
  int error = ESTALE;
  if (fstat(file, &status) != 0)
    error = errno;
  else if (place->is_block_device ? S_ISBLK(status.st_mode) && status.st_rdev == place->device
                                  : status.st_dev == place->device && status.st_ino == place->inode)
    return file;
  close(file);
  errno = error;
  return -1;
}

static int show_place(const struct clinux_place *place, int source, const struct clinux_confinement *confinement, struct clinux_birth *birth) {
  struct stat status;
  if (fstat(source, &status) != 0) return -1;
  if (S_ISDIR(status.st_mode)) {
    mkdir(target + 1, 0755);
    return show(source, target + 1, NO_SUID | NO_DEVICES | NO_PROGRAMS);
  }
  make_folders(place->path);
  const char *path = place->path + 1;
  mode_t mode = place->writable ? 0600 : 0400;
  if (place->is_block_device && !(confinement->layers & CLINUX_USER_NAMESPACE)) {
    // A node of its own: another user may not open the machine's.
    if (mknod(path, S_IFBLK | mode, status.st_rdev) == 0) return chown(path, birth->user, birth->group);
    // A container may have devices and make none: there the program is the owner of the device, without its rights.
    birth->user = place->user;
    birth->group = place->group;
  }
  int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0) close(file);
  return show(source, path, NO_SUID | NO_PROGRAMS | (place->writable ? 0 : READ_ONLY));
}

/// The one thing of /proc that a program needs that makes files: the links to what it has open itself.
static int show_own_descriptors(int source) {
  if (source < 0) return -1;
  if (mkdir("proc/self", 0755) != 0 || mkdir("proc/self/fd", 0755) != 0) return -1;
  return show(source, "proc/self/fd", READ_ONLY | NO_SUID | NO_DEVICES | NO_PROGRAMS);
}

int clinux_enter_empty_root(const struct clinux_confinement *confinement, struct clinux_birth *birth, const char **what) {
  int shown[MOST_SHOWN], places[MOST_PLACES];
  *what = "mounts of its own";
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return -1;
  // Opened before the stage covers what may be below it.
  int count = 0;
  for (const char *const *path = confinement->shown; *path; path++, count++) {
    *what = *path;
    if (count == MOST_SHOWN) return errno = E2BIG, -1;
    shown[count] = open(*path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (shown[count] < 0) return -1;
  }
  if (confinement->place_count > MOST_PLACES) return errno = E2BIG, -1;
  for (int index = 0; index < confinement->place_count; index++) {
    *what = confinement->places[index].path;
    places[index] = clinux_find_place(&confinement->places[index]);
    if (places[index] < 0) return -1;
  }
  int null = open("/dev/null", O_PATH | O_CLOEXEC);
  int own = confinement->role == CLINUX_EXTRACTOR ? open("/proc/self/fd", O_PATH | O_CLOEXEC) : -1;

  *what = stage;
  if (mount("none", stage, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,nr_inodes=2k,mode=755") != 0 || chdir(stage) != 0)
    return -1;
  for (int index = 0; index < count; index++) {
    *what = confinement->shown[index];
    if (show_program(shown[index], *what) != 0) return -1;
  }
  // e2fsprogs look into these for whether a disk is in use, which the caller has done: nothing is.
  mkdir("proc", 0755);
  mkdir("dev", 0755);
  static const char *const empty[] = {"proc/mounts", "proc/swaps", "dev/null"};
  for (int index = 0; index < 3; index++) {
    int file = open(empty[index], O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (file >= 0) close(file);
  }
  if (null >= 0) show(null, "dev/null", NO_SUID | NO_PROGRAMS);
  *what = "/proc/self/fd";
  if (confinement->role == CLINUX_EXTRACTOR && show_own_descriptors(own) != 0) return -1;
  for (int index = 0; index < confinement->place_count; index++) {
    *what = confinement->places[index].path;
    if (show_place(&confinement->places[index], places[index], confinement, birth) != 0) return -1;
  }
  *what = "an empty root";
  make_folders(confinement->folder);
  mkdir(confinement->folder + 1, 0755);
  if (mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL) != 0) return -1;
  // The manual of pivot_root(2): the old root is put onto the new one, and taken off.
  if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) return -1;
  if (confinement->target < 0) return 0;
  // Once more, from in here: by ".." the descriptor of the caller would lead to all that is above it.
  *what = "the folder to make files in";
  int folder = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || dup2(folder, confinement->target) < 0) return -1;
  return close(folder);
}
