# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # the caller has the names of the instances, the OS and a scratch folder
# What Ganeti's daemons do with a guest: the remote API, the watcher, a node daemon that is restarted or dies under a script,
# and a master that another node takes over from. Sourced by scripts/test-ganeti.

# The scripts that were stopped on their way, to go on or to be killed.
caught=()

rapi_password=$RANDOM$RANDOM$RANDOM

# Ganeti wants the file on all nodes or on none. The daemon reads it once, when it comes: with its owner already.
rapi_lets_in() {
  local n _ file=/var/lib/ganeti/rapi/users
  for n in 1 2 3; do
    echo "lab $rapi_password write" | on_node "$n" install -m 640 -o gnt-rapi -g gnt-masterd /dev/stdin $file.new &&
      on_node "$n" mv $file.new $file || return
  done
  for _ in {1..20}; do
    if rapi GET info; then return; fi
    sleep 0.5
  done
  return 1
}

rapi_forgets() { rm -f "$storage"/node?/lib/rapi/users; }

# A request of the remote API on the master: METHOD PATH [BODY]. The body never is in a command line.
rapi() {
  local empty='{}'
  on_master curl --silent --show-error --fail-with-body --insecure --user "lab:$rapi_password" --request "$1" \
    --header 'Content-Type: application/json' --data-binary @- "https://$master:5080/2/$2" <<<"${3-$empty}"
}

# A request that makes a job, which has to succeed.
rapi_job() {
  local job
  job=$(rapi "$@") || { printf '%s\n' "$job"; return 1; }
  on_master gnt-job watch "$job"
  [ "$(on_master gnt-job list --no-headers -o status "$job")" = success ]
}

# The parameters come as strings, public, private and secret.
rapi_add() {
  rapi_job POST instances "{\"__version__\": 1, \"mode\": \"create\", \"instance_name\": \"$first\", \"os_type\": \"$os\",
    \"pnode\": \"node1.gnt.test\", \"disk_template\": \"file\", \"disks\": [{\"size\": 1024}], \"hypervisor\": \"fake\",
    \"nics\": [{\"ip\": \"$network.21\"}], \"beparams\": {\"maxmem\": 64, \"minmem\": 64}, \"ip_check\": false, \"start\": false,
    \"osparams\": {\"timezone\": \"Europe/Zurich\", \"address\": \"static\", \"prefix\": \"24\"},
    \"osparams_private\": {\"ssh_keys\": \"ssh-ed25519 $(printf 'AAAAC3NzaC1lZDI1NTE5AAAAI%043d' 0) $private\"},
    \"osparams_secret\": {\"root_password_hash\": \"$hash\"}}"
}

# A guest has a time zone, the private key, and the secret or not; compared here, where no command line has them.
is_told() {
  local disk zone=$1 expected=$2 has_secret=no
  disk=$(root_disk "$first")
  [[ $(debugfs -R "stat /etc/localtime" "$disk") == *"/zoneinfo/$zone\""* ]] || { echo "another time zone"; return 1; }
  [[ $(guest_file "$disk" /root/.ssh/authorized_keys) == *"$private"* ]] || { echo "not the key"; return 1; }
  if [[ $(guest_file "$disk" /etc/shadow) == *"root:$hash:"* ]]; then has_secret=yes; fi
  echo "secret: $has_secret"
  [ $has_secret = "$expected" ]
}

is_called() { [ "$(guest_file "$(root_disk "$1")" /etc/hostname)" = "${1%%.*}" ] && e2fsck -fn "$(root_disk "$1")"; }

has_status() { [ "$(on_master gnt-instance list --no-headers -o status "$1" | tr -d ' ')" = "$2" ]; }

# The hypervisor `fake` runs a guest by keeping a file.
dies() { rm "$storage/node1/run/fake-hypervisor/$1" && has_status "$1" ERROR_down; }

is_restarted_by_watcher() { on_master ganeti-watcher && has_status "$1" running; }

