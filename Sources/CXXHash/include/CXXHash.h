// SPDX-License-Identifier: Apache-2.0
#pragma once
// The state as a struct whose size is known, so that a Swift value holds it: its layout has been the same since 0.6.
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>
