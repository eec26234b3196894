# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What a host may ask for, as verify and create see it. The value of a secret is in no message and on no command line.
newline='
'

check_parameters() {
  case ${OS_VARIANT:-ext4} in
    ext3 | ext4) ;;
    *) fail "there is no variant $OS_VARIANT: there are ext4 and ext3" ;;
  esac
  case ${OSP_MOTD-} in
    *"$newline"*) fail "the parameter motd has more than one line" ;;
  esac
  case ${OSP_PASSWORD_HASH-} in
    *[!a-zA-Z0-9./$=,-]*) fail "the parameter password_hash is not a hash" ;;
    '' | '$'?*'$'?*) ;;
    *) fail "the parameter password_hash is not a hash" ;;
  esac
}
