#!/bin/sh
# Takes one network of the tests away, with all that ran in it. Runs after success, failure and crash alike.
# usage: end-network.sh NETNS LINK FOLDER
netns=$1
link=$2
folder=$3
for name in "$netns" $(cd /run/netns 2>/dev/null && ls -d "$netns"-* 2>/dev/null); do
  for pid in $(ip netns pids "$name" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
  [ "$name" = "$netns" ] || ip netns del "$name" 2>/dev/null
done
ip link del "$link" 2>/dev/null
ip netns del "$netns" 2>/dev/null

# The node's cgroups: the kernel keeps them until the last process in them has really ended.
cgroups() {
  find /sys/fs/cgroup -depth -type d \( -name "$netns" -o -path "*/$netns/*" \) "$@" 2>/dev/null
}
tries=200
while [ $tries -gt 0 ] && [ -n "$(cgroups -print -quit)" ]; do
  cgroups -exec rmdir {} +
  tries=$((tries - 1))
  [ -z "$(cgroups -print -quit)" ] || sleep 0.05
done
rm -rf --one-file-system "$folder"
