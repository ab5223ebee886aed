#!/bin/sh
# Write the hashed locks (requirements/*.txt) again from what they are made of (requirements/*.in),
# and package-lock.json from package.json. Needs the virtual environment and an index. To move one
# package: scripts/lock.sh --upgrade-package django
#
# torch is in no lock: the same version is another file on every platform (CPU, CUDA, macOS), so
# its hash would be wrong somewhere, and "+cpu" in a version is unknown to the public index.
set -eu
cd "$(dirname "$0")/.."
export CUSTOM_COMPILE_COMMAND=scripts/lock.sh

for name in base worker dev production node; do
    .venv/bin/pip-compile --quiet --strip-extras --generate-hashes --unsafe-package torch \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
        --output-file "requirements/$name.txt" "$@" "requirements/$name.in"
done

# Without "resolved" npm asks whichever registry the person who installs has configured;
# "integrity" still pins the content.
PATH="$PWD/.venv/bin:$PATH" npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved
