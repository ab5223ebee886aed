#!/bin/sh
# The acceptance on real data. DATA_DIR names the folder that holds it; without one this fails,
# because a check that did not run must not look like one that passed.
set -eu
cd "$(dirname "$0")/.."

if [ -z "${DATA_DIR:-}" ] && [ -d ../shared/data ]; then
    DATA_DIR=../shared/data
fi
if [ ! -d "${DATA_DIR:-}" ]; then
    echo "accept: no real data: DATA_DIR is '${DATA_DIR:-}'. Say where it is: make accept DATA_DIR=folder" >&2
    exit 1
fi
DATA_DIR=$(cd "$DATA_DIR" && pwd)
export DATA_DIR
PATH="$PWD/.venv/bin:$PATH"
python scripts/services.py
exec pytest -m accept tests/accept "$@"
