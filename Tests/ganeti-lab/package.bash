# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # the caller has a scratch folder
# What is asked of the package on a node. Sourced by scripts/test-ganeti.

# Ganeti takes the first in its search path.
is_the_only_definition() {
  local folder
  for folder in $storage/os /usr/local/lib/ganeti/os /usr/lib/ganeti/os; do
    [ ! -e "$folder/guestsmith" ] || { echo "$folder/guestsmith stands before that of the package"; return 1; }
  done
}

# What a run that was killed left may be the upgrade of an earlier test.
apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends --allow-downgrades "$1"
}

lintian_is_silent() {
  local output
  output=$(lintian --fail-on info,warning,error --tag-display-limit 0 --allow-root "$1" 2>&1) || {
    printf '%s\n' "$output"
    return 1
  }
  printf '%s\n' "$output"
}

# The same package with a higher version: what an upgrade does with what an administrator changed.
upgrade() {
  dpkg-deb --raw-extract "$1" "$scratch/upgrade" &&
    sed -i 's/^Version: .*/&+1/' "$scratch/upgrade/DEBIAN/control" &&
    dpkg-deb --root-owner-group -Znone --build "$scratch/upgrade" "$scratch/upgrade.deb" &&
    sed -i 's/^#timezone = .*/timezone = "Etc\/UTC"/' /etc/guestsmith/guestsmith.toml &&
    echo 'timezone = "Europe/Zurich"' >/etc/guestsmith/variants/test-own.toml &&
    dpkg --install "$scratch/upgrade.deb" &&
    grep -q '^timezone = "Etc/UTC"' /etc/guestsmith/guestsmith.toml &&
    grep -qx test-own /usr/share/ganeti/os/guestsmith/variants.list
  local status=$?
  rm -f /etc/guestsmith/variants/test-own.toml
  guestsmith os install --api 20 --into /usr/share/ganeti/os
  return $status
}

manuals_are_found() { man --where 8 guestsmith && man --where 7 guestsmith-os && man --where 5 guestsmith.toml; }

purge() {
  dpkg --purge guestsmith || return
  local left
  left=$(ls -d /usr/share/ganeti/os/guestsmith /etc/guestsmith /var/cache/guestsmith /usr/bin/guestsmith 2>/dev/null)
  [ -z "$left" ] || { echo "left: $left"; return 1; }
}
