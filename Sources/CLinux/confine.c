// SPDX-License-Identifier: Apache-2.0
// The confinement of a child between clone and exec: namespaces, a root of its own (root.c), Landlock (landlock.c), a filter of
// system calls (filter.c), and no rights. In C for the reason that spawn.c gives.
#include "confine.h"
#include "confining.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/// "N N 1\n"
static void one_to_one(char *line, uint32_t number) {
  stpcpy(clinux_put_number(stpcpy(clinux_put_number(line, number), " "), number), " 1\n");
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

// MARK: The whole

int clinux_confine(const struct clinux_confinement *confinement, struct clinux_birth *birth, const char **what) {
  if (confinement->layers & CLINUX_USER_NAMESPACE) {
    *what = "a namespace of users";
    if (map_ids(confinement->user, confinement->group) != 0) return -1;
  }
  if (confinement->layers & CLINUX_NAMESPACES) {
    // The program is somebody else, and has to find its way whatever the caller's mask: that of Ganeti's daemons is 077.
    mode_t mask = umask(0);
    int result = clinux_enter_empty_root(confinement, birth, what);
    umask(mask);
    if (result != 0) return -1;
    *what = confinement->folder;
    if (chdir(confinement->folder) != 0) return -1;
  } else {
    for (int index = 0; index < confinement->place_count; index++) {
      const struct clinux_place *place = &confinement->places[index];
      birth->user = place->user;
      birth->group = place->group;
      if (confinement->target >= 0) continue;
      *what = place->path;
      int file = clinux_find_place(place);
      if (file < 0) return -1;
      close(file);
    }
  }
  return 0;
}

/// What root keeps, a bit each, to make a guest's files in a folder of anybody's: owners, modes, attributes, of which those in
/// `trusted` and `security` are CAP_SYS_ADMIN's, and devices.
static uint64_t kept_capabilities(const struct clinux_confinement *confinement) {
  static const int rights[] = {
      CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP, CAP_SYS_ADMIN,
  };
  uint64_t kept = 0;
  if (confinement->role == CLINUX_EXTRACTOR && geteuid() == 0)
    for (size_t index = 0; index < sizeof rights / sizeof *rights; index++) kept |= (uint64_t)1 << rights[index];
  return kept;
}

/// All of the process but those of `kept` that it has; its bounding set is another matter.
static int drop_capabilities(uint64_t kept) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct rights[2];
  if (syscall(SYS_capget, &header, rights) != 0) return -1;
  for (int half = 0; half < 2; half++) {
    rights[half].permitted &= (uint32_t)(kept >> (32 * half));
    rights[half].effective = rights[half].permitted;
    rights[half].inheritable = 0;
  }
  return (int)syscall(SYS_capset, &header, rights);
}

int clinux_confine_last(const struct clinux_confinement *confinement, const struct clinux_birth *birth, const char **what) {
  uint64_t kept = kept_capabilities(confinement);
  *what = "no new privileges";
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  if (confinement->layers & CLINUX_LANDLOCK && clinux_restrict_paths(confinement, birth->program, what) != 0) return -1;
  *what = "another user";
  if (confinement->layers & CLINUX_USER) {
    // By the kernel, not by glibc, which has all threads do the same: a child shares the memory of ours.
    if (syscall(SYS_setgroups, 0, NULL) != 0 ||
        syscall(SYS_setresgid, birth->group, birth->group, birth->group) != 0)
      return -1;
  }
  // The bounding set can only be emptied by who has a capability; the user goes after it, and the rest with the user.
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (!(kept >> capability & 1)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  if (confinement->layers & CLINUX_USER && syscall(SYS_setresuid, birth->user, birth->user, birth->user) != 0) return -1;
  *what = "no capabilities";
  if (drop_capabilities(kept) != 0) return -1;
  // The kernel forgets it with the user.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // One that was killed before that has sent nothing; in a namespace of processes getppid(2) does not tell.
  *what = NULL;
  struct pollfd ended = {.fd = birth->broker, .events = POLLIN};
  if (birth->broker >= 0 && poll(&ended, 1, 0) > 0) return errno = ESRCH, -1;
  if (birth->broker >= 0) close(birth->broker);
  if (!confinement->filter) return 0;
  *what = "a filter of system calls";
  struct sock_fprog program = {
      .len = (unsigned short)(confinement->filter_length / sizeof(struct sock_filter)),
      .filter = (struct sock_filter *)(uintptr_t)confinement->filter};
  // As a worker does for itself, which has threads.
  long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (result == 0) *what = NULL;
  return result == 0 ? 0 : -1;
}

// MARK: What there is

unsigned clinux_kernel_layers(void) {
  return (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 ? CLINUX_SECCOMP : 0) |
         (clinux_landlock_version() > 0 ? CLINUX_LANDLOCK : 0);
}
