// SPDX-License-Identifier: Apache-2.0
// The system calls of each role. What is not in a list ends the process: it shows a guest that has taken the program over,
// or a library that does what it did not do before.
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/blkzoned.h>
#include <linux/cdrom.h>
#include <linux/fd.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/loop.h>
#include <linux/sed-opal.h>
#include <sched.h>
#include <scsi/sg.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/// What every program does: memory, time, signals to itself, what it has open.
static const char *const always[] = {
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "close", "close_range", "fstat",
    "lseek", "_llseek", "mmap", "mmap2", "mprotect", "munmap", "mremap", "madvise", "brk", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "exit", "exit_group", "futex", "futex_time64",
    "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getuid32", "geteuid32", "getgid32",
    "getegid32", "getrandom", "clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday",
    "time", "times", "restart_syscall", "set_tid_address", "set_robust_list", "rseq", "arch_prctl", "getrusage",
    "sysinfo", "uname", "sched_yield", "sched_getaffinity", "poll", "ppoll", "select", "pselect6", "dup", "dup2", "dup3", "umask", "membarrier", "fadvise64", "fsync", "fdatasync", "pipe", "pipe2", "alarm", "setitimer",
    NULL,
};

// Newer than the headers of Debian 12.
#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ _IOR(0x12, 128, __u64)
#endif
#ifndef IOC_OPAL_GET_STATUS
#define IOC_OPAL_GET_STATUS _IOR('p', 236, struct opal_status)
struct opal_status { __u32 flags, reserved; };
#endif

// TCGETS2, of which only the kernel's own header has the structure.
#define NEWER_TCGETS 0x802c542aUL

/// What a program does that is executed: it opens its libraries.
static const char *const opening[] = {
    "stat", "lstat", "newfstatat", "fstatat64", "statx", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getcwd", "statfs", "fstatfs", "getdents64",
    NULL,
};

/// What opens, to read and to write.
static const char *const writing[] = {"open", "openat", NULL};

/// What a program does with a disk.
static const char *const disks[] = {
    "fallocate", "ftruncate", "sync_file_range", "copy_file_range",
    NULL,
};

/// What a tool does with descriptors that are its own; those of a worker are shared with the broker, flags and locks included.
static const char *const descriptors[] = {"fcntl", "fcntl64", "flock", NULL};

/// What a worker does with them: it copies them, and asks.
static const int descriptor_commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL};

/// Threads, and how they wait.
static const char *const threads[] = {
    "eventfd2", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "timerfd_create", "timerfd_settime",
    "signalfd4", "sched_setaffinity",
    NULL,
};

/// What is not done, and said to be: libdispatch gives its threads a priority, which another user than the caller may not do
/// where that has given up some of its own (nice), and would tell the system's log, by a socket.
static const char *const pretended[] = {"setpriority", NULL};

/// What a worker does with the socket and the files that it has.
static const char *const ours[] = {
    // glibc asks for a descriptor's status by these too; by a path there is nothing in an empty root.
    "newfstatat", "fstatat64", "statx", "fstatfs", "sendmsg", "recvmsg", "sendto", "recvfrom", "shutdown", NULL,
};

/// What the extraction of a guest's files does in the folder that it has.
static const char *const extraction[] = {
    "mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat", "newfstatat", "fchmod", "fchmodat", "fchown", "fchownat",
    "utimensat", "chmod", "setxattr", "fsetxattr", "flistxattr", "fgetxattr", "getdents64", "readlinkat", "renameat2",
    NULL,
};

/// What is refused without a word: libraries try these and go on without them.
static const char *const refused[] = {
    "clone3", "io_uring_setup", "sched_setscheduler", "mlock", "mlock2", "set_mempolicy", "get_mempolicy",
    "mbind", "ioprio_set", "ioprio_get",
    // xz 5.6 confines itself, once more.
    "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    NULL,
};

/// Of a worker: it has no root to find anything in, and libraries look for what may not be there.
static const char *const unfound[] = {
    "openat2", "stat", "lstat", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "statfs",
    NULL,
};

static const unsigned long disk_requests[] = {
    BLKGETSIZE64, BLKSSZGET, BLKPBSZGET, BLKBSZGET, BLKROGET, BLKFLSBUF, BLKDISCARD, BLKZEROOUT, BLKIOMIN, BLKIOOPT,
    BLKALIGNOFF, BLKDISCARDZEROES, BLKROTATIONAL, BLKGETSIZE, BLKGETZONESZ, BLKGETDISKSEQ, FICLONERANGE, FICLONE, FIGETBSZ,
};

/// What is asked of a terminal, a floppy disk, a CD-ROM and the like: no guest's disk is one.
static const unsigned long refused_requests[] = {
    TCGETS, NEWER_TCGETS, FDGETPRM, FDGETFDCSTAT, CDROM_GET_CAPABILITY, CDROM_LAST_WRITTEN, CDROM_DRIVE_STATUS, CDROMREADTOCHDR, HDIO_GETGEO,
    BLKREPORTZONE, FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR, FS_IOC_FIEMAP, LOOP_GET_STATUS64, IOC_OPAL_GET_STATUS, SG_IO, CDROM_GET_MCN,
};

/// What a program sets and asks of itself.
static const int own_matters[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_TIMERSLACK, PR_SET_NO_NEW_PRIVS};

static int add(scmp_filter_ctx filter, uint32_t action, const char *const *names) {
  for (; *names; names++) {
    int number = seccomp_syscall_resolve_name(*names);
    if (number == __NR_SCMP_ERROR || number < 0) continue;  // of another processor, or newer than the library
    int result = seccomp_rule_add(filter, action, number, 0);
    if (result != 0 && result != -EEXIST) return result;
  }
  return 0;
}

