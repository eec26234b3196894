// SPDX-License-Identifier: Apache-2.0
internal import Interface

// What adapted definitions say, in POSIX shell: nothing is evaluated, everything is quoted, and the source takes the
// place of the script where it can, so that its status and the signals to it are its own.

extension AdaptationScripts {
  static let settings = """
    set -eu

    fail() {
      printf '%s: %s\\n' "${0##*/}" "$*" >&2
      exit 1
    }


    """

  // MARK: Version 5 for version 5

  static let changedFolder = """

    run() {
      script=$1
      shift
      cd "$source"
      exec "$source/$script" "$@"
    }

    """

  // MARK: Version 5 for hosts that speak by the environment

  static let argumentsFunctions = #"""
    export LC_ALL=C PATH=/sbin:/bin:/usr/sbin:/usr/bin
    # The content of the dump of the second disk; a UUID follows that of swap.
    was_empty='this disk was empty' was_swap='this disk was swap '

    # Becomes a script of the source, as hosts of version 5 call it: files for guests are not made for root only.
    run() {
      script=$1
      shift
      umask 022
      cd "$source"
      exec "$source/$script" "$@"
    }

    # Scripts of version 5 may count on it that their arguments need no quotes.
    check_argument() {
      case $1 in
        '' | -* | *[!-a-zA-Z0-9._+/:%@]*) fail "cannot be passed to a script of version 5: $1" ;;
      esac
    }

    # Sets $device to a block device for the disk $1: version 5 knows no others. More words are options of losetup.
    take() {
      disk=$1
      shift
      if [ -b "$disk" ]; then
        device=$disk
      elif [ -f "$disk" ]; then
        device=$(losetup --find --show "$@" "$disk")
      else
        fail "this is neither a block device nor a file: $disk"
      fi
      check_argument "$device"
    }

    # A loop device that is open and detached goes with the last process that has it open, whatever ends that.
    take_root() {
      take "$@"
      root=$device
      exec 3<"$root"
      [ "$root" = "$1" ] || losetup --detach "$root"
    }

    # Some swap that is thrown away.
    take_scratch_swap() {
      disk=$(mktemp)
      truncate --size 64M "$disk"
      device=$(losetup --find --show "$disk") || device=
      rm -f "$disk"
      [ -n "$device" ] || fail "there is no loop device for swap"
      swap=$device
      exec 4<"$swap"
      losetup --detach "$swap"
    }

    # The second disk, if there is one.
    take_swap() {
      if [ "$DISK_COUNT" -lt 2 ]; then
        take_scratch_swap
        return
      fi
      take "${DISK_1_PATH-}"
      swap=$device
      exec 4<"$swap"
      [ "$swap" = "$disk" ] || losetup --detach "$swap"
    }

    is_swap() { [ "$(blkid -p -s TYPE -o value "$1")" = swap ]; }

    is_empty() {
      if [ -b "$1" ]; then size=$(blockdev --getsize64 "$1"); else size=$(stat -Lc %s "$1"); fi
      cmp -s -n "$size" "$1" /dev/zero
    }

    """#

  static let argumentsScripts: [(Script, String)] = [
    (
      .create,
      #"""
      check_argument "$INSTANCE_NAME"
      take_root "${DISK_0_PATH-}"
      take_swap
      if [ "${INSTANCE_REINSTALL-}" = 1 ] && [ "$DISK_COUNT" -gt 1 ]; then
        is_swap "$swap" || is_empty "$swap" ||
          fail "disk 1 holds something else than swap, and $source makes it swap: remove or clear that disk"
      fi
      run create -i "$INSTANCE_NAME" -b "$root" -s "$swap"
      """#
    ),
    (
      .export,
      #"""
      check_argument "$INSTANCE_NAME"
      case $EXPORT_INDEX in
        0)
          take_root "$EXPORT_DEVICE" --read-only
          run export -i "$INSTANCE_NAME" -b "$root"
          ;;
        1)
          # The source would make it swap: anything else would be lost.
          if is_swap "$EXPORT_DEVICE"; then
            note=$was_swap$(blkid -p -s UUID -o value "$EXPORT_DEVICE")
          elif is_empty "$EXPORT_DEVICE"; then
            note=$was_empty
          else
            fail "disk 1 holds something else than swap, which $source does not know"
          fi
          # By its path: to some shells a descriptor has one digit.
          [ -z "${EXP_SIZE_FD-}" ] || echo $((${#note} + 1)) >"/proc/self/fd/$EXP_SIZE_FD"
          echo "$note"
          ;;
        # The others are the guest's own.
        *) exec gzip -1 <"$EXPORT_DEVICE" ;;
      esac
      """#
    ),
    (
      .import,
      #"""
      check_argument "$INSTANCE_NAME"
      case $IMPORT_INDEX in
        0)
          take_root "$IMPORT_DEVICE"
          # The second disk is restored by a call of its own, at the same time.
          take_scratch_swap
          run import -i "$INSTANCE_NAME" -b "$root" -s "$swap"
          ;;
        1)
          note=$(head -c 64 | tr -d '\0')
          uuid=${note#"$was_swap"}
          case $note in
            "$was_empty") ;;
            "$was_swap"????????-????-????-????-????????????) mkswap -U "$uuid" "$IMPORT_DEVICE" ;;
            *) fail "the dump of disk 1 is not that of swap" ;;
          esac
          ;;
        *)
          take_root "$IMPORT_DEVICE"
          failures=$({
            { gzip -dc || echo "the dump is short or damaged" >&5; } |
              dd of="$root" bs=1M iflag=fullblock conv=nocreat,notrunc,fsync status=none ||
              echo "it does not go onto $IMPORT_DEVICE" >&5
          } 5>&1 >&2)
          [ -z "$failures" ] || fail "$failures"
          ;;
      esac
      """#
    ),
    (
      .rename,
      #"""
      check_argument "$INSTANCE_NAME"
      check_argument "$OLD_INSTANCE_NAME"
      take_root "${DISK_0_PATH-}"
      take_swap
      run rename -o "$OLD_INSTANCE_NAME" -n "$INSTANCE_NAME" -b "$root" -s "$swap"
      """#
    ),
  ]

  // MARK: Later versions for hosts that speak by the environment too

  static let parameterCheck = #"""

    # Hosts of this version do not check the parameters.
    check_parameters() {
      (cd "$source" && exec "$source/verify" parameters </dev/null)
    }

    """#

  static let passingFunctions = #"""

    run() {
      script=$1
      shift
      cd "$source"
      exec "$source/$script" "$@"
    }

    """#

  // MARK: Later versions for hosts that speak by arguments

  static let environmentStart = #"""
    # The source has no environment but what it is told.
    if [ "${GUESTSMITH_ADAPTED-}" != yes ]; then
      exec /usr/bin/env -i GUESTSMITH_ADAPTED=yes PATH=/sbin:/bin:/usr/sbin:/usr/bin "$0" "$@"
    fi
    unset GUESTSMITH_ADAPTED
    umask 077

    """#

  static let environmentFunctions = #"""
    export DEBUG_LEVEL=0

    usage() {
      printf 'usage: %s %s\n' "${0##*/}" "$usage"
    }

    wrong() {
      usage >&2
      exit 2
    }

    # Sets $name, $old, $disk and $swap from the arguments, which have to be $count words.
    read_arguments() {
      case ${1-} in
        -h | --help)
          usage
          exit 0
          ;;
      esac
      [ $# -eq "$count" ] || wrong
      name='' old='' disk='' swap=''
      while getopts i:n:o:b:s: option; do
        case $option in
          i | n) name=$OPTARG ;;
          o) old=$OPTARG ;;
          b) disk=$OPTARG ;;
          s) swap=$OPTARG ;;
          *) wrong ;;
        esac
      done
      [ -n "$name" ] || wrong
      [ -n "$disk" ] || wrong
      [ "$count" -lt 6 ] || [ -n "$swap" ] || wrong
      [ "$count" -lt 8 ] || [ -n "$old" ] || wrong
    }

    # A UUID that is always the same for $1: hosts of version 5 have none.
    uuid_of() {
      printf %s "$1" | md5sum | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-3\3-8\4-\5/'
    }

    tell_instance() {
      now=$(date +%s)
      export INSTANCE_NAME="$name" INSTANCE_OS="$OS_NAME${OS_VARIANT:++$OS_VARIANT}" INSTANCE_CTIME="$now" \
        INSTANCE_MTIME="$now" INSTANCE_SECONDARY_NODES='' HYPERVISOR=xen-pvm NIC_COUNT=0
      INSTANCE_UUID=$(uuid_of "$name")
      INSTANCE_PRIMARY_NODE=$(uuid_of "$(uname -n)")
      export INSTANCE_UUID INSTANCE_PRIMARY_NODE
    }

    # Tells of the disks.
    tell_disks() {
      DISK_COUNT=0
      for path in "$@"; do
        if [ -b "$path" ]; then
          kind=block size=$(blockdev --getsize64 "$path")
        elif [ -f "$path" ]; then
          kind=file:loop size=$(stat -Lc %s "$path")
        else
          fail "this is neither a block device nor a file: $path"
        fi
        uuid=$(uuid_of "$name disk $DISK_COUNT")
        export "DISK_${DISK_COUNT}_PATH=$path" "DISK_${DISK_COUNT}_ACCESS=rw" "DISK_${DISK_COUNT}_UUID=$uuid" \
          "DISK_${DISK_COUNT}_BACKEND_TYPE=$kind" "DISK_${DISK_COUNT}_SIZE=$((size / 1048576))"
        DISK_COUNT=$((DISK_COUNT + 1))
      done
      export DISK_COUNT
    }

    # Later versions leave it to the source what the second disk is for, version 5 says that it is swap.
    make_swap() {
      [ "$(realpath "$disk")" != "$(realpath "$swap")" ] || fail "$disk is given for the root disk and for swap"
      mkswap "$swap" >&2
    }

    # Becomes a script of the source.
    run() {
      cd "$source"
      exec "$source/$1"
    }

    """#

  static let environmentScripts: [(Script, String)] = [
    (
      .create,
      #"""
      usage='-i NAME -b ROOT-DISK -s SWAP-DISK' count=6
      read_arguments "$@"
      @check
      tell_instance
      tell_disks "$disk" "$swap"
      make_swap
      run create
      """#
    ),
    (
      .export,
      #"""
      usage='-i NAME -b ROOT-DISK' count=4
      read_arguments "$@"
      tell_instance
      tell_disks "$disk"
      export EXPORT_DEVICE="$disk" EXPORT_DISK_PATH="$disk" EXPORT_INDEX=0
      run export
      """#
    ),
    (
      .import,
      #"""
      usage='-i NAME -b ROOT-DISK -s SWAP-DISK' count=6
      read_arguments "$@"
      tell_instance
      tell_disks "$disk" "$swap"
      make_swap
      export IMPORT_DEVICE="$disk" IMPORT_DISK_PATH="$disk" IMPORT_INDEX=0
      (run import)
      unset IMPORT_DEVICE IMPORT_DISK_PATH IMPORT_INDEX
      # Hosts of later versions have an imported guest renamed, and go on when that fails; what it was called they know.
      export OLD_INSTANCE_NAME="$name"
      (run rename) </dev/null || echo "import: the guest may still have the name that it was exported with" >&2
      """#
    ),
    (
      .rename,
      #"""
      usage='-o OLD-NAME -n NEW-NAME -b ROOT-DISK -s SWAP-DISK' count=8
      read_arguments "$@"
      tell_instance
      export OLD_INSTANCE_NAME="$old"
      tell_disks "$disk" "$swap"
      run rename
      """#
    ),
  ]
}
