// SPDX-License-Identifier: Apache-2.0
#include "sanitizer.h"

bool clinux_is_sanitized(void) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return true;
#endif
#endif
  return false;
}
