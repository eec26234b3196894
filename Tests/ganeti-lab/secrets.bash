# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034  # the caller has the OS, its instances and a scratch folder
# Where the private and the secret OS parameters of a guest come to light. Sourced by scripts/test-ganeti.

# A private value and a secret one that nothing else on the machine has, to be looked for.
new_marks() {
  private=private$RANDOM$RANDOM secret=secret$RANDOM$RANDOM
  hash=$(openssl passwd -6 -salt "$secret" "$secret")
  printf '%s\n' "$private" "$secret" >"$scratch/marks"
}

# Watches for the marks in the command lines of what runs on the nodes; the caller's own gnt-instance has them.
watch_command_lines() {
  local process
  while :; do
    # What has ended on the way is none of our business.
    grep -laF -f "$scratch/marks" /proc/[0-9]*/cmdline 2>/dev/null | while read -r process; do
      { tr '\0' ' ' <"$process"; } 2>/dev/null | grep -av gnt-instance
    done
  done >"$scratch/seen"
}

# Where a secret may be: in the guest's own disk, in what Ganeti keeps itself, and here.
secret_is_nowhere() {
  local found
  found=$(find /etc /root /run /srv /tmp /var -xdev -type f -newer "$scratch/marks" \
    -not -path "$scratch/*" -not -path "$logs/*" \
    -not -path '*/file-storage/*' -not -path '*/shared-file-storage/*' \
    -not -path "$storage/node?/lib/config.data*" -not -path "$storage/node?/lib/queue/*" -print0 |
    xargs -0 -r grep -laF -f "$scratch/marks" 2>/dev/null)
  [ -z "$found" ] || echo "in the files: $found"
  [ ! -s "$scratch/seen" ] || { echo "in command lines:"; cat "$scratch/seen"; }
  [ -z "$found" ] && [ ! -s "$scratch/seen" ]
}

# The fault is told, and not the value that has it.
tells_no_secret() {
  local output
  output=$(add "$os" "$first" --os-parameters-private "root_password_hash=not-a-hash-$private" 2>&1) && return 1
  printf '%s\n' "$output"
  [[ $output == *root_password_hash* && $output != *"$private"* ]]
}
