// SPDX-License-Identifier: Apache-2.0
#include "standard.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int clinux_hold_standard_descriptors(void) {
  int closed = 0;
  for (int number = 0; number < 3; number++) {
    if (fcntl(number, F_GETFD) >= 0) continue;
    // The lowest free number is this one: those below it are open by now. Without /dev, as in a bare root, a
    // descriptor that can be neither read nor written serves as well.
    int held = open("/dev/null", O_RDWR);
    if (held < 0) held = open("/", O_PATH);
    if (held != number) return -1;
    closed |= 1 << number;
  }
  return closed;
}
