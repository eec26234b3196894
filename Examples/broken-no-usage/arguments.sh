# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154  # who sources this sets and uses them
# Sets $name, $old, $disk and $swap from the arguments of a script, which takes $count of them, those in $usage.
[ $# -eq "$count" ] || fail "there are $# arguments"
name='' old='' disk='' swap=''
while getopts i:o:n:b:s: option; do
  case $option in
    i | n) name=$OPTARG ;;
    o) old=$OPTARG ;;
    b) disk=$OPTARG ;;
    s) swap=$OPTARG ;;
    *) fail "this is not in $usage" ;;
  esac
done
