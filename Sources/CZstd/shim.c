// SPDX-License-Identifier: Apache-2.0
#define ZSTD_STATIC_LINKING_ONLY
#include "CZstd.h"

size_t guestsmith_zstd_context_size(int level) { return ZSTD_estimateCCtxSize(level); }
