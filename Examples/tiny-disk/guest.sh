# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the scripts of this definition do to a disk. It is never mounted: who owns the guest could lead us to the host's files.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Makes $scratch, a folder that goes with the script.
make_scratch() {
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

check_name() {
  case $1 in
    '' | [.-]* | *[!a-zA-Z0-9.-]*) fail "this is not the name of an instance: $1" ;;
  esac
}

size_of() {
  if [ -b "$1" ]; then blockdev --getsize64 "$1"; else stat -Lc %s "$1"; fi
}

# That $1 is a disk, and has room for a guest.
check_disk() {
  [ -b "$1" ] || [ -f "$1" ] || fail "$1 is neither a block device nor a file"
  [ "$(size_of "$1")" -ge 8388608 ] || fail "$1 has less than 8 MiB"
}

# Nothing of what was on the disk $1 is left.
clear_disk() {
  if [ -b "$1" ]; then
    blkdiscard --zeroout "$1"
  else
    fallocate --punch-hole --length "$(size_of "$1")" "$1"
  fi
}

# Makes the files of a guest called $1 in $scratch/tree.
make_tree() {
  mkdir -p "$scratch/tree/etc"
  printf '%s\n' "$1" >"$scratch/tree/etc/hostname"
  printf 'NAME="Tiny guest"\nID=tiny\n' >"$scratch/tree/etc/os-release"
  chmod -R u=rwX,go=rX "$scratch/tree"
}

# How e2fsprogs name the filesystem on the disk $1: in its one partition, from 1 MiB on.
root_of() { printf '%s?offset=1048576\n' "$1"; }

# Makes the disk $1 a whole disk: a program for a BIOS that says who it is, a partition table, and a filesystem of the type $2
# with the files in $scratch/tree.
make_disk() {
  clear_disk "$1"
  sectors=$(($(size_of "$1") / 512 - 4096))
  printf 'label: gpt\nstart=2048, size=%s, type=L\n' "$sectors" | sfdisk --quiet --no-reread --no-tell-kernel "$1" >&2
  # Each byte from 0x7c15 on by the BIOS's call for a character; then it halts.
  printf '\061\300\216\330\276\025\174\254\204\300\164\006\264\016\315\020\353\365\364\353\375tiny guest\r\n\000' |
    dd of="$1" conv=notrunc,nocreat status=none
  mke2fs -q -F -t "$2" -d "$scratch/tree" -E offset=1048576 "$1" "$((sectors / 2))k"
}

# Writes the dump of the disk $1. The check at the end of a zstd frame tells that it is whole.
dump_disk() {
  zstd -q -1 --check <"$1"
}

# Restores the disk $1. Its first MiB, without which it is not a filesystem, is written when the dump was read to its end
# and was right.
restore_disk() {
  before=$(size_of "$1")
  clear_disk "$1"
  { zstd -q -d && : >"$scratch/whole"; } | {
    dd of="$scratch/head" bs=1M count=1 iflag=fullblock status=none
    dd of="$1" bs=1M seek=1 iflag=fullblock conv=notrunc,nocreat,sparse,fsync status=none || : >"$scratch/full"
  }
  [ -e "$scratch/whole" ] || fail "the dump is short or damaged"
  [ -s "$scratch/head" ] || fail "the dump is empty"
  [ ! -e "$scratch/full" ] || fail "the dump cannot be written to $1"
  # A file grows where a device is full.
  if [ "$(size_of "$1")" != "$before" ]; then
    truncate -s "$before" "$1"
    fail "the dump is larger than $1, which has $before bytes"
  fi
  dd if="$scratch/head" of="$1" bs=1M conv=notrunc,nocreat,fsync status=none
}

# That the disk $1 holds a filesystem, which has no fault or none any more.
check_filesystem() {
  status=0
  e2fsck -f -p "$1" >&2 || status=$?
  [ "$status" -le 1 ] || fail "the filesystem on $1 is damaged"
}

# That $1 is a disk of its own for swap.
check_swap() {
  [ -b "$1" ] || [ -f "$1" ] || fail "$1 is neither a block device nor a file"
  [ "$(realpath "$1")" != "$(realpath "$2")" ] || fail "$1 is given for the root disk and for swap"
}

# Calls the guest on the disk $1 $2.
set_hostname() {
  printf '%s\n' "$2" >"$scratch/hostname"
  chmod 644 "$scratch/hostname"
  debugfs -w -f - "$1" >&2 <<END
cd /etc
rm hostname
write $scratch/hostname hostname
END
  # debugfs is content whatever happens.
  debugfs -R 'cat /etc/hostname' "$1" 2>/dev/null | cmp -s - "$scratch/hostname" || fail "the guest on $1 cannot be renamed"
}
