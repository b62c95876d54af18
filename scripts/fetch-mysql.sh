#!/bin/sh
# MySQL 9 for the tests, from Debian sid, unpacked into a folder of its own: nothing is installed, nothing needs a chroot.
# Prints the folder. Once fetched (60 MB) it stays; WEBPOOL_MYSQL names another place.
set -eu
target=${WEBPOOL_MYSQL:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/webpool/mysql-sid}

if [ ! -x "$target/usr/sbin/mysqld" ]; then
  command -v mmdebstrap >/dev/null || {
    echo "fetch-mysql: mmdebstrap is missing (scripts/setup-cluster.sh installs it)" >&2
    exit 1
  }
  mkdir -p "$(dirname "$target")"
  partial=$target.$$
  trap 'rm -rf "$partial"' EXIT
  # A mirror may be older than a release file likes to be; signatures are checked all the same.
  mmdebstrap --quiet --variant=extract --include=mysql-server-core \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::http::Timeout "20"' --aptopt='Acquire::Retries "1"' \
    sid "$partial" "${WEBPOOL_DEBIAN_MIRROR:-http://deb.debian.org/debian}" >&2
  # Somebody else may have been faster.
  mv -T "$partial" "$target" 2>/dev/null || true
fi
[ -x "$target/usr/sbin/mysqld" ] || {
  echo "fetch-mysql: no usr/sbin/mysqld in $target" >&2
  exit 1
}
echo "$target"
