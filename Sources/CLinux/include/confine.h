// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What a confined program does, and so which system calls it needs.
enum clinux_role {
  /// Unpacks a stream from its input to its output.
  CLINUX_UNPACKER,
  /// Works on the disk of a guest that it opens by its path.
  CLINUX_CHECKER,
  /// Our own program: with what it has open, and nothing else.
  CLINUX_WORKER,
  /// The same, with files that it makes in a folder that it has open.
  CLINUX_EXTRACTOR,
};

/// What keeps a confined program from the rest of the machine.
enum clinux_layer {
  /// Mounts, processes, network, IPC and host names of its own.
  CLINUX_NAMESPACES = 1,
  /// These in a namespace of users, for a caller that is not root.
  CLINUX_USER_NAMESPACE = 2,
  CLINUX_LANDLOCK = 4,
  CLINUX_SECCOMP = 8,
  /// Another user than the caller.
  CLINUX_USER = 16,
};

/// A file or block device that a confined program finds by its path.
struct clinux_place {
  /// Absolute.
  const char *_Nonnull path;
  /// What it has to be: st_dev and st_ino, or st_rdev of a block device.
  uint64_t device, inode;
  bool is_block_device;
  bool writable;
  /// Whose it is: the user that a program becomes that is given no device of its own.
  uint32_t user, group;
};

/// What a program can reach: nothing but its descriptors and what is listed here.
struct clinux_confinement {
  enum clinux_role role;
  /// `enum clinux_layer`, those that there are.
  unsigned layers;
  /// What is shown and can be executed: libraries, the program. The last is NULL.
  const char *_Nullable const *_Nonnull shown;
  const struct clinux_place *_Nullable places;
  int place_count;
  /// Of a program that makes files: the descriptor of the folder for them, which is the one place; else -1.
  int target;
  /// The working directory, which is empty but for the places.
  const char *_Nonnull folder;
  /// Who the program is, where it may be somebody else.
  uint32_t user, group;
  /// A program for the kernel's filter of system calls, or NULL.
  const void *_Nullable filter;
  size_t filter_length;
};

/// Which of Landlock and the filter of system calls the kernel has. Whether they can be had is another matter.
unsigned clinux_kernel_layers(void);

/// The flags of clone(2) for the namespaces of a confined child.
int clinux_confinement_flags(const struct clinux_confinement *_Nonnull confinement);

/// The filter of a role for a confined child, as bytes of `struct sock_filter`: it executes its program and no other.
/// NULL with `errno`; to be freed.
///
/// - is_alone: whether it is the first process of a namespace.
void *_Nullable clinux_make_filter(enum clinux_role role, bool is_alone, size_t *_Nonnull length);

/// Where the path of a confined child's program stands when it is executed: the kernel's filter compares the address.
const char *_Nonnull clinux_confined_executable(void);

/// Puts this process, with all its threads, under the filter of its role: from here on it executes nothing. -1 with `errno`.
int clinux_restrict(enum clinux_role role);
