#!/bin/sh
# `make run`: the embedded default, one machine, one terminal. SQLite, messages and files are under
# VAR_DIR; the first start makes a key, an operator and the sample community.
set -eu
cd "$(dirname "$0")/.."

# SQLite with DEBUG off is refused unless allowed by name: here one machine is what is meant.
export ALLOW_SQLITE="${ALLOW_SQLITE:-1}" PORT="${PORT:-8000}" VAR_DIR="${VAR_DIR:-$PWD/var}"
export SITE_URL="${SITE_URL:-http://127.0.0.1:$PORT}" PYTHONUNBUFFERED=1
manage() { .venv/bin/python manage.py "$@"; }

mkdir -p "$VAR_DIR/messages"
# Workers killed last time leave control messages nobody will read, and a full disk leaves empty
# messages, each of which ends a worker that reads it. Nothing of ours runs yet, so both can go.
find "$VAR_DIR/messages" -type f \( -name '*.pidbox.msg' -o -size 0 \) -delete

manage first_start

# Hashing and compressing takes ten seconds, so only when a source (or its folder) is newer.
collected="$VAR_DIR/static/staticfiles.json"
sources="platform/static platform/config node_modules/.vendor requirements/base.txt"
if [ ! -e "$collected" ] || [ -n "$(find $sources -newer "$collected" -print -quit)" ]; then
    # Two packages bring files for pages this site does not have; one of them does not hash.
    manage collectstatic --noinput --clear --ignore rest_framework --verbosity 0
fi

# honcho would read a .env by itself; that file is for docker compose, and says production.
exec .venv/bin/honcho --env /dev/null start
