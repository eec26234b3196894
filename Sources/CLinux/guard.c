// SPDX-License-Identifier: Apache-2.0
#include "guard.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

// PR_SET_PDEATHSIG reaches only the child, not what the child started (mmdebstrap's apt and dpkg, a script's tar).
// So a process of ours is told of each child's group, and ends them all when the socket to it closes: that is when
// this process is gone, however it went.
static int guard_socket = -1;

enum { GUARD_GROUPS = 256 };

static void guard_main(int socket) {
  pid_t groups[GUARD_GROUPS] = {0};
  pid_t message;
  ssize_t count;
  while ((count = recv(socket, &message, sizeof message, 0)) != 0) {
    if (count != sizeof message) continue;
    pid_t wanted = message > 0 ? 0 : -message;
    for (int index = 0; index < GUARD_GROUPS; index++) {
      if (groups[index] != wanted) continue;
      groups[index] = message > 0 ? message : 0;
      break;
    }
  }
  for (int index = 0; index < GUARD_GROUPS; index++) {
    if (groups[index] > 0) kill(-groups[index], SIGKILL);
  }
  _exit(0);
}

/// Keeps only `socket`, as descriptor 0: the guard must not hold a pipe open that somebody waits on.
static int guard_keep(int socket) {
  if (dup2(socket, 0) < 0) _exit(1);
  close_range(1, ~0U, 0);
  return 0;
}

void clinux_start_guard(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return;
  pid_t pid = fork();
  if (pid == 0) {
    setsid();
    prctl(PR_SET_NAME, "guestsmith-guard");
    int socket = guard_keep(pair[1]);
    if (chdir("/") != 0) _exit(1);
    char ready = 1;
    send(socket, &ready, sizeof ready, MSG_NOSIGNAL);
    guard_main(socket);
  }
  close(pair[1]);
  char ready;
  // Until it has let go of our descriptors: an open script of ours could not be executed (ETXTBSY) before.
  if (pid > 0 && recv(pair[0], &ready, sizeof ready, 0) == sizeof ready) {
    guard_socket = pair[0];
  } else {
    close(pair[0]);
  }
}

void clinux_tell_guard(pid_t message) {
  if (guard_socket >= 0) send(guard_socket, &message, sizeof message, MSG_NOSIGNAL);
}
