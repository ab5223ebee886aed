"""What a dataset is made of, over HTTP: the numbers of the page, and what they tell."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets.api.scope import READ_ANY, DatasetScoped
from apps.datasets.crosstab import Imbalance, Tell
from apps.datasets.insights import (
    Balance,
    Heat,
    balances,
    count_kinds,
    heat,
    imbalance_of,
    newest_frozen,
)
from apps.datasets.models import Sample, Version
from apps.datasets.seals import counts_of

Names = dict[int, str]


class Insights(DatasetScoped, APIView):
    """Samples by class and status, class by source and by contributor, splits of the newest version.

    The 20 largest of each, the rest summed; `datasets/SLUG/insights.csv` has all. `tells` names the
    sources and members that give a class away, and classes that come from one of them alone.
    """

    permission_classes = READ_ANY

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, slug: str) -> Response:
        dataset = self.dataset
        classes = list(dataset.classes.all())
        names = {label.pk: label.name for label in classes}
        rows = balances(dataset, classes)
        counts = count_kinds(dataset)
        return Response(
            {
                "classes": [_balance(row) for row in rows],
                "imbalance": _imbalance(imbalance_of(rows)),
                "counted_at": counts.at,
                "sealed_left_out": counts.sealed,
                "sources": _heat(heat(counts.cells("source")), names),
                "contributors": _heat(heat(counts.cells("contributor")), names),
                "splits": _splits(newest_frozen(dataset)),
            }
        )


def _balance(row: Balance) -> dict[str, Any]:
    name = row.label.name if row.label else None
    return {"class": name} | {status: row.counts[status] for status in Sample.Status.values}


def _imbalance(found: Imbalance | None) -> dict[str, Any] | None:
    return found and found._asdict() | {"ratio": round(found.ratio, 3)}


def _heat(found: Heat, names: Names) -> dict[str, Any]:
    table = found.matrix
    return {
        "rows": [names.get(key) for key in table.rows],
        "columns": table.columns,
        "more_rows": table.more_rows,
        "more_columns": table.more_columns,
        "cells": table.cells,
        "tells": [_tell(tell, names) for tell in found.tells],
    }


def _tell(tell: Tell, names: Names) -> dict[str, Any]:
    return tell._asdict() | {"row": names.get(tell.row)}


def _splits(version: Version | None) -> dict[str, Any] | None:
    return {"version": version.number, "counts": counts_of(version)} if version else None
