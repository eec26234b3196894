# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # the caller has the OS and its instances
# The quick start of the README, read from it and followed. Sourced by scripts/test-ganeti.

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

# Records the way from the first command to the login, and draws it. The key of the administrator is left out: it fills a line.
record_quick_start() {
  local commands=()
  mapfile -t commands < <(documented README.md | grep -E '^gnt-instance (add|console) ' | sed "s/ -O ssh_keys='[^']*'//")
  begin picture
  require "kvm is enabled" enables_kvm
  require "is recorded" on_master env BASH_ENV="$PWD/Tests/ganeti-lab/console.bash" TERM=xterm \
    "$PWD/scripts/picture" record "$PWD/docs/ganeti.cast" "${commands[@]}"
  check "is drawn" scripts/picture draw docs/ganeti.cast docs/ganeti.svg
  check "is removed" on_master gnt-instance remove -f --shutdown-timeout=5 "$first"
}

test_quick_start() {
  begin "quick start"
  # As the package has it.
  sed -i 's/^layout = "none"/#&/' /etc/guestsmith/guestsmith.toml
  check "kvm is enabled" enables_kvm
  follow README.md
  # After its export it boots again.
  check "shows its address" shows_address "$first"
  check "the copy starts" on_master gnt-instance start "$third"
  check "the copy shows its address" shows_address "$third"
  check "the copy has another address" has_another_address
  check "the copy shows its login" shows_login "$third"
  check "is removed" on_master gnt-instance remove -f --shutdown-timeout=5 "$first"
  check "the copy is removed" on_master gnt-instance remove -f --shutdown-timeout=5 "$third"
  on_master gnt-backup remove "$first" >/dev/null 2>&1
  sed -i 's/^#layout = "none"/layout = "none"/' /etc/guestsmith/guestsmith.toml
}
