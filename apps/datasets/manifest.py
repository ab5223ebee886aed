"""The manifest of a version as Parquet. Workers only: web processes never import pyarrow."""

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import IO, Self

import pyarrow as pa
import pyarrow.parquet as pq

from apps.datasets.digest import Row
from apps.datasets.seals import MARK

# One row per sample, sorted by `sample`; the first five columns are what the digest covers.
SCHEMA = pa.schema(
    [
        ("sample", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("group", pa.string()),
        ("licence", pa.string()),
        ("media_type", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        # Where the label is sealed (then null): sha256(salt, sample, label), see docs/versions.md.
        ("sealed", pa.string()),
        # Where whoever brought it says it comes from; null where nobody did.
        ("source", pa.string()),
    ]
)


class ManifestWriter:
    """Writes rows in chunks, so that memory does not grow with the version."""

    def __init__(self, stream: IO[bytes], about: Mapping[str, str]) -> None:
        schema = SCHEMA.with_metadata({f"potluck.{key}": value for key, value in about.items()})
        self._writer = pq.ParquetWriter(stream, schema, compression="zstd")
        self._schema = schema

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._writer.close()

    def write(self, rows: Sequence[Sequence[object]]) -> None:
        """Rows as tuples in the schema's order."""
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            self._writer.write_table(pa.table(columns, schema=self._schema))


def read_rows(stream: IO[bytes]) -> Iterator[Row]:
    """What the digest covers, in the file's order; a sealed label as `sealed:` and its hash."""
    source = pq.ParquetFile(stream)
    # Manifests written before labels could be sealed have no such column.
    sealing = "sealed" in source.schema_arrow.names
    names = [*Row._fields, "sealed"] if sealing else list(Row._fields)
    for batch in source.iter_batches(columns=names):
        columns = {name: batch.column(name).to_pylist() for name in names}
        if sealing:
            pairs = zip(columns["label"], columns.pop("sealed"), strict=True)
            columns["label"] = [
                f"{MARK}{seal}" if label is None else label for label, seal in pairs
            ]
        yield from map(Row._make, zip(*(columns[name] for name in Row._fields), strict=True))
