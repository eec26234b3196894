# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034  # image reads them
# How the images of distributions are divided. A layout sets
#
#   id         in os-release
#   size       of the disk, in MiB
#   table      for sfdisk(8); empty: the disk is one filesystem
#   loader     first MiB of the partition for GRUB; empty: the host starts the kernel
#   parts      a line for each filesystem, the root first: first MiB, length in MiB, type, where it is mounted, how fstab says
#              it (UUID or LABEL=…), options of mkfs
#   configure  how the guest is told who it is
#   cmdline    more for the kernel
#   extra      more packages
#   renderer   what configures the network: a renderer of cloud-init, and the units that it takes

layouts=(debian ubuntu fedora rocky opensuse lvm alpine)
# One filesystem each, and a guest that is told in its own files, for each program that configures a network.
renderers=(networkd netplan ifupdown networkmanager)
# A guest with a policy of SELinux, which is told in its own files.
others=(selinux)
esp=type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
bios=type=21686148-6449-6E6F-744E-656564454649
root=type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
xbootldr=type=BC13C2FF-59E6-4262-A352-B275FD6F7172
networkd="systemd-networkd systemd-networkd-wait-online"
networkmanager="NetworkManager NetworkManager-wait-online"

layout_debian() {
  id=debian size=1400 loader=1 renderer="netplan $networkd"
  table="1: start=128MiB $root
14: start=1MiB size=3MiB $bios
15: start=4MiB size=124MiB $esp"
  parts="128 1271 ext4 / UUID
4 124 vfat /boot/efi UUID"
}

layout_ubuntu() {
  id=ubuntu size=1500 loader=1 renderer="netplan $networkd"
  table="1: start=240MiB $root
14: start=1MiB size=4MiB $bios
15: start=5MiB size=106MiB $esp
16: start=112MiB size=128MiB $xbootldr"
  parts="240 1259 ext4 / LABEL=cloudimg-rootfs
112 128 ext4 /boot LABEL=BOOT
5 106 vfat /boot/efi LABEL=UEFI"
}

layout_fedora() {
  id=fedora size=1500 loader=1 renderer="network-manager $networkmanager"
  table="1: start=1MiB size=1MiB $bios
2: start=2MiB size=100MiB $esp
3: start=102MiB size=128MiB $xbootldr
4: start=230MiB $root"
  parts="230 1269 btrfs / UUID
102 128 ext4 /boot UUID
2 100 vfat /boot/efi UUID"
}

layout_rocky() {
  id=rocky size=1900 loader=409 renderer="network-manager $networkmanager"
  table="1: start=1MiB size=99MiB $esp
2: start=100MiB size=301MiB $xbootldr
3: start=401MiB size=8MiB type=9E1A2D38-C612-4316-AA26-8B49521E5A8B
4: start=409MiB size=1MiB $bios
5: start=410MiB $root"
  parts="410 1489 xfs / UUID -m bigtime=0,inobtcount=0
100 301 xfs /boot UUID -m bigtime=0,inobtcount=0
1 99 vfat /boot/efi UUID"
}

layout_opensuse() {
  id=opensuse-leap size=1500 loader=1 renderer="networkd $networkd"
  table="1: start=1MiB size=2MiB $bios
2: start=3MiB size=33MiB $esp
3: start=36MiB $root"
  parts="36 1463 xfs / UUID
3 33 vfat /boot/efi UUID"
}

# As Rocky's image with LVM: the root filesystem in a volume of the group rocky. A line with `lvm` for its type is such a volume.
layout_lvm() {
  layout_rocky
  parts="410 1489 lvm / rocky-root
100 301 xfs /boot UUID
1 99 vfat /boot/efi UUID"
}

layout_alpine() {
  id=alpine size=1300 loader='' table='' renderer="eni networking"
  parts="0 1300 ext4 / LABEL=/ -O ^64bit"
}

layout_networkd() { layout_alpine && id=debian configure=files renderer="networkd $networkd"; }
layout_netplan() { layout_alpine && id=debian configure=files renderer="netplan $networkd"; }
layout_ifupdown() { layout_alpine && id=debian configure=files renderer="eni networking"; }
layout_networkmanager() { layout_alpine && id=debian configure=files renderer="network-manager $networkmanager"; }

# Whatever the policy forbids, the guest tells who it is.
layout_selinux() {
  layout_debian
  configure=files cmdline="security=selinux enforcing=0" extra=selinux-basics,selinux-policy-default
}
