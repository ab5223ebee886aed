#!/bin/sh
# Every static check. All of them run, so that one round shows all there is to mend.
set -u
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH

# Settings of nobody: the checks import them, and must not touch the files of a running site.
VAR_DIR=$(mktemp -d)
trap 'rm -rf "$VAR_DIR"' EXIT
trap 'exit 130' INT TERM
SECRET_KEY=only-for-checks-4f6e1c2b9a8d7e6f5c4b3a2918070f6e5d4c3b2a1
export VAR_DIR SECRET_KEY ALLOW_SQLITE=1
unset DEBUG DATABASE_URL REDIS_URL STORAGE_URL EMAIL_URL BEHIND_TLS

failed=
stage() {
    name=$1
    shift
    echo "== $name"
    "$@" || failed="$failed, $name"
}

# As in production, and nothing may warn.
deploy_check() {
    env BEHIND_TLS=1 ALLOWED_HOSTS=potluck.example CSRF_TRUSTED_ORIGINS=https://potluck.example \
        SITE_URL=https://potluck.example DATABASE_URL=postgres://potluck@localhost/potluck \
        REDIS_URL=redis://localhost:6379/0 EMAIL_URL=smtp://localhost:25 \
        python manage.py check --deploy --fail-level WARNING
}

stage "layout" python scripts/layout.py
stage "ruff" ruff check --quiet
stage "ruff format" ruff format --check --quiet
stage "mypy" mypy
stage "import contracts" lint-imports --no-cache
stage "templates" sh -c 'git ls-files -co --exclude-standard "*.html" | xargs -r djade --target-version 5.2 --check'
stage "spelling" sh -c 'git ls-files -co --exclude-standard | xargs codespell'
stage "migrations" python manage.py makemigrations --check --dry-run
stage "translations" python scripts/translations.py check
stage "deployment" deploy_check

[ -z "$failed" ] || { echo "check: failed: ${failed#, }" >&2; exit 1; }
echo "check: all passed"
