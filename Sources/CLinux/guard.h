// SPDX-License-Identifier: Apache-2.0
// The process that ends what is left of our children when this process is gone.
#pragma once
#include <sys/types.h>

void clinux_start_guard(void);

/// A group to be ended with us; negative: one that is not any more.
void clinux_tell_guard(pid_t message);
