"""Class by source: the table loses nothing, and what it tells is what the numbers say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.datasets.crosstab import ENOUGH, SHADES, imbalance, margins, matrix, shade, tells

CELLS = st.dictionaries(
    st.tuples(st.integers(0, 30), st.text("abcde", max_size=2)), st.integers(0, 10**6), max_size=80
)
Cells = dict[tuple[int, str], int]


@given(CELLS, st.integers(1, 25))
def test_a_matrix_sums_what_it_does_not_show(cells: Cells, shown: int) -> None:
    found = matrix(cells, shown)
    some = {key: number for key, number in cells.items() if number}
    assert found.total == sum(cells.values()) == sum(found.column_totals)
    assert len(found.rows) + found.more_rows == len({row for row, _column in some})
    assert len(found.columns) + found.more_columns == len({column for _row, column in some})
    assert len(found.cells) == len(found.rows) + bool(found.more_rows) <= shown + 1
    assert {len(line) for line in found.cells} <= {len(found.columns) + bool(found.more_columns)}
    per_row, _per_column = margins(cells)
    assert found.row_totals[: len(found.rows)] == [per_row[key] for key in found.rows]
    assert found.row_totals[: len(found.rows)] == sorted(
        found.row_totals[: len(found.rows)], reverse=True
    )
    for line, row in zip(found.cells, found.rows, strict=False):
        for number, column in zip(line, found.columns, strict=False):
            assert number == cells.get((row, column), 0)


def test_one_too_many_is_shown_rather_than_summed() -> None:
    assert matrix({(row, "a"): 1 for row in range(21)}, 20).more_rows == 0
    assert matrix({(row, "a"): 1 for row in range(22)}, 20).more_rows == 2


@given(CELLS)
def test_what_is_told_is_so(cells: Cells) -> None:
    per_row, per_column = margins(cells)
    for tell in tells(cells):
        assert cells[tell.row, tell.column] == tell.samples >= ENOUGH
        assert (tell.of_row, tell.of_column) == (per_row[tell.row], per_column[tell.column])
        assert tell.only_row or tell.only_column
        if tell.only_row:
            assert tell.samples >= 0.95 * tell.of_column
        if tell.only_column:
            assert tell.samples >= 0.95 * tell.of_row


@given(CELLS, st.integers(2, 1000))
def test_telling_depends_on_shares_and_not_on_the_order(cells: Cells, times: int) -> None:
    def told(some: Cells) -> set[Any]:
        return {(each.row, each.column, each.only_row, each.only_column) for each in tells(some)}

    assert told(dict(reversed(cells.items()))) == told(cells)
    assert told(cells) <= told({key: number * times for key, number in cells.items()})


@given(CELLS)
def test_with_one_column_or_one_row_there_is_nothing_to_tell(cells: Cells) -> None:
    assert tells({(row, "a"): number for (row, _column), number in cells.items()}) == []
    assert tells({(1, column): number for (_row, column), number in cells.items()}) == []


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        # Each source brings its own class: both ways.
        ({(1, "a"): 40, (2, "b"): 50}, [(2, "b", True, True), (1, "a", True, True)]),
        # a brings cats alone, which b brings, too.
        (
            {(1, "a"): 40, (1, "b"): 40, (2, "b"): 50},
            [(2, "b", False, True), (1, "a", True, False)],
        ),
        (
            {(1, "a"): 39, (2, "a"): 1, (1, "b"): 9, (2, "b"): 90, (1, "c"): 9, (2, "c"): 90},
            [(1, "a", True, False)],
        ),
        # Evenly mixed, too few to judge, or one class that is nearly everything everywhere.
        ({(1, "a"): 40, (2, "a"): 40, (1, "b"): 40, (2, "b"): 40}, []),
        ({(1, "a"): 4, (2, "b"): 4}, []),
        ({(1, "a"): 98, (2, "a"): 2, (1, "b"): 97, (2, "b"): 2}, []),
    ],
)
def test_when_a_source_gives_a_class_away(cells: Cells, told: list[Any]) -> None:
    found = [(each.row, each.column, each.only_row, each.only_column) for each in tells(cells)]
    assert found == told


def test_a_column_without_a_name_tells_nothing() -> None:
    cells = {(1, ""): 40, (2, "b"): 50}
    assert [each.column for each in tells(cells, named=["b"])] == ["b"]


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_shades_run_from_nothing_to_the_largest(most: int, number: int) -> None:
    number = min(number, most)
    assert (shade(number, most) == 0) == (number == 0)
    assert 0 <= shade(number, most) <= SHADES
    assert shade(most, most) == SHADES
    assert shade(number, most) <= shade(min(number + 1, most), most)


@given(st.dictionaries(st.integers(), st.integers(0, 10**6)))
def test_the_imbalance_is_between_those_that_have_any(totals: dict[int, int]) -> None:
    found = imbalance(totals)
    some = [number for number in totals.values() if number]
    if found is None:
        assert not some
    else:
        assert (found.most, found.least) == (max(some), min(some))
        assert found.ratio >= 1
        assert len(found.empty) == len(totals) - len(some)
