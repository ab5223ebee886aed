"""Sending a manifest and files, and what became of them."""

from typing import Any

from apps.datasets import actions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.models import (
    Contribution,
)

HEAD = "filename,label,group,source,licence,split\n"
TABLE = HEAD + "a/1.png,dog,rex,the barn,CC0-1.0,test\na/2.png,Cat,tom,,,\n"


def send(batch: Contribution, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        actions.receive_file(batch, batch.member, name=name, chunks=[data])
    drain_ingest()


def use(batch: Contribution, text: str) -> Any:
    return actions.set_manifest(batch, batch.member, text.encode())


def look(batch: Contribution, text: str) -> Any:
    return actions.check_manifest(batch, batch.member, text.encode())


def said_of(batch: Contribution) -> dict[str, tuple[str, ...]]:
    """{file: label or claim, group, source, licence, declared split} of what was taken."""
    rows = batch.receipts.exclude(sample=None).select_related("sample__label")
    return {
        each.name: (
            each.sample.label.name if each.sample.label else each.sample.claimed_class,
            each.sample.group,
            each.sample.source,
            each.sample.licence,
            each.sample.declared_split,
        )
        for each in rows
    }


def codes(report: Any) -> list[tuple[int, str]]:
    return [(each.line, each.code) for each in report.problems]
