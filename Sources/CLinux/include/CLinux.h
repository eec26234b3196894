// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>
#include "block.h"
#include "confine.h"
#include "named.h"
#include "sandbox.h"
#include "sanitizer.h"
#include "spawn.h"
#include "standard.h"
