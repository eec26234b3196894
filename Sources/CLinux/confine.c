// SPDX-License-Identifier: Apache-2.0
// The confinement of a child between clone and exec: an empty root with nothing but libraries, the program and the disk that
// it is for; no rights, no network, no other process. In C for the reason that spawn.c gives.
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_PLACES = 8, MOST_SHOWN = 96 };

/// The new root is put together here, in the child's own mounts: every machine has it.
static const char stage[] = "/tmp";

// MARK: Namespaces

int clinux_confinement_flags(const struct clinux_confinement *confinement) {
  if (!(confinement->layers & CLINUX_NAMESPACES)) return 0;
  return CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
         (confinement->layers & CLINUX_USER_NAMESPACE ? CLONE_NEWUSER : 0);
}

static int write_text(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t count = write(file, text, strlen(text));
  int error = errno;
  close(file);
  errno = error;
  return count == (ssize_t)strlen(text) ? 0 : -1;
}

/// Writes a number without stdio; returns where it ends.
static char *put_number(char *text, uint32_t number) {
  char digits[16];
  int count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  while (count > 0) *text++ = digits[--count];
  *text = 0;
  return text;
}

/// "N N 1\n"
static void one_to_one(char *line, uint32_t number) {
  stpcpy(put_number(stpcpy(put_number(line, number), " "), number), " 1\n");
}

/// In a namespace of users the caller stays who it is. `user` and `group` are what it was before.
static int map_ids(uint32_t user, uint32_t group) {
  char line[64];
  one_to_one(line, user);
  if (write_text("/proc/self/uid_map", line) != 0) return -1;
  if (write_text("/proc/self/setgroups", "deny") != 0 && errno != ENOENT) return -1;
  one_to_one(line, group);
  return write_text("/proc/self/gid_map", line);
}

// MARK: The root

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
  put_number(stpcpy(text, "/proc/self/fd/"), (uint32_t)descriptor);
}

/// Shows what `source` is open on at `target`, below the working directory.
static int show(int source, const char *target, bool writable, bool executable) {
  char path[64];
  descriptor_path(path, source);
  if (mount(path, target, NULL, MS_BIND | MS_REC, NULL) != 0) return -1;
  struct statvfs status;
  unsigned long flags = 0;
  if (statvfs(target, &status) == 0) {
    // A namespace of users may not take these off again.
    if (status.f_flag & ST_NODEV) flags |= MS_NODEV;
    if (status.f_flag & ST_NOATIME) flags |= MS_NOATIME;
    if (status.f_flag & ST_NODIRATIME) flags |= MS_NODIRATIME;
    if (status.f_flag & ST_RELATIME) flags |= MS_RELATIME;
    if (status.f_flag & ST_NOEXEC) flags |= MS_NOEXEC;
    if (status.f_flag & ST_RDONLY) flags |= MS_RDONLY;
  }
  flags |= MS_NOSUID | (writable ? 0 : MS_RDONLY) | (executable ? 0 : MS_NOEXEC);
  return mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | flags, NULL);
}

/// A library, a folder of them, or the program: as a link where it is one.
static int show_program(int source, const char *path) {
  make_folders(path);
  char target[4096];
  ssize_t length = readlinkat(source, "", target, sizeof target - 1);
  if (length > 0) {
    target[length] = 0;
    return symlink(target, path + 1) == 0 || errno == EEXIST ? 0 : -1;
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
  return show(source, path + 1, false, true);
}

static int show_place(const struct clinux_place *place, int source, const struct clinux_confinement *confinement) {
  struct stat status;
  if (fstat(source, &status) != 0) return -1;
  bool is_it = place->is_block_device ? S_ISBLK(status.st_mode) && status.st_rdev == place->device
                                      : status.st_dev == place->device && status.st_ino == place->inode;
  if (!is_it) {
    errno = ESTALE;
    return -1;
  }
  make_folders(place->path);
  const char *target = place->path + 1;
  mode_t mode = place->writable ? 0600 : 0400;
  if (place->is_block_device && !(confinement->layers & CLINUX_USER_NAMESPACE)) {
    // A node of its own: another user may not open the machine's.
    if (mknod(target, S_IFBLK | mode, status.st_rdev) != 0) return -1;
    return chown(target, confinement->user, confinement->group);
  }
  int file = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0) close(file);
  return show(source, target, place->writable, false);
}

static int enter_root(const struct clinux_confinement *confinement, const char **what) {
  int shown[MOST_SHOWN], places[MOST_PLACES];
  *what = "mounts of its own";
  if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) return -1;
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
    places[index] = open(*what, O_PATH | O_CLOEXEC);
    if (places[index] < 0) return -1;
  }
  int null = open("/dev/null", O_PATH | O_CLOEXEC);

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
  if (null >= 0) show(null, "dev/null", true, false);
  for (int index = 0; index < confinement->place_count; index++) {
    *what = confinement->places[index].path;
    if (show_place(&confinement->places[index], places[index], confinement) != 0) return -1;
  }
  *what = "an empty root";
  make_folders(confinement->folder);
  mkdir(confinement->folder + 1, 0755);
  if (mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL) != 0) return -1;
  // The manual of pivot_root(2): the old root is put onto the new one, and taken off.
  if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) return -1;
  return 0;
}

// MARK: Landlock

static int landlock_version(void) {
  long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? (int)version : 0;
}