# What is a guest's first process on the node, with the hypervisor kvm.
kvm_dies() {
  kill -KILL "$(cat "$storage/node1/run/kvm-hypervisor/pid/$1")" && has_status "$1" ERROR_down
}

# The processes on node N whose name is that of a script: the node is known by its host name.
scripts_on() {
  local process node
  node=$(stat -L -c %i "$lab/uts$1") || return
  for process in $(pgrep -x "$2"); do
    if [ "$(stat -L -c %i "/proc/$process/ns/uts" 2>/dev/null)" = "$node" ]; then echo "$process"; fi
  done
}

# Stops a script on node N as soon as it runs: it and its workers.
catch_script() {
  local _
  for _ in {1..3000}; do
    mapfile -t caught < <(scripts_on "$1" "$2")
    if [ ${#caught[@]} -gt 0 ]; then kill -STOP "${caught[@]}" && return; fi
    sleep 0.02
  done
  echo "$2 did not run on node $1"
  return 1
}

let_go() { kill -CONT "${caught[@]}"; caught=(); }

# Lets a script that was caught go on, a moment at a time, until it has written some of a guest to its disk.
let_write() {
  local disk=$1 name=${2-create} all _
  for _ in {1..400}; do
    if [ "$(du --block-size=1M "$disk" | cut -f1)" -ge 20 ]; then return; fi
    kill -CONT "${caught[@]}" || return
    sleep 0.05
    # By now it may have started workers.
    mapfile -t all < <(scripts_on 1 "$name")
    [ ${#all[@]} -gt 0 ] || { echo "it ended before it was half done"; return 1; }
    kill -STOP "${all[@]}"
    caught=("${all[@]}")
  done
  return 1
}

start_noded() {
  rm -f "$storage/node1/run/ganeti-noded.pid"
  on_node 1 /usr/lib/ganeti/daemon-util start ganeti-noded
}

# The command goes on, and its script on node 1, while the node daemon is stopped and started again.
goes_on_without_noded() {
  local script=$1 command
  shift
  "$@" &
  command=$!
  catch_script 1 "$script" && on_node 1 /usr/lib/ganeti/daemon-util stop ganeti-noded && start_noded || return
  kill -0 "${caught[@]}" && let_go && wait "$command"
}

dump_is_whole() {
  local dump
  dump=$(find "$storage/node$1/lib/export/$2" -type f -size +1M) && [ -n "$dump" ] && guestsmith dump verify "$dump"
}

# All that runs of an operation on node 1 dies with the node daemon, when a part of the guest is written: what a node that loses
# its power leaves.
dies_half_done() {
  local command status=0
  add "$os" "$first" &
  command=$!
  catch_script 1 create && let_write "$(root_disk "$first")" || return
  kill -KILL "$(cat "$storage/node1/run/ganeti-noded.pid")" "$(ps -o ppid= -p "${caught[0]}" | tr -d ' ')" "${caught[@]}"
  caught=()
  wait "$command" || status=$?
  start_noded && [ $status -ne 0 ]
}

# Neither a filesystem nor a partition table is found on it.
looks_empty() {
  local status=0
  blkid -p "$1" || status=$?
  [ $status -eq 2 ]
}

# Only the child of the node daemon dies that has called the script: the job fails, and the script is still there.
loses_its_caller() {
  local command status=0
  on_master gnt-instance reinstall -f "$first" &
  command=$!
  catch_script 1 create || return
  kill -KILL "$(ps -o ppid= -p "${caught[0]}" | tr -d ' ')"
  wait "$command" || status=$?
  kill -0 "${caught[@]}" && [ $status -ne 0 ]
}

# Until nothing of a script is left on the node.
ends() {
  local _
  for _ in {1..600}; do
    if [ -z "$(scripts_on "$1" "$2")" ]; then return; fi
    sleep 0.1
  done
  return 1
}

let_end() { let_go && ends 1 create; }

# Node 2 becomes the master, while a script runs on node 3 for a job of the old one.
fails_over_in_a_job() {
  failed_job=$(on_master gnt-instance add --submit -t file -o "$os" -n node3.gnt.test -H fake --disk 0:size=1G -B memory=64M \
    --no-ip-check --no-start --net "0:ip=$network.21" "$first" 2>&1 | sed -n 's/^JobID: //p') &&
    catch_script 3 create && on_node 2 gnt-cluster master-failover &&
    [ "$(on_node 3 gnt-cluster getmaster)" = node2.gnt.test ]
}

# The old master's process of the job has no configuration daemon any more to tell the end to.
job_has_failed() {
  local _ status
  for _ in {1..60}; do
    status=$(on_node 2 gnt-job list --no-headers -o status "$failed_job" | tr -d ' ')
    if [ "$status" = error ]; then return; fi
    sleep 0.5
  done
  echo "job $failed_job: $status"
  return 1
}

test_rapi() {
  begin rapi
  new_marks
  check "lets a user in" rapi_lets_in
  watch_command_lines &
  watcher=$!
  check "add with secrets" rapi_add
  check "the guest is told all" is_told Europe/Zurich yes
  check "reinstall" rapi_job POST "instances/$first/reinstall" \
    '{"start": false, "osparams": {"timezone": "Etc/UTC", "address": "static", "prefix": "24"}}'
  # It takes public parameters; Ganeti has kept the private ones, and never the secret ones.
  check "the guest is told what was kept" is_told Etc/UTC no
  check "rename" rapi_job PUT "instances/$first/rename" "{\"new_name\": \"$third\", \"ip_check\": false}"
  check "it has its name" is_called "$third"
  kill "$watcher"
  watcher=
  check "secrets are nowhere else" secret_is_nowhere
  check "start" rapi_job PUT "instances/$third/startup"
  check "guest dies" dies "$third"
  check "watcher restarts it" is_restarted_by_watcher "$third"
  check "removal" rapi_job DELETE "instances/$third"
  rapi_forgets
}

test_noded() {
  begin noded
  check "add goes on without it" goes_on_without_noded create add "$os" "$first"
  check "the guest is whole" e2fsck -fn "$(root_disk "$first")"
  check "export goes on without it" goes_on_without_noded export on_master gnt-backup export -n node2.gnt.test "$first"
  check "the dump is whole" dump_is_whole 2 "$first"
  check "it is removed" on_master gnt-backup remove "$first"
  check "reinstall loses its caller" loses_its_caller
  check "disk is still in use" says "is in use by process" on_master gnt-instance reinstall -f "$first"
  check "script ends by itself" let_end
  check "reinstall" on_master gnt-instance reinstall -f "$first"
  check "the guest is whole again" e2fsck -fn "$(root_disk "$first")"
  check "is removed" on_master gnt-instance remove -f --shutdown-timeout=0 "$first"
  check "add dies half done" dies_half_done
  check "half a guest looks empty" looks_empty "$(root_disk "$first")"
  check "reinstall of half a guest" on_master gnt-instance reinstall -f "$first"
  check "the guest is whole now" e2fsck -fn "$(root_disk "$first")"
  check "is removed, reinstalled" on_master gnt-instance remove -f --shutdown-timeout=0 "$first"
}

test_failover() {
  begin "master failover"
  check "in the middle of an add" fails_over_in_a_job
  check "script goes on" let_go
  check "script ends" ends 3 create
  check "job is told as failed" job_has_failed
  check "the guest is whole" e2fsck -fn "$(root_disk "$first" 3)"
  check "reinstall by the new master" on_node 2 gnt-instance reinstall -f "$first"
  check "the guest is whole again" e2fsck -fn "$(root_disk "$first" 3)"
  check "back to node 1" on_node 1 gnt-cluster master-failover
  check "is removed" on_master gnt-instance remove -f --shutdown-timeout=0 "$first"
}
