#!/bin/sh
# What some benchmarks need beyond setup.sh, where it is missing: setup-bench.sh [cluster] [wrk]. Says what it cannot get.
set -u
cd "$(dirname "$0")/.."
for need in "$@"; do
  case $need in
  cluster) sh scripts/setup-cluster.sh ;;
  wrk)
    command -v wrk >/dev/null && continue
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      sh scripts/install-packages.sh wrk
    else
      echo "setup-bench: missing: wrk (Debian, Ubuntu: sudo apt-get install wrk)" >&2
    fi
    ;;
  esac
done
exit 0
