#!/bin/sh
# Everything that demo and tests need, where it is missing: npm packages, and as root Debian's HAProxy and MariaDB.
set -eu
cd "$(dirname "$0")/.."

stamp=node_modules/.webpool-setup
want=$(cksum <package-lock.json)
# A link leads to somebody else's: npm ci would empty that folder.
if [ ! -L node_modules ] && [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
  echo "setup: installing npm packages"
  npm ci --no-audit --no-fund --loglevel=error
  echo "$want" >"$stamp"
fi

missing=""
command -v haproxy >/dev/null || missing="$missing haproxy"
command -v mariadbd >/dev/null || missing="$missing mariadb-server-core"
command -v mariadb >/dev/null || missing="$missing mariadb-client-core"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  # shellcheck disable=SC2086
  sh scripts/install-packages.sh $missing
else
  echo "setup: missing programs:$missing. Install them (Debian, Ubuntu: sudo apt-get install$missing) and try again." >&2
  exit 1
fi
