"""Run the benchmarks and print a table.

A benchmark is an entry of `ROWS: dict[str, Callable[[], dict]]` in one of the modules below. Each runs
in a process of its own, in an empty temporary VAR_DIR, so that no row warms another's caches; those of
apps.* find Django set up and an empty migrated SQLite database. A row returns name, value, unit,
target, met (true, false, or null where there is no target), rounds and detail.

Exit status 1 only if a row crashed. A missed target is printed as MISSED and stays 0: absolute times
depend on the machine, and a ratio is judged by who reads it, not by a CI that shares its cores.
"""

import argparse
import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODULES = (
    "training.bench",
    "training.bench_input",
    "training.bench_gloo",
    "training.bench_accuracy",
    "apps.datasets.bench",
    "apps.datasets.bench_http",
    "apps.datasets.bench_scale",
    "apps.jobs.bench",
)
KEYS = {"name", "value", "unit", "target", "met", "rounds", "detail"}
ROW_SECONDS = 1800
# Rows with these endings are measured on a throw-away PostgreSQL, the others on SQLite.
ON_POSTGRESQL = ("_pg", "_1m")


def main() -> int:
    options = parse()
    if options.child:
        return child(options.child, options.row)
    crashed = False
    rows = []
    for module, name in chosen(options.only):
        row = ask(module, name)
        crashed |= row is None
        if row is not None:
            rows.append(row)
            print(line(row), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n")
    return 1 if crashed else 0


def parse() -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--only", metavar="NAME,NAME", default="", help="run these rows only")
    parser.add_argument("--json", metavar="PATH", help="also write the rows as a JSON list")
    parser.add_argument("--child", metavar="MODULE", help=argparse.SUPPRESS)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    return parser.parse_args()


def chosen(only: str) -> list[tuple[str, str]]:
    """(module, row) of every row asked for; a name that is no row is an error."""
    known = []
    for module in MODULES:
        names = ask(module, None)
        if names is None:
            sys.exit(f"bench: {module} could not be read")
        known += [(module, name) for name in names]
    wanted = [name for name in only.split(",") if name]
    if unknown := sorted(set(wanted) - {name for _, name in known}):
        sys.exit(
            f"bench: no such row: {', '.join(unknown)}. Rows: {', '.join(n for _, n in known)}"
        )
    return [row for row in known if not wanted or row[1] in wanted]


def ask(module: str, row: str | None) -> Any:
    """What a child process answers: a row, or (row None) a module's row names; None if it crashed."""
    with tempfile.TemporaryDirectory(prefix="potluck-bench-") as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, __file__, "--child", module, *(["--row", row] if row else [])]
        if row and row.endswith(ON_POSTGRESQL):
            command = with_postgresql(command)
        try:
            subprocess.run(
                command, cwd=ROOT, env=environment(folder), check=True, timeout=ROW_SECONDS
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"bench: CRASHED {module} {row or ''}: {error}", file=sys.stderr, flush=True)
            return None
        return json.loads(answer.read_text())


def with_postgresql(command: list[str]) -> list[str]:
    """The command with DATABASE_URL of a throw-away server of its own."""
    newest = max(Path("/usr/lib/postgresql").iterdir(), key=lambda path: int(path.name)).name
    url = 'DATABASE_URL="postgres://$PGUSER:$PGPASSWORD@$PGHOST:$PGPORT/postgres" exec "$@"'
    return ["pg_virtualenv", "-v", newest, "-t", "sh", "-c", url, "sh", *command]


def environment(folder: str) -> dict[str, str]:
    ours = {
        "VAR_DIR": folder,
        "DATA_DIR": os.environ.get("DATA_DIR", str(ROOT.parent / "shared/data")),
        "SECRET_KEY": "only-for-benchmarks",
        "ALLOW_SQLITE": "1",
    }
    theirs = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "DEBUG", "BEHIND_TLS")
    }
    return {**theirs, **ours, "DJANGO_SETTINGS_MODULE": "config.settings"}


def child(module: str, row: str | None) -> int:
    if module.startswith("apps."):
        import django  # noqa: PLC0415 - training's rows run without it
        from django.core.management import call_command  # noqa: PLC0415

        django.setup()
        if row:
            call_command("migrate", verbosity=0)
            call_command("createcachetable", verbosity=0)
    rows = importlib.import_module(module).ROWS
    # What a row prints belongs to the person watching, not into the table.
    with contextlib.redirect_stdout(sys.stderr):
        answer = checked(rows[row]()) if row else list(rows)
    (Path(os.environ["VAR_DIR"]) / "answer.json").write_text(json.dumps(answer))
    return 0


def checked(row: dict[str, Any]) -> dict[str, Any]:
    if set(row) != KEYS:
        raise ValueError(f"a row has the keys {sorted(KEYS)}; this one has {sorted(row)}")
    return row


def line(row: dict[str, Any]) -> str:
    verdict = {True: "met", False: "MISSED", None: ""}[row["met"]]
    value = f"{row['value']:.4g} {row['unit']}"
    target = "" if row["target"] is None else f"target {row['target']}"
    return (
        f"{row['name']:<28} {value:>18}  {target:<14} {verdict:<7}"
        f" {row['rounds']} rounds  {row['detail']}"
    )


if __name__ == "__main__":
    sys.exit(main())
