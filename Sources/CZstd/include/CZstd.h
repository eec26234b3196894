// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <zstd.h>
#include <zstd_errors.h>

/// Bytes that a compression context of this level needs at most. libzstd exports ZSTD_estimateCCtxSize, but its header
/// declares it only to programs that link it statically.
size_t guestsmith_zstd_context_size(int level);
