# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # the caller has the OS and its instances
# The quick start of the README, read from it and followed. Sourced by scripts/test-ganeti.

# The commands, one a line, in the names of the lab. Its disks are files, of which Ganeti takes no snapshot: a guest is down while
# it is exported, which has to be allowed. Its Debian is that of the machine.
quick_start_commands() {
  local key
  key=$(printf 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI%043d' 0)
  awk '/^## /{ on = /Quick start on Ganeti/ } on && /^(# |    )/ { sub(/^# /, "\n"); sub(/^ +/, ""); sub(/\\$/, ""); printf "%s", $0 }' README.md |
    sed -e "s/guestsmith+debian-12/$os/; s/-t plain/-t file/; s/vm1[.]example[.]com/$first/g; s/vm2[.]example[.]com/$third/g" \
      -e "s|ssh-ed25519 AAAA…|$key|; s/gnt-backup export/& --long-sleep/"
  echo
}

# A guest that uses DHCP shows its address above its first login.
shows_address() {
  local console
  console=$(ls "$storage"/node?/run/kvm-hypervisor/ctrl/"$1".serial) || return
  timeout 900 bash -c "(while sleep 3; do echo; done) | socat - UNIX-CONNECT:$console |
    grep -m1 -aoE 'Address: ${network//./[.]}[.]1[0-9][0-9]'" | tee "$scratch/$1.address"
}

has_another_address() {
  cat "$scratch/$first.address" "$scratch/$third.address" && ! cmp -s "$scratch/$first.address" "$scratch/$third.address"
}

# The command that Ganeti would run for the guest's console is told.
shows_console() { shows socat on_master gnt-instance console --show-cmd "$1" && shows_address "$1" && shows_login "$1"; }

# Records the way from the first command to the login, and draws it. The key of the administrator is left out: it fills a line.
record_quick_start() {
  local commands=()
  mapfile -t commands < <(quick_start_commands | grep -E '^gnt-instance (add|console) ' | sed "s/ -O ssh_keys='[^']*'//")
  begin picture
  require "kvm is enabled" enables_kvm
  require "is recorded" on_master env BASH_ENV="$PWD/Tests/ganeti-lab/console.bash" TERM=xterm \
    "$PWD/scripts/picture" record "$PWD/docs/ganeti.cast" "${commands[@]}"
  check "is drawn" scripts/picture draw docs/ganeti.cast docs/ganeti.svg
  check "is removed" on_master gnt-instance remove -f --shutdown-timeout=5 "$first"
}

test_quick_start() {
  local command
  begin "quick start"
  # As the package has it.
  sed -i 's/^layout = "none"/#&/' /etc/guestsmith/guestsmith.toml
  check "kvm is enabled" enables_kvm
  while read -r command <&3; do
    case $command in
      '') ;;
      "gnt-instance console "*) check "${command%% "$first"*}" shows_console "$first" ;;
      *) check "$(cut -d ' ' -f 1,2 <<<"$command")" without_warning on_master bash -c "$command" ;;
    esac
  done 3< <(quick_start_commands)
  check "the copy starts" on_master gnt-instance start "$third"
  check "the copy shows its address" shows_address "$third"
  check "the copy has another address" has_another_address
  check "the copy shows its login" shows_login "$third"
  check "is removed" on_master gnt-instance remove -f --shutdown-timeout=5 "$first"
  check "the copy is removed" on_master gnt-instance remove -f --shutdown-timeout=5 "$third"
  on_master gnt-backup remove "$first" >/dev/null 2>&1
  sed -i 's/^#layout = "none"/layout = "none"/' /etc/guestsmith/guestsmith.toml
}
