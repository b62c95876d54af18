#!/bin/sh
# Everything that demo and tests need, where it is missing: npm packages, and as root Debian's HAProxy and MariaDB.
set -eu
cd "$(dirname "$0")/.."

stamp=node_modules/.webpool-setup
want=$(cksum <package-lock.json)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
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
  echo "setup: installing Debian packages:$missing"
  apt-get update -qq
  # policy-rc.d keeps the packages from starting services of their own.
  [ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d && ours=1; }
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  [ -z "${ours:-}" ] || rm -f /usr/sbin/policy-rc.d
else
  echo "setup: missing programs:$missing. Install them (Debian, Ubuntu: sudo apt-get install$missing) and try again." >&2
  exit 1
fi
