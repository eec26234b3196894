// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <zstd.h>
#include <zstd_errors.h>

/// Bytes that a compression context takes at most for contents of this level and length. libzstd exports what it takes
/// to know, but its header declares that only to programs that link it statically.
size_t czstd_context_size(int level, size_t length);
