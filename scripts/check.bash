# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154  # the caller has `what` is tried, and the file `log`; it reads `failed`
# The steps of the long matrices. Sourced.

failed=0

# Runs one step, and tells how it ended and how long it took: check TITLE COMMAND [WORD...]
check() {
  local title=$1 started=$SECONDS result=PASS
  shift
  "$@" >"$log" 2>&1 || result=FAIL
  printf '%s  %s, %s  %d s\n' "$result" "$what" "$title" $((SECONDS - started))
  [ $result = PASS ] || { failed=1; tail -n 30 "$log" | sed 's/^/    | /'; }
  [ $result = PASS ]
}
