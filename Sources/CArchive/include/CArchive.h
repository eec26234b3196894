// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <archive.h>
#include <archive_entry.h>

/// Names in archives are UTF-8; libarchive turns them into the process's character set, which is ASCII until it is told.
void gs_archive_use_utf8(void);
