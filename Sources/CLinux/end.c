// SPDX-License-Identifier: Apache-2.0
// The end of a child, the signals that end this process, and calls that glibc hides from Swift.
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int clinux_wait_keeping(pid_t pid, bool block) {
  siginfo_t info;
  int result;
  do {
    info.si_pid = 0;
    result = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | (block ? 0 : WNOHANG));
  } while (result != 0 && errno == EINTR);
  if (result != 0) return -1;
  return info.si_pid == pid ? 0 : 1;
}

int clinux_wait_at_most(pid_t pid, int milliseconds) {
  int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
  if (descriptor < 0) return -1;
  struct pollfd poll_one = {.fd = descriptor, .events = POLLIN};
  int found = poll(&poll_one, 1, milliseconds);
  close(descriptor);
  if (found < 0 && errno != EINTR) return -1;
  return found > 0 ? 0 : 1;
}

int clinux_reap(pid_t pid, bool *signalled, int *code, uint64_t *seconds) {
  int status;
  pid_t result;
  struct rusage usage;
  do result = wait4(pid, &status, 0, &usage);
  while (result < 0 && errno == EINTR);
  if (result < 0) return -1;
  *seconds = (uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec +
             (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000000;
  *signalled = WIFSIGNALED(status);
  *code = *signalled ? WTERMSIG(status) : WEXITSTATUS(status);
  return 0;
}

// MARK: Interrupts

void clinux_block_interrupts(sigset_t *blocked) {
  static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(blocked);
  for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++) {
    struct sigaction current;
    if (sigaction(numbers[index], NULL, &current) == 0 && current.sa_handler != SIG_IGN) {
      sigaddset(blocked, numbers[index]);
    }
  }
  pthread_sigmask(SIG_BLOCK, blocked, NULL);
}

void clinux_unblock_interrupts(void) {
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
}

const char *clinux_own_name(void) { return program_invocation_name; }

int clinux_pipe(int *ends) {
  return pipe2(ends, O_CLOEXEC);
}

int clinux_memory_file(const char *name) {
  return memfd_create(name, MFD_CLOEXEC);
}

const char *clinux_error_name(int error) { return strerrorname_np(error); }
