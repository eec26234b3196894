// SPDX-License-Identifier: Apache-2.0
#include "CArchive.h"
#include <endian.h>
#include <locale.h>
#include <string.h>

void gs_archive_use_utf8(void) { setlocale(LC_CTYPE, "C.UTF-8"); }

// acl(5) and include/uapi/linux/posix_acl_xattr.h: a version word, then entries of tag, permissions and id, all
// little-endian.
enum { USER_OBJ = 0x01, USER = 0x02, GROUP_OBJ = 0x04, GROUP = 0x08, MASK = 0x10, OTHER = 0x20 };

static uint16_t tag_of(int tag) {
  switch (tag) {
  case ARCHIVE_ENTRY_ACL_USER_OBJ: return USER_OBJ;
  case ARCHIVE_ENTRY_ACL_USER: return USER;
  case ARCHIVE_ENTRY_ACL_GROUP_OBJ: return GROUP_OBJ;
  case ARCHIVE_ENTRY_ACL_GROUP: return GROUP;
  case ARCHIVE_ENTRY_ACL_MASK: return MASK;
  case ARCHIVE_ENTRY_ACL_OTHER: return OTHER;
  default: return 0;
  }
}

// The kernel wants the entries in the order of their tags, and users and groups by number.
static const uint16_t order[] = {USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER};

size_t gs_archive_acl(struct archive_entry *entry, int wanted, uint8_t *buffer, size_t capacity) {
  int count = archive_entry_acl_count(entry, wanted);
  if (count <= 0)
    return 0;
  size_t size = 4 + (size_t)count * 8 + 3 * 8;
  if (!buffer || capacity < size)
    return size;
  uint32_t version = htole32(2);
  memcpy(buffer, &version, 4);
  size_t used = 4;
  for (size_t step = 0; step < sizeof order / sizeof order[0]; step++) {
    int64_t last = -1;
    for (;;) {
      // The lowest id above the last one, of the entries with this tag.
      int64_t best = -1;
      uint16_t permissions = 0;
      int type, permset, tag, id;
      const char *name;
      archive_entry_acl_reset(entry, wanted);
      while (archive_entry_acl_next(entry, wanted, &type, &permset, &tag, &id, &name) == ARCHIVE_OK) {
        int64_t number = tag_of(tag) == USER || tag_of(tag) == GROUP ? id : 0;
        if (type == wanted && tag_of(tag) == order[step] && number > last && (best < 0 || number < best)) {
          best = number;
          permissions = (uint16_t)(permset & 7);
        }
      }
      if (best < 0 || used + 8 > capacity)
        break;
      uint16_t words[2] = {htole16(order[step]), htole16(permissions)};
      uint32_t id32 = htole32(order[step] == USER || order[step] == GROUP ? (uint32_t)best : UINT32_MAX);
      memcpy(buffer + used, words, 4);
      memcpy(buffer + used + 4, &id32, 4);
      used += 8;
      last = best;
    }
  }
  return used;
}
