# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # the caller has the OS, its instances and a scratch folder
# A backup that goes to a machine without Ganeti and comes back. Sourced by scripts/test-ganeti.

# Where node 1 has its exports, as seen from outside and by the node itself.
exports=$storage/node1/lib/export

# On a machine without Ganeti: the same instance out of the cluster's export, with its disks in the state folder.
takes_the_export() {
  guestsmith backup import "$first" "${here[@]}" --src-dir "$exports/$first" &&
    guestsmith instance info "$first" "${here[@]:0:2}" &&
    e2fsck -fn "$scratch/state/instances/$first/disk0" &&
    cmp "$(ls "$(disks_of 1)/$first/"*.disk1)" "$scratch/state/instances/$first/disk1"
}

gives_an_export() {
  guestsmith backup export "$first" "${here[@]}" && guestsmith backup verify "$first" "${here[@]:0:2}" &&
    on_master gnt-instance remove -f --shutdown-timeout=0 "$first" && on_master gnt-backup remove "$first" &&
    mv "$scratch/state/exports/$first" "$exports/$first"
}

# A tree in one line each file: type, mode, owner, size, name, and the digest of what is in it.
tree() {
  debugfs -R "rdump / $2" "$1" 2>/dev/null &&
    (cd "$2" && find . -path ./lost+found -prune -o -printf '%y %m %U:%G %p %l\n' | sort &&
      find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

# The root filesystem BEFORE and AFTER an import differ in what import makes anew, and in nothing else.
trees_are_equal() {
  local before=$1 after=$2
  rm -rf "$scratch/before" "$scratch/after"
  mkdir "$scratch/before" "$scratch/after" || return
  tree "$before" "$scratch/before" >"$scratch/before.tree" && tree "$after" "$scratch/after" >"$scratch/after.tree" || return
  [ "$(wc -l <"$scratch/before.tree")" -gt 10000 ] || { echo "no tree"; return 1; }
  diff "$scratch/before.tree" "$scratch/after.tree" | grep '^[<>]' | grep -vE ' \./etc/(fstab|guestsmith-release|hostname|hosts|mailname)( |$)'
  [ "${PIPESTATUS[2]}" -eq 1 ]
}

contents_are_equal() {
  trees_are_equal "$scratch/original.img" "$(root_disk "$first")" &&
    cmp "$scratch/original.data" "$(ls "$(disks_of 1)/$first/"*.disk1)"
}

test_there_and_back() {
  begin "there and back"
  check "add with two disks" add "$os" "$first" -O timezone=Europe/Zurich --disk 1:size=64M
  data=$(ls "$(disks_of 1)/$first/"*.disk1)
  head -c 20M /dev/urandom | dd of="$data" conv=notrunc status=none
  cp --sparse=always "$(root_disk "$first")" "$scratch/original.img"
  cp --sparse=always "$data" "$scratch/original.data"
  check "gnt-backup export" without_warning on_master gnt-backup export -n node1.gnt.test "$first"
  check "guestsmith backup import" takes_the_export
  check "guestsmith backup export" gives_an_export
  check "gnt-backup import" without_warning on_master gnt-backup import -t file -n node1.gnt.test \
    --src-node=node1.gnt.test --src-dir="/var/lib/ganeti/export/$first" --no-ip-check "$first"
  check "contents are equal" contents_are_equal
  check "starts" on_master gnt-instance start "$first"
  check "is removed" on_master gnt-instance remove -f --shutdown-timeout=5 "$first"
  on_master gnt-backup remove "$first" >/dev/null 2>&1
}
