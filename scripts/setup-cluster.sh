#!/bin/sh
# What the tests with a real node need beyond setup.sh: containerd and its helpers and buildah, from Debian, as root; and the
# tests' own Kubernetes, built once per machine. Does nothing where all is there; says what is missing where it cannot help.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh

missing=""
need() { # program package
  command -v "$1" >/dev/null || [ -e "$1" ] || missing="$missing $2"
}
PATH="$PATH:/usr/sbin:/sbin"
need containerd containerd
need runc runc
need /usr/lib/cni/bridge containernetworking-plugins
need buildah buildah
need mmdebstrap mmdebstrap
need /bin/busybox busybox-static
need ip iproute2
need nft nftables
need conntrack conntrack

if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086
    sh scripts/install-packages.sh $missing
  else
    echo "setup-cluster: missing:$missing. As root on Debian 12 this script installs them." >&2
  fi
fi
PATH="$PWD/node_modules/.bin:$PATH" node test/cluster/build.ts
