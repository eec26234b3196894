// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Opens /dev/null as each of the descriptors 0, 1 and 2 that is closed, so that no file opened later gets that number.
/// Returns which were: bit n for descriptor n; -1 with `errno` where one cannot be held. To be called before any file
/// is opened.
int clinux_hold_standard_descriptors(void);
