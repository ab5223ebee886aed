"""What a dataset is made of, as pictures that are tables, each with a sentence of what it shows."""

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from apps.datasets import readings
from apps.datasets.crosstab import fitting
from apps.datasets.insights import (
    COLUMNS,
    Balance,
    Heat,
    Splits,
    balances,
    count_kinds,
    heat,
    imbalance_of,
    newest_frozen,
    splits_of,
    table_rows,
)
from apps.datasets.models import LabelClass, Split
from apps.datasets.pages.scope import dataset_of, frame
from apps.datasets.tables import csv_lines
from apps.members.tokens import also_by_token


@require_safe
def insights(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    classes = {label.pk: label for label in dataset.classes.all()}
    names = {pk: label.name for pk, label in classes.items()}
    rows = balances(dataset, list(classes.values()))
    counts = count_kinds(dataset)
    sources, contributors = heat(counts.cells("source")), heat(counts.cells("contributor"))
    version = newest_frozen(dataset)
    splits = splits_of(version) if version else None
    context = frame(request, dataset, "overview") | {
        "counted_at": counts.at,
        "balance": bars(rows),
        "balance_reading": list(readings.of_imbalance(imbalance_of(rows))),
        "sources": grid(sources, classes),
        "sources_reading": list(readings.of_sources(sources, names)),
        "contributors": grid(contributors, classes),
        "contributors_reading": list(readings.of_contributors(contributors, names)),
        "version": version,
        "split_names": Split.choices,
        "splits": split_bars(splits) if splits else [],
        "splits_reading": list(readings.of_splits(splits)) if splits else [],
        "sealed": counts.sealed,
        "some": any(row.live for row in rows),
    }
    return render(request, "datasets/insights.html", context)


def bars(rows: list[Balance]) -> list[dict[str, Any]]:
    """The largest classes with their bars; the smaller ones summed in a last row."""
    most = max((row.live for row in rows), default=0) or 1
    shown = fitting(len(rows))
    kept, rest = rows[:shown], rows[shown:]
    drawn = [
        {
            "label": row.label,
            "counts": row.counts,
            "approved": round(100 * row.counts["approved"] / most, 2),
            "live": round(100 * row.live / most, 2),
        }
        for row in kept
    ]
    if rest:
        summed = sum((row.counts for row in rest), start=Counter[str]())
        drawn.append({"more": len(rest), "counts": summed})
    return drawn


def grid(found: Heat, classes: dict[int, LabelClass]) -> dict[str, Any]:
    """Rows and columns with their names; the cells as (number, shade)."""
    table = found.matrix
    lines = zip(table.cells, found.shades, table.row_totals, strict=True)
    heads: list[Any] = [{"label": classes.get(key)} for key in table.rows]
    if table.more_rows:
        heads.append({"more": table.more_rows})
    rows = [
        head | {"cells": list(zip(numbers, shades, strict=True)), "total": total}
        for head, (numbers, shades, total) in zip(heads, lines, strict=True)
    ]
    return {
        "rows": rows,
        "columns": table.columns,
        "more": table.more_columns,
        "totals": table.column_totals,
        "total": table.total,
    }


def split_bars(found: Splits) -> list[dict[str, Any]]:
    """Each class divided into its splits, as shares of the class, so that classes compare."""
    kept = found.rows[: fitting(len(found.rows))]
    drawn = []
    for name, colour, counts in kept:
        known = [number or 0 for number in counts]
        total = sum(known) or 1
        edges = [round(100 * sum(known[:place]) / total, 2) for place in range(len(known) + 1)]
        parts = [
            {"split": split, "start": start, "width": round(end - start, 2)}
            for split, start, end in zip(Split.values, edges, edges[1:], strict=False)
        ]
        named = list(zip(Split.labels, counts, strict=True))
        drawn.append({"name": name, "colour": colour, "counts": named, "parts": parts})
    if rest := found.rows[len(kept) :]:
        columns = zip(*(counts for _n, _c, counts in rest), strict=True)
        summed = [None if None in each else sum(each) for each in columns]
        drawn.append({"more": len(rest), "counts": list(zip(Split.labels, summed, strict=True))})
    return drawn


@require_safe
@also_by_token
def insights_csv(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """Every class, source, contributor and status with its number of samples: a tidy table."""
    dataset = dataset_of(request, slug)
    rows = table_rows(dataset, count_kinds(dataset))
    response = StreamingHttpResponse(
        csv_lines(COLUMNS, rows), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = content_disposition_header(True, f"{slug}-insights.csv")
    return response
