#!/bin/sh
# Takes one network of the tests away: its processes, its namespaces and the link to it. Runs after success, failure and crash alike.
# usage: end-network.sh NETNS LINK
netns=$1
link=$2
for name in "$netns" $(cd /run/netns 2>/dev/null && ls -d "$netns"-* 2>/dev/null); do
  for pid in $(ip netns pids "$name" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
  [ "$name" = "$netns" ] || ip netns del "$name" 2>/dev/null
done
ip link del "$link" 2>/dev/null
ip netns del "$netns" 2>/dev/null
exit 0
