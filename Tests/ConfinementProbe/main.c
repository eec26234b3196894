// SPDX-License-Identifier: Apache-2.0
// `confinement-probe without CALL,CALL PROGRAM ARGUMENT...` executes a program as a container would that refuses these system
// calls; `namespaces` are the flags of clone(2) for them. `confinement-probe below PROBE FOLDER` mounts something at a folder
// among the libraries, and has a confined probe make a file there. Otherwise it
// tries one thing that a confined program may not do: `confinement-probe ROLE ATTEMPT [PATH]`. Exits with 0 where it could,
// with 1 where it was refused; a filter of system calls ends it. For the roles of our own program it sets their filter first.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "spawn.h"

static int refused(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  return 1;
}

static int open_it(const char *path, int flags) {
  int file = open(path, flags, 0600);
  if (file < 0) return refused(path);
  char byte = 1;
  if (flags & (O_WRONLY | O_RDWR) && pwrite(file, &byte, 1, 0) != 1) return refused(path);
  return 0;
}

static int try_it(const char *attempt, const char *path) {
  char byte;
  if (strcmp(attempt, "wait") == 0) return read(0, &byte, 1) == 0 ? 0 : 1;
  if (strcmp(attempt, "read") == 0) return open_it(path, O_RDONLY);
  if (strcmp(attempt, "write") == 0) return open_it(path, O_WRONLY);
  if (strcmp(attempt, "make") == 0) return open_it(path, O_WRONLY | O_CREAT);
  if (strcmp(attempt, "connect") == 0) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int socket_one = socket(AF_UNIX, SOCK_STREAM, 0);
    if (socket_one < 0 || connect(socket_one, (struct sockaddr *)&address, sizeof address) != 0) return refused("connect");
    return 0;
  }
  if (strcmp(attempt, "execute") == 0) {
    char *arguments[] = {(char *)path, NULL};
    execv(path, arguments);
    return refused("execute");
  }
  if (strcmp(attempt, "fork") == 0) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child < 0 ? refused("fork") : 0;
  }
  // What the broker has open too: its flags and its lock.
  if (strcmp(attempt, "append") == 0) {
    int flags = fcntl(1, F_GETFL);
    return fcntl(1, F_SETFL, flags | O_APPEND) != 0 ? refused("append") : 0;
  }
  if (strcmp(attempt, "unlock") == 0) return flock(1, LOCK_UN) != 0 ? refused("unlock") : 0;
  // In the folder that an extractor has as descriptor 4, and above it.
  if (strcmp(attempt, "make-inside") == 0) {
    int file = openat(4, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    return file < 0 ? refused(path) : 0;
  }
  if (strcmp(attempt, "name-above") == 0) {
    int file = openat(4, path, O_PATH);
    return file < 0 ? refused(path) : 0;
  }
  if (strcmp(attempt, "read-device") == 0) {
    if (mknodat(4, "device", S_IFBLK | 0600, (dev_t)strtoul(path, NULL, 10)) != 0) return 2;
    int device = openat(4, "device", O_RDONLY | O_NONBLOCK);
    return device < 0 ? refused(path) : 0;
  }
  pid_t other = (pid_t)strtol(path, NULL, 10);
  if (strcmp(attempt, "trace") == 0) return ptrace(PTRACE_SEIZE, other, NULL, NULL) != 0 ? refused("trace") : 0;
  if (strcmp(attempt, "signal") == 0) return kill(other, 0) != 0 ? refused("signal") : 0;
  if (strcmp(attempt, "mount") == 0) return mount("none", path, "tmpfs", 0, NULL) != 0 ? refused("mount") : 0;
  if (strcmp(attempt, "root") == 0) return setuid(0) != 0 || chroot("/") != 0 ? refused("root") : 0;
  return 2;
}

static int add_refusal(scmp_filter_ctx filter, const char *name) {
  if (strcmp(name, "namespaces") != 0)
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), seccomp_syscall_resolve_name(name), 0);
  static const int kinds[] = {CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET};
  int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0);
  for (size_t index = 0; result == 0 && index < sizeof kinds / sizeof *kinds; index++)
    result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, (scmp_datum_t)kinds[index], (scmp_datum_t)kinds[index]));
  return result;
}

static int run_without(char *names, char **program) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (!filter) return 3;
  for (char *name = strtok(names, ","); name; name = strtok(NULL, ","))
    if (add_refusal(filter, name) != 0) return 3;
  if (seccomp_load(filter) != 0) return 3;
  execvp(program[0], program);
  return 3;
}

/// Mounts a filesystem at a folder among the libraries, in mounts of its own, and has a confined child make a file there.
static int try_below_libraries(char *self, char *folder) {
  char path[4096];
  snprintf(path, sizeof path, "%s/made", folder);
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("none", folder, "tmpfs", 0, "mode=1777") != 0)
    return 3;
  if (open_it(path, O_WRONLY | O_CREAT) != 0 || unlink(path) != 0) return 4;
  const char *shown[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64", self, NULL};
  struct clinux_confinement confinement = {
      .role = CLINUX_CHECKER, .layers = CLINUX_NAMESPACES, .shown = shown, .target = -1, .folder = "/"};
  char *slots[] = {NULL, self, "checker", "make", path, NULL}, *environment[] = {NULL};
  struct clinux_spawn request = {
      .path = self, .slots = slots, .environment = environment, .descriptors = {-1, 1, 2}, .mask = -1,
      .confinement = &confinement};
  enum clinux_spawn_step step;
  const char *what;
  pid_t child = clinux_start(&request, &step, &what);
  bool signalled;
  int code;
  uint64_t seconds;
  if (child < 0 || clinux_reap(child, &signalled, &code, &seconds) != 0 || signalled) return 5;
  return code;
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  const char *role = arguments[1];
  if (strcmp(role, "without") == 0 && count > 3) return run_without(arguments[2], arguments + 3);
  if (strcmp(role, "below") == 0 && count > 3) return try_below_libraries(arguments[2], arguments[3]);
  if (strcmp(role, "worker") == 0 && clinux_restrict(CLINUX_WORKER) != 0) return 3;
  if (strcmp(role, "extractor") == 0 && clinux_restrict(CLINUX_EXTRACTOR) != 0) return 3;
  return try_it(arguments[2], count > 3 ? arguments[3] : "");
}
