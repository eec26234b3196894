// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

/// Whether this program was built with AddressSanitizer, which asks for more addresses than any limit leaves it.
bool clinux_is_sanitized(void);
