#!/bin/sh
# Gets the HAProxy of Debian 13 (3.0) into a folder outside the checkout and prints the path of a command that runs it,
# beside the one that is installed:
#   WEBPOOL_HAPROXY_NEWER=$(sh scripts/haproxy-trixie.sh) npx vitest run test/driver/https.test.ts
# Needs mmdebstrap, root or user namespaces, and a Debian mirror. Nothing is installed on the host.
set -eu

root=${XDG_CACHE_HOME:-$HOME/.cache}/webpool/haproxy-trixie
if [ ! -x "$root/haproxy" ]; then
  command -v mmdebstrap >/dev/null || { echo 'haproxy-trixie: mmdebstrap is missing' >&2; exit 1; }
  mkdir -p "$(dirname "$root")"
  new=$(mktemp -d "$root.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  mmdebstrap --quiet --variant=extract --include=haproxy trixie "$new/files" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >&2
  loader=$(cd "$new/files" && ls usr/lib/*-linux-gnu/ld-linux-*.so.* | head -n 1)
  # The master runs itself again by its argv[0] when it reloads, so that has to be this command too.
  cat >"$new/haproxy" <<COMMAND
#!/bin/sh
exec $root/files/$loader --argv0 $root/haproxy --library-path $root/files/$(dirname "$loader") \\
  $root/files/usr/sbin/haproxy "\$@"
COMMAND
  chmod 755 "$new" "$new/haproxy"
  mv -T "$new" "$root" 2>/dev/null || [ -x "$root/haproxy" ]
fi
echo "$root/haproxy"
