# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # the caller has the OS, its instances and a scratch folder
# A guest of ganeti-instance-debootstrap becomes one of guestsmith, as docs/migrating.md says. Sourced by scripts/test-ganeti.

debootstrap_settings=/etc/default/ganeti-instance-debootstrap
debootstrap_cache=/var/cache/ganeti-instance-debootstrap
second=${instances[1]}
# What is on the node for the guest's hypervisor to start.
node_kernel=$storage/vmlinuz node_initrd=$storage/initrd.img

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

# Ours is called for the disks of theirs, which stay as they are: there and back again.
is_exported_in_place() {
  on_master gnt-instance modify --os-type "$os" "$second" &&
    without_warning on_master gnt-backup export -n node2.gnt.test "$second" &&
    guestsmith backup verify "$storage/node2/lib/export/$second" &&
    on_master gnt-instance modify --os-type debootstrap+default "$second"
}

# Gnt-backup import calls the definition that the export names, and has no option for another.
names_ours() {
  local config=$storage/node1/lib/export/$second/config.ini
  grep -x 'os = debootstrap+default' "$config" && sed -i "s/^os = .*/os = $os/" "$config"
}

test_migration() {
  begin migration
  check "debootstrap is set up" debootstrap_is_set_up
  check "add by debootstrap" on_master gnt-instance add -t file -o debootstrap+default -n node1.gnt.test -H fake \
    --disk 0:size=2G -B memory=512M --no-ip-check --no-start --net "0:ip=$network.22" "$second"
  check "its kernel is on the node" takes_kernel "$second"
  cp --sparse=always "$(root_disk "$second")" "$scratch/theirs.img"
  check "export in place" is_exported_in_place
  check "export by debootstrap" without_warning on_master gnt-backup export -n node1.gnt.test "$second"
  check "is removed" on_master gnt-instance remove -f --shutdown-timeout=0 "$second"
  check "the export names ours" names_ours
  check "import" without_warning on_master gnt-backup import -n node1.gnt.test --src-node node1.gnt.test --src-dir "$second" \
    -t file -H "kvm:kernel_path=$node_kernel,initrd_path=$node_initrd,root_path=/dev/vda" --no-ip-check "$second"
  check "it is ours" shows "$os" on_master gnt-instance list --no-headers -o os "$second"
  check "the filesystem is clean" e2fsck -fn "$(root_disk "$second")"
  check "contents are equal" trees_are_equal "$scratch/theirs.img" "$(root_disk "$second")"
  check "rename" without_warning rename "$second" "$third"
  check "starts, renamed" on_master gnt-instance start "$third"
  check "shows its login, renamed" shows_login "$third"
  check "is removed, renamed" on_master gnt-instance remove -f --shutdown-timeout=5 "$third"
  on_master gnt-backup remove "$second" >/dev/null 2>&1
  debootstrap_is_cleared
}
