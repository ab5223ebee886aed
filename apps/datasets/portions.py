"""Statements over many rows, none of which comes here: in portions, and INSERT … SELECT."""

from collections.abc import Iterator
from typing import Any

from django.db import connections
from django.db.models import Model, QuerySet

PORTION = 5000


def portions(rows: QuerySet[Any]) -> Iterator[list[int]]:
    """The keys of `rows` in runs, each read once the one before is dealt with.

    A statement over a million rows at once is planned for the tables as they were before it, and jumps
    about in them; run by run the rows are touched in the order in which they lie.
    """
    after = 0
    while keys := list(
        rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:PORTION]
    ):
        yield keys
        after = keys[-1]


def analyze(model: type[Model]) -> None:
    """Tell the database's planner what a table holds now that many rows came at once."""
    connection = connections["default"]
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def insert_from(model: type[Model], rows: QuerySet[Any], **columns: Any) -> int:
    """A row of `model` for each of `rows`; returns how many.

    columns: field of `model` → expression over `rows`; fields left out get the database's default.
    """
    connection = connections[rows.db]
    quote = connection.ops.quote_name
    names = [str(model._meta.get_field(name).column) for name in columns]  # type: ignore[union-attr]
    select, values = rows.order_by().values_list(*columns.values()).query.sql_with_params()
    listed = ", ".join(quote(name) for name in names)
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({listed}) {select}"
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
