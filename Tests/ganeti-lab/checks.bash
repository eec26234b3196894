# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # lab.bash has the settings
# Checks that are timed, told at once and kept for a table. Sourced after lab.bash.

# One line a check: its group, its name, its result, its seconds. Scripts that one calls add to the same file.
rows=${LAB_ROWS:-$logs/rows}
[ -n "${LAB_ROWS-}" ] || : >"$rows"
export LAB_ROWS=$rows
group=${LAB_GROUP-}
# Where the output of each check goes.
outputs=$logs/checks
mkdir -p "$outputs"

# Runs a command and records whether it did what is expected: "succeeds" or "fails".
record() {
  local expected=$1 name=$2 started=$EPOCHREALTIME status=0 seconds result=PASS
  local output=$outputs/$group-$name.log
  shift 2
  "$@" >"$output" 2>&1 </dev/null || status=$?
  seconds=$(awk -v from="$started" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }')
  if { [ "$status" = 0 ] && [ "$expected" = fails ]; } || { [ "$status" != 0 ] && [ "$expected" = succeeds ]; }; then
    result=FAIL
  fi
  printf '%s\t%s\t%s\t%s\n' "$group" "$name" "$result" "$seconds" >>"$rows"
  printf '%s  %-34s %6s s\n' $result "$name" "$seconds"
  if [ $result = FAIL ]; then
    tail -n 25 "$output" | without_sources | sed 's/^/      | /'
    return 1
  fi
}

check() { record succeeds "$@"; }
refused() { record fails "$@"; }

# Begins a group of checks.
begin() {
  group=$1
  export LAB_GROUP=$group
  printf '\n==> %s\n' "$group"
}

# Runs a command whose output has to hold a text as well.
shows() {
  local text=$1 output status=0
  shift
  output=$("$@" 2>&1) || status=$?
  printf '%s\n' "$output"
  [ $status = 0 ] && [[ $output == *"$text"* ]]
}

# Runs a command that has to fail and say a text.
says() {
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf '%s\n' "$output"
    echo "it succeeded, and had to be refused"
    return 1
  fi
  printf '%s\n' "$output"
  [[ $output == *"$text"* ]]
}

# Renames an instance: Ganeti 3.1 has no check of the new name's address that could be left out.
rename() {
  local options=()
  if [[ $(on_master gnt-instance rename --help) == *--no-ip-check* ]]; then options=(--no-ip-check); fi
  on_master gnt-instance rename "${options[@]}" "$@"
}

# Runs a Ganeti command that exits with 0 although a script failed: then it warns.
without_warning() {
  local output status=0
  output=$("$@" 2>&1) || status=$?
  printf '%s\n' "$output"
  [ $status = 0 ] && ! grep -qE 'WARNING|failed to|Could not' <<<"$output"
}

# The scripts of an OS definition that run on a node of the lab, and their children: by the node's host name space.
running_scripts() {
  local handle namespaces=' ' process
  for handle in "$lab"/uts*; do namespaces+="$(stat -L -c %i "$handle") "; done
  for process in $(ps -o pid= -C create,import,export,rename,verify,guestsmith,mmdebstrap,e2fsck); do
    if [[ $namespaces == *" $(stat -L -c %i "/proc/$process/ns/uts" 2>/dev/null) "* ]]; then
      tr '\0' ' ' <"/proc/$process/cmdline"
      echo
    fi
  done
}

# Loop devices of disks and images. They are the machine's: another lab's, which has the same paths, has its files elsewhere.
loops() {
  local device inode file
  losetup --list --noheadings --output NAME,BACK-INO,BACK-FILE | while read -r device inode file; do
    [[ $file =~ ^(/srv/ganeti|/var/cache/guestsmith)/ ]] || continue
    [[ $file == *' (deleted)' || -n $(find "$storage" /var/cache/guestsmith -inum "$inode" -print -quit 2>/dev/null) ]] || continue
    echo "loop $device $file"
  done
}

# What must not grow by what is done: loop devices and mounts of disks and images, disks, transfers under way, the cache,
# processes.
leftovers() {
  loops
  awk '$2 ~ "^/(srv/ganeti|var/cache/guestsmith|run/ganeti/)" { print "mount", $1, $2 }' /proc/mounts
  find "$storage"/shared-file-storage "$storage"/node*/{file-storage,run/import-export,lib/export} -mindepth 1 \
    2>/dev/null | sort
  find /var/cache/guestsmith -mindepth 1 -maxdepth 2 2>/dev/null | sort
  running_scripts
}

# The table of all checks, and how many of them passed; fails when one failed.
summary() {
  printf '\n%-14s %-36s %-5s %8s\n' group check '' seconds
  awk -F '\t' '{ printf "%-14s %-36s %-5s %8s\n", $1, $2, $3, $4 }' "$rows"
  awk -F '\t' '{ count[$3]++ } END {
    printf "\n%d passed, %d failed\n", count["PASS"], count["FAIL"]; exit count["FAIL"] > 0 }' "$rows"
}
