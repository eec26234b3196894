# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # the caller has the OS, its instances and a scratch folder
# A guest of ganeti-instance-debootstrap becomes one of guestsmith, as docs/migrating.md says. Sourced by scripts/test-ganeti.

debootstrap_settings=/etc/default/ganeti-instance-debootstrap
debootstrap_cache=/var/cache/ganeti-instance-debootstrap

# Debian by the machine's own apt source, with a kernel, and without a table of partitions, which takes device-mapper.
debootstrap_is_set_up() {
  local mirror
  mirror=$(apt-get indextargets --format "\$(REPO_URI) \$(ORIGIN) \$(SUITE) \$(COMPONENT)" 'Created-By: Packages' |
    awk '$2 == "Debian" && $3 !~ /-/ && $4 == "main" && $1 !~ /security/ { print $1; exit }')
  [ -n "$mirror" ] || { echo "the machine has no apt source of Debian"; return 1; }
  printf '%s\n' "SUITE=bookworm" "MIRROR=$mirror" "EXTRA_PKGS=linux-image-cloud-amd64" "PARTITION_STYLE=none" |
    write_block "$debootstrap_settings"
}

debootstrap_is_cleared() {
  write_block "$debootstrap_settings" </dev/null
  rm -f "$debootstrap_cache"/cache-*.tar "$node_kernel" "$node_initrd"
}

# The host starts the kernel that the guest has.
takes_kernel() {
  local disk kernel
  disk=$(root_disk "$1")
  kernel=$(debugfs -R "ls -p /boot" "$disk" 2>/dev/null | cut -d/ -f6 | sed -n 's/^vmlinuz-//p') && [ -n "$kernel" ] &&
    guest_file "$disk" "/boot/vmlinuz-$kernel" >"$node_kernel" && guest_file "$disk" "/boot/initrd.img-$kernel" >"$node_initrd"
}

test_migration() {
  begin migration
  check "kvm is enabled" enables_kvm
  check "debootstrap is set up" debootstrap_is_set_up
  check "add by debootstrap" on_master gnt-instance add -t file -o debootstrap+default -n node1.gnt.test -H fake \
    --disk 0:size=2G -B memory=512M --no-ip-check --no-start --net "0:ip=$network.22" "$first"
  check "its kernel is on the node" takes_kernel "$first"
  cp --sparse=always "$(root_disk "$first")" "$scratch/theirs.img"
  begin "migration, in place"
  follow docs/migrating.md "In place"
  check "theirs again" on_master gnt-instance modify --os-type debootstrap+default "$first"
  begin "migration, export"
  follow docs/migrating.md "From an export of ganeti-instance-debootstrap"
  # It runs by now, and so is another than it was.
  check "is removed" on_master gnt-instance remove -f --shutdown-timeout=5 "$first"
  check "import, not started" without_warning on_master gnt-backup import -n node1.gnt.test --src-node node1.gnt.test \
    --src-dir "$first" -t file -H "kvm:kernel_path=$node_kernel,initrd_path=$node_initrd,root_path=/dev/vda" --no-ip-check "$first"
  check "it is ours" shows "$os" on_master gnt-instance list --no-headers -o os "$first"
  check "the filesystem is clean" e2fsck -fn "$(root_disk "$first")"
  check "contents are equal" trees_are_equal "$scratch/theirs.img" "$(root_disk "$first")"
  check "rename" without_warning rename "$first" "$third"
  check "starts, renamed" on_master gnt-instance start "$third"
  check "shows its login, renamed" shows_login "$third"
  check "is removed, renamed" on_master gnt-instance remove -f --shutdown-timeout=5 "$third"
  on_master gnt-backup remove "$first" >/dev/null 2>&1
  debootstrap_is_cleared
}
