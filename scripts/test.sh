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
exec pg_virtualenv -v "$version" -t -o fsync=off -o synchronous_commit=off sh -c '
    TEST_DATABASE_URL="postgres://$PGUSER:$PGPASSWORD@$PGHOST:$PGPORT/postgres"
    export TEST_DATABASE_URL
    exec pytest -n "$TEST_PROCESSES" -m "not browser and not accept" --ignore=tests/house "$@" tests apps
' sh "$@"
