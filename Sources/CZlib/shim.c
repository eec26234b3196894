// SPDX-License-Identifier: Apache-2.0
#include "CZlib.h"
#include <zlib.h>

bool czlib_inflate(const void *bytes, size_t length, void *room, size_t wanted) {
  z_stream stream = {
      .next_in = (Bytef *)bytes, .avail_in = (uInt)length, .next_out = room, .avail_out = (uInt)wanted};
  // Without a header, the window as wide as can be.
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
  inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  return stream.avail_out == 0;
}
