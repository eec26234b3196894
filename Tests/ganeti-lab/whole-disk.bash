# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # the caller has the OS, its instances and a scratch folder
# Guests on disks that boot by themselves, booted by Ganeti's kvm. Sourced by scripts/test-ganeti.

table_is_valid() { sfdisk --verify "$(root_disk "$1")" && sgdisk --verify "$(root_disk "$1")" | grep 'No problems found'; }

# What tells one whole disk, and the machine on it, from another.
identifiers() {
  local root=$scratch/root.img
  sfdisk --dump "$1" | grep -oE '(label-id: |uuid=)[-0-9A-F]{36}' &&
    dd if="$1" of="$root" bs=1M skip=128 conv=sparse status=none && blkid -s UUID -o value "$root" &&
    guest_file "$root" /etc/machine-id
}

share_no_identifier() {
  local name
  for name in "$@"; do identifiers "$(root_disk "$name")" | sort >"$scratch/$name.identifiers"; done
  cat "$scratch/$1.identifiers" "$scratch/$2.identifiers"
  [ "$(wc -l <"$scratch/$1.identifiers")" -ge 6 ] && [ -z "$(comm -12 "$scratch"/{"$1","$2"}.identifiers)" ]
}

# Waits for the guest's login on the serial console that Ganeti's kvm gives it.
shows_login() {
  local console
  console=$(ls "$storage"/node?/run/kvm-hypervisor/ctrl/"$1".serial) || return
  timeout 900 bash -c "(while sleep 3; do echo; done) | socat - UNIX-CONNECT:$console | grep -m1 -a '${1%%.*} login:'"
}

# The image of a distribution's layout, made of Debian packages, and a variant of it with a cache that goes with the test.
offers_image() {
  local layout=$1 configure=$2 tree=.build/test-boot-images/bookworm disk=$scratch/$1.raw
  [ -d "$tree" ] || { mkdir -p "${tree%/*}" && Tests/boot-images/base bookworm "$tree"; } || return
  Tests/boot-images/image "$layout" "$tree" "$disk" &&
    printf '%s\n' "cache = \"$scratch/cache\"" "image = \"$disk\"" 'verify = "none"' "configure = \"$configure\"" \
      >"/etc/guestsmith/variants/test-$configure.toml" &&
    guestsmith os install --api 20 --into /usr/share/ganeti/os
}

# Created, started to its login, renamed and started to that again. The guest powers itself off.
lives() {
  local variant=$1 words=$2
  check "add, $variant" on_master gnt-instance add "${whole[@]}" -o "guestsmith+$variant" --disk 0:size=2G \
    --net "0:ip=$network.21" "$first" || return
  check "its way is told, $variant" grep -rhF "$words" "$storage/node1/log/os"
  check "shows its login, $variant" shows_login "$first"
  check "is down, $variant" on_master gnt-instance shutdown --timeout=120 "$first"
  check "rename, $variant" without_warning rename "$first" "$third"
  check "starts, renamed, $variant" on_master gnt-instance start "$third"
  check "shows its login, renamed, $variant" shows_login "$third"
  check "is removed, $variant" on_master gnt-instance remove -f --shutdown-timeout=5 "$third"
}

# Ganeti's own kvm: by default it gives the guest no kernel.
enables_kvm() {
  on_master gnt-cluster modify --enabled-hypervisors=fake,kvm \
    -H "kvm:kvm_path=$storage/kvm-emulated,vhost_net=False,serial_console=True,kernel_path=,initrd_path=,cpu_type=max"
}

whole=(-t file -n node1.gnt.test -H kvm -B memory=512M --no-ip-check)

test_whole_disk() {
  begin "whole disk"
  check "kvm is enabled" enables_kvm
  if check "add" on_master gnt-instance add "${whole[@]}" -o "$os" -O layout=auto --disk 0:size=2G \
    --net "0:ip=$network.21" "$first"; then
    check "shows its login" shows_login "$first"
    check "shuts down by ACPI" without_warning on_master gnt-instance shutdown --timeout=120 "$first"
    check "its table is valid" table_is_valid "$first"
    check "export" without_warning on_master gnt-backup export -n node1.gnt.test "$first"
    check "import under another name" without_warning on_master gnt-backup import "${whole[@]}" \
      --src-node=node1.gnt.test --src-dir="/var/lib/ganeti/export/$first" --net 0:mac=generate "$third"
    check "the copy's table is valid" table_is_valid "$third"
    check "the two share no identifier" share_no_identifier "$first" "$third"
    check "the copy starts" on_master gnt-instance start "$third"
    check "the copy shows its login" shows_login "$third"
    check "the copy shuts down by ACPI" without_warning on_master gnt-instance shutdown --timeout=120 "$third"
    check "the copy is removed" on_master gnt-instance remove -f --shutdown-timeout=5 "$third"
    check "rename" without_warning rename "$first" "$third"
    check "the renamed one starts" on_master gnt-instance start "$third"
    check "it shows its login" shows_login "$third"
    check "it shuts down by ACPI" without_warning on_master gnt-instance shutdown --timeout=120 "$third"
    check "reinstall" on_master gnt-instance reinstall -f -O layout=auto "$third"
    check "starts, reinstalled" on_master gnt-instance start "$third"
    check "shows its login, reinstalled" shows_login "$third"
    if [ -z "$is_quick" ]; then
      check "is killed" kvm_dies "$third"
      check "watcher restarts it" is_restarted_by_watcher "$third"
      check "shows its login, restarted" shows_login "$third"
    fi
    check "is removed" on_master gnt-instance remove -f --shutdown-timeout=5 "$third"
    on_master gnt-backup remove "$first" >/dev/null 2>&1
  fi
}

test_images() {
  begin "images"
  check "one on XFS is offered" offers_image opensuse seed && lives test-seed "finds a seed in the new partition"
  check "one on ext4 is offered" offers_image debian files && lives test-files "make the guest agree with"
  rm -f /etc/guestsmith/variants/test-{seed,files}.toml
  guestsmith os install --api 20 --into /usr/share/ganeti/os >/dev/null
}
