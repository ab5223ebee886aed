"""Statements over many rows: in portions, as plain values, or made by the database of what it has."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.expressions import DatabaseDefault

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


def insert_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Rows of plain values; returns how many. bulk_create would spend ten times as long on small ones."""
    connection = connections["default"]
    quote = connection.ops.quote_name
    names = ", ".join(quote(_column(model, name)) for name in columns)
    one = f"({', '.join(['%s'] * len(columns))})"
    source, total = iter(rows), 0
    with connection.cursor() as cursor:
        while chunk := list(islice(source, PORTION)):
            statement = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES "  # noqa: S608 - names of our own models
            cursor.execute(statement + ", ".join([one] * len(chunk)), list(chain(*chunk)))
            total += len(chunk)
    return total


def insert_once(row: Model) -> bool:
    """Store a new row and fill in its key; False, and nothing is done, where its unique fields are taken.

    Fields that the database fills stay unread. `save()` takes five times as long to build the statement,
    and a refused one ends its transaction.
    """
    connection = connections["default"]
    quote = connection.ops.quote_name
    values = {
        str(field.column): field.get_db_prep_save(getattr(row, field.attname), connection)
        for field in row._meta.local_concrete_fields
        if not field.primary_key and not isinstance(getattr(row, field.attname), DatabaseDefault)
    }
    names = ", ".join(map(quote, values))
    marks = ", ".join(["%s"] * len(values))
    key = row._meta.pk
    statement = (
        f"INSERT INTO {quote(row._meta.db_table)} ({names}) VALUES ({marks})"  # noqa: S608 - names of our own models
        f" ON CONFLICT DO NOTHING RETURNING {quote(str(key.column))}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values.values()))
        found = cursor.fetchone()
    if found:
        row.pk, row._state.adding, row._state.db = found[0], False, connection.alias
    return bool(found)


def update_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Each row: the values of these columns, then the key. One prepared statement for all of them."""
    connection = connections["default"]
    quote = connection.ops.quote_name
    pairs = ", ".join(f"{quote(_column(model, name))} = %s" for name in columns)
    key = quote(str(model._meta.pk.column))
    statement = f"UPDATE {quote(model._meta.db_table)} SET {pairs} WHERE {key} = %s"  # noqa: S608 - names of our own models
    with connection.cursor() as cursor:
        cursor.executemany(statement, [tuple(row) for row in rows])


def _column(model: type[Model], name: str) -> str:
    return str(model._meta.get_field(name).column)  # type: ignore[union-attr]


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
    select, values = rows.order_by().values_list(*columns.values()).query.sql_with_params()
    listed = ", ".join(quote(_column(model, name)) for name in columns)
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({listed}) {select}"
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
