#!/bin/sh
# The whole suite on SQLite, then on a throw-away PostgreSQL everything that can tell the two apart:
# not the browser walks (they see pages, not databases), the training library or the house tests.
# Arguments go to pytest, both times. Redis is started by the tests that need it (conftest.py).
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH TEST_PROCESSES="${TEST_PROCESSES:-2}"

python scripts/services.py

echo "== the suite on SQLite"
env -u TEST_DATABASE_URL pytest -n "$TEST_PROCESSES" "$@"

# The newest server installed; -t keeps even its configuration in a temporary folder.
version=$(ls /usr/lib/postgresql | sort -n | tail -n 1)
echo "== the suite on PostgreSQL $version"
# pg_virtualenv talks on both streams after the tests (the server's whole log, when one failed), and the
# last line here is to be pytest's: so pytest writes past it, and its own words show only if it failed
# before there was a server.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
pg_virtualenv -v "$version" -t -o fsync=off -o synchronous_commit=off sh -c '
    echo "server is up"
    TEST_DATABASE_URL="postgres://$PGUSER:$PGPASSWORD@$PGHOST:$PGPORT/postgres"
    export TEST_DATABASE_URL
    exec pytest -n "$TEST_PROCESSES" -m "not browser and not accept" --ignore=tests/house "$@" \
        tests apps >&3 2>&4
' sh "$@" 3>&1 4>&2 >"$log" 2>&1 || status=$?
grep -q "server is up" "$log" || cat "$log" >&2
exit "$status"
