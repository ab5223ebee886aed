#!/bin/sh
# On the first start, bring the sample community: four members who do the whole main job through the
# site's own pages and API. Then wait: when a process of the Procfile ends, honcho stops the others.
set -u
cd "$(dirname "$0")/.."
done_file="$VAR_DIR/sample-done"

if [ ! -e "$done_file" ]; then
    # The site was started at the same moment as this script.
    until .venv/bin/python -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=5)' \
        "$SITE_URL/healthz" 2>/dev/null; do sleep 1; done
    echo "sample: bringing the sample community; this takes a few minutes"
    if .venv/bin/python scripts/demo.py --site "$SITE_URL"; then
        : > "$done_file"
    else
        echo "sample: the sample community did not come; the site works without it." >&2
        echo "sample: the next start tries again, or: touch $done_file" >&2
    fi
fi
exec sleep infinity
