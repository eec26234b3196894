// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

/// Fills `room` with what the raw deflate stream that `bytes` start with holds; false where it does not hold as much.
/// inflateInit2(3) is a macro, which Swift does not import.
bool czlib_inflate(const void *bytes, size_t length, void *room, size_t wanted);
