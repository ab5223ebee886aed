"""Parquet shards as Hugging Face `datasets` loads them. Workers only: needs pyarrow."""

import json
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

SEALED = -1  # what `datasets` takes for a label that is not known
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class Example(NamedTuple):
    content: bytes
    path: str
    label: int


def schema_of(classes: list[str], text: bool) -> pa.Schema:
    """Columns with the features of `datasets` in the metadata, so that classes keep their names."""
    first = {"dtype": "string", "_type": "Value"} if text else {"_type": "Image"}
    name = "text" if text else "image"
    features = {name: first, "label": {"names": classes, "_type": "ClassLabel"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    kind = pa.string() if text else IMAGE
    return pa.schema([(name, kind), ("label", pa.int64())]).with_metadata(about)


class ShardWriter:
    """One shard: examples go in as row groups, so that memory holds one of them."""

    def __init__(self, stream: IO[bytes], classes: list[str], text: bool, group_bytes: int) -> None:
        self._schema, self._text = schema_of(classes, text), text
        # Images are compressed already.
        self._writer = pq.ParquetWriter(
            stream, self._schema, compression="zstd" if text else "none"
        )
        self._group_bytes, self._held = group_bytes, 0
        self._examples: list[Example] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._flush()
        self._writer.close()

    def add(self, example: Example) -> None:
        self._examples.append(example)
        self._held += len(example.content)
        if self._held >= self._group_bytes:
            self._flush()

    def _flush(self) -> None:
        if not self._examples:
            return
        content: list[Any] = [
            each.content.decode() if self._text else {"bytes": each.content, "path": each.path}
            for each in self._examples
        ]
        columns = [content, [each.label for each in self._examples]]
        self._writer.write_table(pa.table(columns, schema=self._schema))
        self._examples, self._held = [], 0


def portions(examples: Iterable[Example], limit: int) -> Iterator[Iterator[Example]]:
    """Examples in runs of about `limit` bytes; each run must be used up before the next."""
    source = iter(examples)
    ahead = next(source, None)

    def run() -> Iterator[Example]:
        nonlocal ahead
        size = 0
        while ahead is not None and (not size or size + len(ahead.content) <= limit):
            size += len(ahead.content)
            yield ahead
            ahead = next(source, None)

    while ahead is not None:
        yield run()
