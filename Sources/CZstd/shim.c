// SPDX-License-Identifier: Apache-2.0
#define ZSTD_STATIC_LINKING_ONLY
#include "CZstd.h"

size_t czstd_context_size(int level, size_t length) {
  return ZSTD_estimateCCtxSize_usingCParams(ZSTD_getCParams(level, length, 0));
}
