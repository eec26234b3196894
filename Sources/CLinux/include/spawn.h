// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "confine.h"

enum { CLINUX_CLOSED = -2 };

/// What a child may use: seconds of the processor, bytes of addresses, bytes of each file that it writes. It leaves no
/// core file.
struct clinux_limits {
  uint64_t processor, memory, file_size;
};

/// A descriptor of the caller, and the number that it becomes.
struct clinux_extra {
  int source, number;
};

/// Whose rights a program has: those of a user, a group and one more group, and none of root's.
struct clinux_rights {
  uint32_t user, group, other_group;
};

/// Gives the rights of root up, of this thread, to whatever it executes; -1 with `errno`.
int clinux_give_up_rights(const struct clinux_rights *_Nonnull rights);

/// What a child asks for in vain, though it is told that it is done.
enum clinux_pretence {
  CLINUX_PRETEND_NOTHING,
  /// Files have the lengths that it wants: ftruncate(2).
  CLINUX_PRETEND_LENGTHS,
  /// What it wrote has reached the disk: sync(2), syncfs(2), fsync(2), fdatasync(2), sync_file_range(2).
  CLINUX_PRETEND_WRITTEN,
};

/// What a child is started with.
struct clinux_spawn {
  /// The program, with a slash in it: it is not looked up.
  const char *_Nonnull path;
  /// The argument vector with one slot before it: `slots[0]` is free, `slots[1]` is argv[0], the last is NULL.
  char *_Nullable *_Nonnull slots;
  /// The whole environment, the last is NULL.
  char *_Nullable *_Nonnull environment;
  /// The working directory, or NULL for the caller's own.
  const char *_Nullable directory;
  /// What becomes descriptors 0, 1 and 2; -1 is /dev/null, and CLINUX_CLOSED leaves the number closed.
  int descriptors[3];
  /// More descriptors; their numbers ascend and are above 2.
  const struct clinux_extra *_Nullable extras;
  int extra_count;
  /// What umask(2) is told; -1 for the caller's own.
  int mask;
  /// What it may use, or NULL for what the caller may.
  const struct clinux_limits *_Nullable limits;
  /// Whose rights it has, or NULL for the caller's.
  const struct clinux_rights *_Nullable rights;
  /// Whether it gets processes and mounts of its own, which end with it. Needs CAP_SYS_ADMIN.
  bool isolated;
  /// Whether `path` is this program itself. Where it is confined it is executed by what it is, whatever has its name by now.
  bool is_own;
  enum clinux_pretence pretence;
  /// What it can reach, or NULL for what the caller can. `path` has to be in it, but for this program itself.
  const struct clinux_confinement *_Nullable confinement;
};

/// The step at which a child could not be started.
enum clinux_spawn_step {
  CLINUX_SPAWN_FORK,
  CLINUX_SPAWN_DESCRIPTORS,
  CLINUX_SPAWN_DIRECTORY,
  CLINUX_SPAWN_NAMESPACE,
  CLINUX_SPAWN_CONFINE,
  CLINUX_SPAWN_EXECUTE,
};

/// Starts a child that leads a process group of its own and does not outlive this process.
///
/// Returns its process id once it executes the program, or -1 with `errno` set, `*step` telling where it failed, and `*what`
/// naming what was not to be had.
/// As execvp(3) does, a file that is executable and has no `#!` line is run by /bin/sh.
pid_t clinux_start(
    const struct clinux_spawn *_Nonnull request, enum clinux_spawn_step *_Nonnull step, const char *_Nullable *_Nonnull what);

/// The process group of `pid` is no longer ended with this process. To be called before `pid` is waited for.
void clinux_forget(pid_t pid);

/// Waits for `pid` to end, without making it disappear: its id stays its own. Returns 0, or 1 when it still runs
/// and `block` is false, or -1 with `errno`.
int clinux_wait_keeping(pid_t pid, bool block);

/// Waits so many milliseconds at most for `pid` to end, as the above does.
int clinux_wait_at_most(pid_t pid, int milliseconds);

/// Takes the status of an ended child. Returns 0 with `*code` its exit status or the signal, or -1 with `errno`.
/// `*seconds` is what it and its own children used of the processor.
int clinux_reap(pid_t pid, bool *_Nonnull signalled, int *_Nonnull code, uint64_t *_Nonnull seconds);

/// Ignores SIGPIPE and blocks those of SIGHUP, SIGINT and SIGTERM that are not ignored already (as SIGHUP is below
/// nohup) in this thread and in the threads that it makes; `*blocked` is what there is to wait for.
void clinux_block_interrupts(sigset_t *_Nonnull blocked);

/// The opposite, for a program that takes the place of this one.
void clinux_unblock_interrupts(void);

/// What this process was called by, argv[0]: Swift reads it from /proc, which a confined process has not.
const char *_Nonnull clinux_own_name(void);

/// pipe2 with O_CLOEXEC, which glibc hides from Swift.
int clinux_pipe(int *_Nonnull ends);

/// memfd_create with MFD_CLOEXEC: a file in memory that goes with its last descriptor.
int clinux_memory_file(const char *_Nonnull name);

/// The name of an error number, such as ENOENT; NULL for what is not one.
const char *_Nullable clinux_error_name(int error);
