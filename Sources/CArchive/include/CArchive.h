// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <stddef.h>
#include <stdint.h>

/// Names in archives are UTF-8; libarchive turns them into the process's character set, which is ASCII until it is told.
void gs_archive_use_utf8(void);
/// The POSIX ACL of an entry (ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT) in the form of the kernel's extended
/// attributes. Returns its size, 0 where there is none beyond the mode; `buffer` may be NULL to ask for the size.
size_t gs_archive_acl(struct archive_entry *entry, int type, uint8_t *buffer, size_t capacity);
