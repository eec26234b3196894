// SPDX-License-Identifier: Apache-2.0
// Tries one thing that a confined program may not do: `confinement-probe ROLE ATTEMPT [PATH]`. Exits with 0 where it could, with
// 1 where it was refused; a filter of system calls ends it. For the roles of our own program it sets their filter first.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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
  pid_t other = (pid_t)strtol(path, NULL, 10);
  if (strcmp(attempt, "trace") == 0) return ptrace(PTRACE_SEIZE, other, NULL, NULL) != 0 ? refused("trace") : 0;
  if (strcmp(attempt, "signal") == 0) return kill(other, 0) != 0 ? refused("signal") : 0;
  if (strcmp(attempt, "mount") == 0) return mount("none", path, "tmpfs", 0, NULL) != 0 ? refused("mount") : 0;
  if (strcmp(attempt, "root") == 0) return setuid(0) != 0 || chroot("/") != 0 ? refused("root") : 0;
  return 2;
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  const char *role = arguments[1];
  if (strcmp(role, "worker") == 0 && clinux_restrict(CLINUX_WORKER) != 0) return 3;
  if (strcmp(role, "extractor") == 0 && clinux_restrict(CLINUX_EXTRACTOR) != 0) return 3;
  return try_it(arguments[2], count > 3 ? arguments[3] : "");
}
