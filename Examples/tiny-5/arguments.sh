# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154  # who sources this sets and uses them
# Sets $name, $old, $disk and $swap from the arguments of a script, which takes $count of them, those in $usage.
usage() {
  printf 'usage: %s %s\n' "${0##*/}" "$usage"
}

wrong() {
  usage >&2
  exit 2
}

case ${1-} in
  -h | --help)
    usage
    exit 0
    ;;
esac
[ $# -eq "$count" ] || wrong
name='' old='' disk='' swap=''
while getopts i:o:n:b:s: option; do
  case $option in
    i | n) name=$OPTARG ;;
    o) old=$OPTARG ;;
    b) disk=$OPTARG ;;
    s) swap=$OPTARG ;;
    *) wrong ;;
  esac
done
