"""Class by source, class by contributor: the table, and what a reader should notice in it.

Pure functions over {(row, column): samples}.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

Row = TypeVar("Row", bound=Hashable)
Column = TypeVar("Column", bound=Hashable)

SHOWN = 20
# A share from which "alone" is said, and how many samples it takes to say so.
ALONE = Fraction(19, 20)
ENOUGH = 5
# Shades of a cell that is not empty.
SHADES = 5


@dataclass(frozen=True)
class Matrix:
    """The largest rows and columns, each in falling order; what is left is summed behind them.

    `cells` has a line for each of `rows` and one more where `more_rows` are summed; columns likewise.
    """

    rows: list[Any]
    columns: list[Any]
    more_rows: int
    more_columns: int
    cells: list[list[int]]

    @property
    def row_totals(self) -> list[int]:
        return [sum(line) for line in self.cells]

    @property
    def column_totals(self) -> list[int]:
        return [sum(column) for column in zip(*self.cells, strict=True)]

    @property
    def total(self) -> int:
        return sum(self.row_totals)


def matrix(cells: Mapping[tuple[Row, Column], int], shown: int = SHOWN) -> Matrix:
    """The `shown` largest rows and columns, the rest summed. Equals keep the order they came in."""
    per_row, per_column = margins(cells)
    rows, more_rows = _largest(per_row, shown)
    columns, more_columns = _largest(per_column, shown)
    down = {key: place for place, key in enumerate(rows)}
    across = {key: place for place, key in enumerate(columns)}
    width, height = len(columns) + bool(more_columns), len(rows) + bool(more_rows)
    lines = [[0] * width for _row in range(height)]
    for (row, column), number in cells.items():
        if number:
            lines[down.get(row, len(rows))][across.get(column, len(columns))] += number
    return Matrix(list(rows), list(columns), more_rows, more_columns, lines)


def margins(cells: Mapping[tuple[Row, Column], int]) -> tuple[Counter[Row], Counter[Column]]:
    per_row: Counter[Row] = Counter()
    per_column: Counter[Column] = Counter()
    for (row, column), number in cells.items():
        if number:
            per_row[row] += number
            per_column[column] += number
    return per_row, per_column


def _largest(totals: Counter[Row], shown: int) -> tuple[list[Row], int]:
    largest = [key for key, _number in totals.most_common(fitting(len(totals), shown))]
    return largest, len(totals) - len(largest)


def fitting(number: int, shown: int = SHOWN) -> int:
    """How many of a list are shown: one too many takes the room of "1 more", so it is shown."""
    return number if number <= shown + 1 else shown


def shade(number: int, most: int) -> int:
    """0 for an empty cell, else 1 to 5 on a logarithmic scale up to the largest cell."""
    if number <= 0:
        return 0
    if most <= 1:
        return SHADES
    return 1 + min(SHADES - 1, math.floor(SHADES * math.log(number) / math.log(most)))


class Tell(NamedTuple):
    """A column that gives a row away: a model may learn the source instead of the class.

    `only_row`: the column brings (nearly) nothing else. `only_column`: the row comes from (nearly)
    nowhere else. Both may be true.
    """

    row: Any
    column: Any
    samples: int
    of_column: int
    of_row: int
    only_row: bool
    only_column: bool


def tells(
    cells: Mapping[tuple[Row, Column], int], named: Iterable[Column] | None = None
) -> list[Tell]:
    """Where row and column go together so closely that one gives the other away, largest first.

    `named`: the columns that are one thing each ("no source given" is none). Of a row that is
    frequent everywhere nothing is said: inside it must be twice as frequent as outside.
    """
    per_row, per_column = margins(cells)
    total = sum(per_row.values())
    wanted = set(per_column) if named is None else set(named)
    found = []
    for (row, column), number in cells.items():
        if column not in wanted or number < ENOUGH:
            continue
        of_row, of_column = per_row[row], per_column[column]
        only_row = _alone(number, of_column, of_row - number, total - of_column)
        only_column = _alone(number, of_row, of_column - number, total - of_row)
        if only_row or only_column:
            found.append(Tell(row, column, number, of_column, of_row, only_row, only_column))
    return sorted(found, key=lambda tell: (-tell.samples, not tell.only_row))


def _alone(inside: int, of_inside: int, outside: int, of_outside: int) -> bool:
    """Is nearly everything inside so, and at least twice the share of what is so outside?"""
    if not of_outside or Fraction(inside, of_inside) < ALONE:
        return False
    return 2 * Fraction(outside, of_outside) <= Fraction(inside, of_inside)


class Imbalance(NamedTuple):
    """The largest and the smallest of those that have any, and those that have none."""

    largest: Any
    most: int
    smallest: Any
    least: int
    empty: list[Any]

    @property
    def ratio(self) -> float:
        return self.most / self.least


def imbalance(totals: Mapping[Row, int]) -> Imbalance | None:
    """None while nothing was counted."""
    some = {key: number for key, number in totals.items() if number}
    if not some:
        return None
    largest = max(some, key=lambda key: some[key])
    smallest = min(some, key=lambda key: some[key])
    empty = [key for key, number in totals.items() if not number]
    return Imbalance(largest, some[largest], smallest, some[smallest], empty)