/// A rule for a call whose argument is `value`, as far as the bits of `mask` go.
static int add_for(
    scmp_filter_ctx filter, uint32_t action, int number, unsigned argument, uint64_t mask, uint64_t value) {
  struct scmp_arg_cmp compared = {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
  return seccomp_rule_add(filter, action, number, 1, compared);
}

/// Files are opened to be read, and not made.
static int add_reading(scmp_filter_ctx filter) {
  uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
  int result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 2, writing, 0);
  if (result == 0 && seccomp_syscall_resolve_name("open") >= 0)
    result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, writing, 0);
  return result;
}

/// Files are made, folders opened, and the rest is only named: a device that a guest has is made, and never opened.
static int add_making(scmp_filter_ctx filter) {
  uint64_t reading = O_ACCMODE | O_CREAT | O_PATH | O_DIRECTORY;
  int result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 2, O_CREAT | O_EXCL, O_CREAT | O_EXCL);
  if (result == 0) result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 2, O_PATH | O_CREAT, O_PATH);
  if (result == 0) result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 2, reading, O_DIRECTORY);
  // Libraries look for what they do without.
  return result == 0 ? add_for(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(openat), 2, reading, 0) : result;
}

static int add_rules(scmp_filter_ctx filter, enum clinux_role role, const char *executed, bool is_alone) {
  bool is_ours = !executed;
  uint64_t all = ~(uint64_t)0;
  int result = add(filter, SCMP_ACT_ALLOW, always);
  if (result == 0) result = add(filter, SCMP_ACT_ERRNO(ENOSYS), refused);
  if (result == 0) result = add(filter, SCMP_ACT_ERRNO(0), pretended);
  // A limit is read, and never set.
  if (result == 0) result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, all, 0);
  // The first process of a namespace is alone with its threads; elsewhere it knows its number when it is there.
  if (result == 0 && (is_alone || is_ours))
    result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0, all, is_alone ? 1 : (uint64_t)getpid());
  else if (result == 0)
    result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0);
  for (size_t index = 0; result == 0 && index < sizeof own_matters / sizeof *own_matters; index++)
    result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 0, all, (uint64_t)own_matters[index]);
  for (size_t index = 0; result == 0 && index < sizeof refused_requests / sizeof *refused_requests; index++)
    result = add_for(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1, all, refused_requests[index]);
  if (role != CLINUX_UNPACKER) {
    if (result == 0) result = add(filter, SCMP_ACT_ALLOW, disks);
    for (size_t index = 0; result == 0 && index < sizeof disk_requests / sizeof *disk_requests; index++)
      result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, all, disk_requests[index]);
  }
  uint64_t thread = CLONE_THREAD | CLONE_VM;
  if (result == 0) result = add(filter, SCMP_ACT_ALLOW, threads);
  if (result == 0) result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 0, thread, thread);
  if (!is_ours) {
    if (result == 0) result = add(filter, SCMP_ACT_ALLOW, descriptors);
    if (result == 0) result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(execve), 0, all, (uint64_t)(uintptr_t)executed);
    // What unpacks a stream has nothing to open but libraries and itself.
    if (result == 0)
      result = role == CLINUX_UNPACKER ? add_reading(filter) : add(filter, SCMP_ACT_ALLOW, writing);
    return result == 0 ? add(filter, SCMP_ACT_ALLOW, opening) : result;
  }
  for (size_t index = 0; result == 0 && index < sizeof descriptor_commands / sizeof *descriptor_commands; index++)
    result = add_for(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, 0xffffffff, (uint64_t)descriptor_commands[index]);
  if (result == 0) result = add(filter, SCMP_ACT_ALLOW, ours);
  if (result != 0) return result;
  if (role == CLINUX_EXTRACTOR) {
    result = add_making(filter);
    return result == 0 ? add(filter, SCMP_ACT_ALLOW, extraction) : result;
  }
  // libext2fs looks into /proc/mounts, which is empty there; what is only read is in an empty root, or behind Landlock.
  result = add_reading(filter);
  return result == 0 ? add(filter, SCMP_ACT_ERRNO(ENOENT), unfound) : result;
}

static scmp_filter_ctx make(enum clinux_role role, const char *executed, bool is_alone) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (!filter) {
    errno = ENOMEM;
    return NULL;
  }
  int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  // By a tree: each call is compared with few numbers.
  if (result == 0) result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (result == 0) result = add_rules(filter, role, executed, is_alone);
  if (result == 0) return filter;
  seccomp_release(filter);
  errno = -result;
  return NULL;
}

void *clinux_make_filter(enum clinux_role role, bool is_alone, size_t *length) {
  scmp_filter_ctx filter = make(role, clinux_confined_executable(), is_alone);
  if (!filter) return NULL;
  int file = memfd_create("filter", MFD_CLOEXEC);
  int result = file < 0 ? -errno : seccomp_export_bpf(filter, file);
  seccomp_release(filter);
  struct stat status;
  void *bytes = NULL;
  if (result == 0 && fstat(file, &status) == 0 && (bytes = malloc((size_t)status.st_size)) != NULL) {
    *length = (size_t)status.st_size;
    if (pread(file, bytes, *length, 0) != (ssize_t)*length) {
      free(bytes);
      bytes = NULL;
      result = -EIO;
    }
  }
  if (file >= 0) close(file);
  if (!bytes) errno = result != 0 ? -result : ENOMEM;
  return bytes;
}

int clinux_restrict(enum clinux_role role) {
  scmp_filter_ctx filter = make(role, NULL, getpid() == 1);
  if (!filter) return -1;
  // All threads that there are by now.
  int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
  if (result == 0) result = seccomp_load(filter);
  seccomp_release(filter);
  if (result == 0) return 0;
  errno = -result;
  return -1;
}
