#!/bin/sh
# Run a command, and again whenever it ends: honcho stops everything when one of its processes dies,
# and a worker that died is no reason to take the site away. A TERM or INT is passed on, waited for,
# and ends the loop (honcho signals the whole group anyway; other supervisors only their child).
set -u
[ $# -gt 0 ] || { echo "usage: forever.sh COMMAND [ARGUMENT…]" >&2; exit 2; }

stopping=
child=
stop() {
    stopping=1
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || child=
}
trap stop TERM INT HUP

while [ -z "$stopping" ]; do
    "$@" &
    child=$!
    # A signal that came before there was a number to send it to.
    [ -z "$stopping" ] || kill -TERM "$child" 2>/dev/null
    # A trapped signal ends `wait` early; only a child that is gone ends this loop.
    while :; do
        wait "$child"
        status=$?
        kill -0 "$child" 2>/dev/null || break
    done
    [ -n "$stopping" ] && break
    echo "forever: ended with status $status, starting again: $*" >&2
    child=
    sleep "${FOREVER_PAUSE:-2}"
done
