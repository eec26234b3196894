# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by a shell on the master (BASH_ENV). Ganeti reaches the console of a guest by ssh, which the nodes of the lab do not
# have between them: what it would run there is done here, until the guest asks for a name.
gnt-instance() {
  if [ "$1" != console ]; then
    command gnt-instance "$@"
    return
  fi
  local console
  console=$(command gnt-instance console --show-cmd "$2" | grep -oE 'UNIX-CONNECT:[^ ]+[.]serial') || return
  timeout 900 python3 -c '
import socket, sys
console = socket.socket(socket.AF_UNIX)
console.connect(sys.argv[1])
shown = b""
while not shown.endswith(b"login: "):
    piece = console.recv(4096)
    if not piece:
        sys.exit("the console ended")
    shown = (shown + piece)[-100:]
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()' "${console#*:}"
}
