// SPDX-License-Identifier: Apache-2.0
// Mounts and loop devices: calls that glibc hides, or whose constants Swift does not see.
#pragma once
#include <stdbool.h>

/// All these return 0 or an errno.

/// Shows the folder `lower` at `target`; what is changed there goes to `upper`.
int clinux_mount_overlay(
    const char *_Nonnull lower, const char *_Nonnull upper, const char *_Nonnull work, const char *_Nonnull target);
/// Shows a file or folder in another place too, with what is mounted below it where that is wanted. For reading only, no
/// device is opened there either.
int clinux_mount_bind(const char *_Nonnull source, const char *_Nonnull target, bool read_only, bool recursive);
/// Mounts a new filesystem of the kernel, such as `proc`, with the options of its type.
int clinux_mount_new(
    const char *_Nonnull type, const char *_Nonnull target, bool read_only, const char *_Nullable options);
/// Takes a mount away, at once for who looks for it, and for good when nobody uses it any more.
int clinux_unmount(const char *_Nonnull target);
/// Opens what is at a path, only to name it by the descriptor; -1 with `errno`.
int clinux_open_place(const char *_Nonnull path);
/// Makes a mounted folder the root of this process, with nothing left of the old one.
int clinux_enter_root(const char *_Nonnull folder);

/// Attaches a file to a free loop device, which goes by itself when the last who has it open is gone. `*number` is the
/// device's, `*device` a descriptor that holds it.
int clinux_attach_loop(
    int file, const char *_Nonnull name, bool read_only, unsigned sector, int *_Nonnull number, int *_Nonnull device);
/// Detaches whatever file a loop device has.
int clinux_detach_loop(int device);
