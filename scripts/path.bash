# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The system's tools are found where they are, although the PATH of Debian's users has no /usr/sbin and /sbin.
export PATH=$PATH:/usr/sbin:/sbin
