// SPDX-License-Identifier: Apache-2.0
// Filters by which a system call does nothing and is said to be done, in C since a child sets them between clone and exec.
#include "confining.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define OWN_PROCESSOR AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_PROCESSOR AUDIT_ARCH_AARCH64
#endif

#define DONE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO)
#define AS_EVER BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/// Goes on `done` rules further where the call is this one.
#define IS(call, done) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, done, 0)
// Other processors' programs, which this one may run too, have other numbers: what they do is done.
#define BEGIN \
  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)), \
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_PROCESSOR, 1, 0), AS_EVER, \
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))

static int filter(struct sock_filter *rules, unsigned short count) {
  struct sock_fprog program = {.len = count, .filter = rules};
  // Root needs not give up what programs with rights of their own have: a bootstrap may run some.
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return 0;
  if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int clinux_pretend(enum clinux_pretence pretence) {
  struct sock_filter lengths[] = {BEGIN, IS(ftruncate, 1), AS_EVER, DONE};
  struct sock_filter written[] = {
      BEGIN, IS(fsync, 5), IS(fdatasync, 4), IS(sync, 3), IS(syncfs, 2), IS(sync_file_range, 1), AS_EVER, DONE,
  };
  switch (pretence) {
    case CLINUX_PRETEND_NOTHING: return 0;
    case CLINUX_PRETEND_LENGTHS: return filter(lengths, sizeof lengths / sizeof *lengths);
    case CLINUX_PRETEND_WRITTEN:
      // It saves time, and no more: a kernel without such filters does the work too.
      filter(written, sizeof written / sizeof *written);
      return 0;
  }
  errno = EINVAL;
  return -1;
}
