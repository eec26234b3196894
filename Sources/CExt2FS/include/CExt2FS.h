// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <ext2fs/ext2fs.h>
