# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # the caller has the OS, its instances and a scratch folder
# The commands of the documents that take a cluster, read from them and followed. Sourced by scripts/test-ganeti.

second=${instances[1]}
# What is on the node for the hypervisor to start, where a guest has no boot loader.
node_kernel=$storage/vmlinuz node_initrd=$storage/initrd.img

# The commands of the blocks below a line <!-- run on a cluster -->, one a line, in the names of the lab: documented FILE [HEADING].
# The lab's disks are files, of which Ganeti takes no snapshot: a guest is down while it is exported, which has to be allowed, and no
# dump is named after one. Its Debian is that of the machine, and nobody is there to say yes.
documented() {
  local key
  key=$(printf 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI%043d' 0)
  awk -v heading="${2-}" '
    /^## / { below = $0 == "## " heading }
    /^<!-- run on a cluster -->$/ { marked = heading == "" || below; next }
    marked && /^```console$/ { inside = 1; marked = 0; next }
    /^```$/ { inside = 0 }
    inside && /^(# |    )/ { sub(/^# /, "\n"); sub(/^ +/, ""); sub(/\\$/, ""); printf "%s", $0 }' "$1" |
    sed -e "s/guestsmith+debian-12/$os/; s/-t plain/-t file/; s|ssh-ed25519 AAAA…|$key|" \
      -e "s/vm1[.]example[.]com/$first/g; s/try1[.]example[.]com/$second/g; s/vm2[.]example[.]com/$third/g" \
      -e "s|kernel_path=/vmlinuz|kernel_path=$node_kernel|; s|initrd_path=/initrd.img|initrd_path=$node_initrd|" \
      -e 's|/[*][.]snap[*]|/*-*|' -e 's/gnt-backup export/& --long-sleep/; s/gnt-instance remove/& -f --shutdown-timeout=5/'
  echo
}

# The command that Ganeti would run for the guest's console is told.
shows_console() { shows socat on_master gnt-instance console --show-cmd "$1" && shows_login "$1"; }

# Follows them: follow FILE [HEADING].
follow() {
  local command count=0
  while read -r command <&3; do
    [ -z "$command" ] || ((count++))
    case $command in
      '') ;;
      "gnt-instance console "*) check "gnt-instance console" shows_console "${command##* }" ;;
      *) check "$(cut -d ' ' -f 1-3 <<<"$command" | tr / ' ')" without_warning on_master bash -c "$command" ;;
    esac
  done 3< <(documented "$@")
  check "has commands" test "$count" -gt 0
}

# Nothing of one page is there for the next.
clear_cluster() {
  local name
  for name in $(on_master gnt-instance list --no-headers -o name); do on_master gnt-instance remove -f --shutdown-timeout=5 "$name"; done
  for name in "${instances[@]}"; do on_master gnt-backup remove "$name"; done >/dev/null 2>&1
}

test_documents() {
  local page
  begin documents
  sed -i 's/^layout = "none"/#&/' /etc/guestsmith/guestsmith.toml
  check "kvm is the default" on_master gnt-cluster modify --enabled-hypervisors=kvm,fake
  for page in ganeti whole-disks identity; do
    begin "$page.md"
    follow "docs/$page.md"
    clear_cluster
  done
  begin backups.md
  check "add" on_master gnt-instance add "${whole[@]}" -o "$os" --disk 0:size=2G --no-start "$first"
  check "export" without_warning on_master gnt-backup export -n node1.gnt.test "$first"
  follow docs/backups.md
  clear_cluster
  # docs/ganeti.md has the cluster give each guest more memory.
  check "kvm is not the default" on_master gnt-cluster modify --enabled-hypervisors=fake,kvm -B memory=128M
  sed -i 's/^#layout = "none"/layout = "none"/' /etc/guestsmith/guestsmith.toml
}
