#!/bin/sh
# Everything that must be true before a change lands. The last line is `N passed, N failed`; a check counts as one test.
# With arguments: only those vitest files, for example `npm test test/topology`.
set -u
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"
export PATH

if [ $# -gt 0 ]; then exec vitest run "$@"; fi

# Minutes on a new machine, nothing later. What it cannot get, the tests that need it announce.
sh scripts/setup-cluster.sh || true
report=$(mktemp)
WEBPOOL_NOT_RUN=$(mktemp)
export WEBPOOL_NOT_RUN
trap 'rm -f "$report" "$WEBPOOL_NOT_RUN"' EXIT
passed=0
failed=0

check() { # NAME COMMAND...
  name=$1
  shift
  started=$(date +%s)
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
    echo "check: $name is clean ($(($(date +%s) - started)) s)"
  else
    failed=$((failed + 1))
    printf 'check: %s FAILED\n%s\n' "$name" "$output"
  fi
}

check types tsc --noEmit
check lint oxlint --type-aware --deny-warnings
check format prettier --check --log-level warn .
check 'generated types' node scripts/generate-types.ts --check

# What a HAProxy does is shown on a second version too (vitest.config.ts): the floor is Debian 12's 2.6, Debian 13 has 3.0.
if newer=$(sh scripts/haproxy-trixie.sh 2>/dev/null); then
  WEBPOOL_HAPROXY_NEWER=$newer
  export WEBPOOL_HAPROXY_NEWER
else
  echo 'NOT RUN: behaviour of HAProxy 3.0: mmdebstrap, its rights or a Debian mirror is missing' >>"$WEBPOOL_NOT_RUN"
fi
echo "tests: vitest"
vitest run --reporter=default --reporter=json --outputFile.json="$report" || true
sort -u "$WEBPOOL_NOT_RUN"
node scripts/count-tests.ts "$report" "$WEBPOOL_NOT_RUN" "$passed" "$failed"
