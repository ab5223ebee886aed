"""Which row of a contribution's manifest is about which file."""

from collections.abc import Iterable, Iterator, Mapping

from django.db.models import QuerySet

from apps.datasets.ingest.manifest import Row, names_of
from apps.datasets.models import ManifestRow, Receipt

SILENT = Row(0, "")


def row_for(name: str, rows: Mapping[str, Row]) -> Row | None:
    """The row of this very name, else the one of the name without its first folder."""
    return next((rows[each] for each in names_of(name) if each in rows), None)


def stored_rows(rows: QuerySet[ManifestRow]) -> Iterator[Row]:
    """The rows as they were read, without an object of the database for each."""
    return map(Row._make, rows.values_list(*Row._fields).iterator(5000))


class Rows:
    """What manifests say about a few receipts, read at once."""

    def __init__(self, receipts: Iterable[Receipt]) -> None:
        every = list(receipts)
        names = {name for each in every for name in names_of(each.name)}
        batches = {each.contribution_id for each in every}
        found = ManifestRow.objects.filter(contribution__in=batches, name__in=names)
        self._rows: dict[int, dict[str, Row]] = {batch: {} for batch in batches}
        for batch, *words in found.values_list("contribution", *Row._fields):
            row = Row._make(words)
            self._rows[batch][row.name] = row

    def of(self, receipt: Receipt) -> Row:
        """Its row, or one that says nothing."""
        return row_for(receipt.name, self._rows[receipt.contribution_id]) or SILENT