static void allow_below(int rules, const char *path, uint64_t access) {
  struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = open(path, O_PATH | O_CLOEXEC)};
  if (rule.parent_fd < 0) return;
  struct stat status;
  // A right that a file cannot have is refused.
  if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode)) rule.allowed_access &= ~(uint64_t)LANDLOCK_ACCESS_FS_READ_DIR;
  syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  close(rule.parent_fd);
}

static int restrict_paths(const struct clinux_confinement *confinement) {
  // The rights of each version: 13 at first, then referring (2), truncating (3), ioctl on devices (5), which e2fsck needs.
  static const uint64_t handled[] = {0, 0x1fff, 0x3fff, 0x7fff};
  int version = landlock_version();
  uint64_t rights = handled[version > 3 ? 3 : version];
  struct landlock_ruleset_attr attributes = {.handled_access_fs = rights};
  long rules = syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
  if (rules < 0) return -1;
  uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  for (const char *const *path = confinement->shown; *path; path++)
    allow_below((int)rules, *path, reading | LANDLOCK_ACCESS_FS_EXECUTE);
  for (int index = 0; index < confinement->place_count; index++) {
    const struct clinux_place *place = &confinement->places[index];
    uint64_t truncating = version >= 3 ? (uint64_t)1 << 14 : 0;
    allow_below((int)rules, place->path,
                LANDLOCK_ACCESS_FS_READ_FILE | (place->writable ? LANDLOCK_ACCESS_FS_WRITE_FILE | truncating : 0));
  }
  static const char *const always[] = {"/dev/null", "/proc/mounts", "/proc/swaps", "/etc/ld.so.cache"};
  for (int index = 0; index < 4; index++)
    allow_below((int)rules, always[index], LANDLOCK_ACCESS_FS_READ_FILE | (index == 0 ? LANDLOCK_ACCESS_FS_WRITE_FILE : 0));
  long result = syscall(SYS_landlock_restrict_self, (int)rules, 0);
  close((int)rules);
  return (int)result;
}

// MARK: The whole

int clinux_confine(const struct clinux_confinement *confinement, const char **what) {
  if (confinement->layers & CLINUX_USER_NAMESPACE) {
    *what = "a namespace of users";
    if (map_ids(confinement->user, confinement->group) != 0) return -1;
  }
  if (confinement->layers & CLINUX_NAMESPACES) {
    // The program is somebody else, and has to find its way whatever the caller's mask: that of Ganeti's daemons is 077.
    mode_t mask = umask(0);
    int result = enter_root(confinement, what);
    umask(mask);
    if (result != 0) return -1;
    *what = confinement->folder;
    if (chdir(confinement->folder) != 0) return -1;
  }
  return 0;
}

/// Those of the process; its bounding set is another matter.
static int drop_capabilities(void) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  return (int)syscall(SYS_capset, &header, none);
}

int clinux_confine_last(const struct clinux_confinement *confinement, int broker) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  if (confinement->layers & CLINUX_LANDLOCK && restrict_paths(confinement) != 0) return -1;
  if (confinement->layers & CLINUX_USER) {
    // By the kernel, not by glibc, which has all threads do the same: a child shares the memory of ours.
    if (syscall(SYS_setgroups, 0, NULL) != 0 ||
        syscall(SYS_setresgid, confinement->group, confinement->group, confinement->group) != 0)
      return -1;
  }
  // The bounding set can only be emptied by who has a capability; the user goes after it, and the rest with the user.
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  if (confinement->layers & CLINUX_USER &&
      syscall(SYS_setresuid, confinement->user, confinement->user, confinement->user) != 0)
    return -1;
  if (drop_capabilities() != 0) return -1;
  // The kernel forgets it with the user.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // One that was killed before that has sent nothing; in a namespace of processes getppid(2) does not tell.
  struct pollfd ended = {.fd = broker, .events = POLLIN};
  if (broker >= 0 && poll(&ended, 1, 0) > 0) return errno = ESRCH, -1;
  if (broker >= 0) close(broker);
  if (!confinement->filter) return 0;
  struct sock_fprog program = {
      .len = (unsigned short)(confinement->filter_length / sizeof(struct sock_filter)),
      .filter = (struct sock_filter *)(uintptr_t)confinement->filter};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

// MARK: What there is

struct trial {
  unsigned layers;
  uint32_t user, group;
  volatile int error;
};

static int try_namespaces(void *argument) {
  struct trial *trial = argument;
  trial->error = 0;
  if ((trial->layers & CLINUX_USER_NAMESPACE && map_ids(trial->user, trial->group) != 0) ||
      mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 || mount("none", stage, "tmpfs", 0, "size=4k") != 0)
    trial->error = errno;
  _exit(0);
}

unsigned clinux_layers(int *namespace_error) {
  unsigned layers = geteuid() == 0 ? CLINUX_USER : 0;
  if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0) layers |= CLINUX_SECCOMP;
  if (landlock_version() > 0) layers |= CLINUX_LANDLOCK;
  struct trial trial = {geteuid() == 0 ? 0 : CLINUX_USER_NAMESPACE, geteuid(), getegid(), EPERM};
  static char stack[64 << 10] __attribute__((aligned(16)));
  struct clinux_confinement shape = {.layers = CLINUX_NAMESPACES | trial.layers};
  pid_t pid = clone(try_namespaces, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD | clinux_confinement_flags(&shape), &trial);
  if (pid < 0) {
    *namespace_error = errno;
  } else {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    *namespace_error = trial.error;
  }
  return *namespace_error == 0 ? layers | CLINUX_NAMESPACES | trial.layers : layers;
}
