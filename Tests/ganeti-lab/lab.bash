# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034  # the settings are for those who source this
# Where the lab is, and how to run something on one of its nodes. Sourced by the other files here.

# A node is a host name and a mount namespace of this machine, without a network or users of its own.
lab=/run/ganeti-lab
logs=${LAB_LOGS:-/var/tmp/ganeti-lab}
# What the nodes see as their own folders. Those of the machine stay as they are.
storage=/srv/ganeti-lab
# The series of Ganeti that is installed, or else that apt would install: of the release, or of its backports where they come first.
series=$({ dpkg-query -W -f '${db:Status-Status} ${Version}\n' ganeti 2>/dev/null | sed 's/^installed //; t; d' | grep . || LC_ALL=C apt-cache policy ganeti | sed -n 's/^  Candidate: //p'; } |
  grep -oE '^[0-9]+[.][0-9]+' || echo 3.1)
# A bridge without ports: nothing leaves the machine. TEST-NET-2 is nobody's network.
interface=gnt0
network=198.51.100
cluster=cluster.gnt.test cluster_address=$network.10
master=node1.gnt.test master_address=$network.11
# The instances that Ganeti can resolve: what a test may name an instance.
instances=(inst1.gnt.test inst2.gnt.test inst3.gnt.test)

system_path=/usr/sbin:/usr/bin:/sbin:/bin
# The toolchain is where the caller has it.
export LC_ALL=C PATH=$system_path:$PATH
mkdir -p "$logs"

# The daemons of another cluster would meet those of the lab.
if [ -s /var/lib/ganeti/ssconf_cluster_name ]; then
  echo "ganeti-lab: this machine is a node of the Ganeti cluster $(cat /var/lib/ganeti/ssconf_cluster_name)" >&2
  exit 1
fi

# Runs a command on node N, with the bare environment that systemd gives to a daemon: Ganeti's export and import scripts
# inherit the environment of whoever started ganeti-noded.
on_node() {
  local n=$1
  shift
  env -i PATH="$system_path" LANG=C.UTF-8 nsenter --uts="$lab/uts$n" --mount="$lab/private/mnt$n" "$@"
}

# Runs a command on the master.
on_master() { on_node 1 "$@"; }

# Where the disks of node N are, seen from outside of its namespace.
disks_of() { echo "$storage/node$1/file-storage"; }

# Replaces our block in a file by standard input; an empty one removes it. The file stays the same inode: mounts see it.
write_block() {
  local file=$1 begin='# BEGIN ganeti-lab' end='# END ganeti-lab' body new
  body=$(cat)
  new=$([ ! -e "$file" ] || sed "/^$begin\$/,/^$end\$/d" "$file")
  [ -z "$body" ] || new+=$'\n'"$begin"$'\n'"$body"$'\n'"$end"
  if [ ! -e "$file" ] || [ "$new" != "$(cat "$file")" ]; then printf '%s\n' "$new" >"$file"; fi
}

# What apt or another tool wrote names the machine's sources: shown only without them.
without_sources() { sed -E 's#[a-z+]+://[^ ]*#(source)#g'; }
