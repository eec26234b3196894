// SPDX-License-Identifier: Apache-2.0
#include "CArchive.h"
#include <locale.h>

void gs_archive_use_utf8(void) { setlocale(LC_CTYPE, "C.UTF-8"); }
