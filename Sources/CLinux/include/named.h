// SPDX-License-Identifier: Apache-2.0
// What is in a folder, whatever it is, by a descriptor that only names it (O_PATH): a link is neither followed nor opened,
// a device is not opened, and a name that means something else by now changes nothing. All return -1 with `errno` where
// they fail.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int clinux_open_named(int folder, const char *_Nonnull name);
/// The rest take any other descriptor too.
int clinux_set_owner(int fd, uint32_t user, uint32_t group);
/// Not of a symbolic link, which has no mode.
int clinux_set_mode(int fd, uint32_t mode);
/// Of access and of change, since 1970.
int clinux_set_times(int fd, int64_t seconds, long nanoseconds);
int clinux_set_attribute(int fd, const char *_Nonnull name, const void *_Nullable value, size_t size);
/// The names of the attributes of a file or a link by its path, each with its NUL, and the value of one; return their lengths.
ssize_t clinux_list_attributes(const char *_Nonnull path, char *_Nullable names, size_t size);
ssize_t clinux_get_attribute(
    const char *_Nonnull path, const char *_Nonnull name, void *_Nullable value, size_t size);
