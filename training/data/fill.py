"""The files of a pack, written once, front to back, and hashed on the way."""

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from training.config import Image, Text
from training.data.decode import decode_images, read_texts
from training.data.manifest import Manifest
from training.data.tokenizer import Tokenizer, learn
from training.errors import Cancelled

T = TypeVar("T")
Progress = Callable[[int, int], None]

IMAGES, TEXTS = 16, 1024  # that a thread takes at once, between two looks at the stop flag
AHEAD = 4  # turns for each thread: it decodes while others are written
ENOUGH = 10_000_000  # characters to learn a tokenizer from
NO_SOURCE = -1


@dataclass(frozen=True)
class Work:
    """How a pack is filled: with how many threads, who hears of it, and who may stop it."""

    threads: int
    progress: Progress | None
    stopped: Callable[[], bool]


@dataclass(frozen=True)
class Folder:
    """A pack that is being filled."""

    path: Path
    files: dict[str, dict[str, Any]]
    """Of each file written so far: bytes and sha256."""

    @contextmanager
    def writer(self, name: str) -> Iterator[Callable[[Any], None]]:
        """What it gives writes bytes, or an array, to the end of the file ``name``."""
        digest, size = hashlib.sha256(), 0
        with (self.path / name).open("wb") as file:

            def write(content: Any) -> None:
                nonlocal size
                digest.update(content)
                size += file.write(content)

            yield write
            file.flush()
            os.fsync(file.fileno())
        self.files[name] = {"bytes": size, "sha256": digest.hexdigest()}

    def write(self, name: str, content: Any) -> None:
        """The whole of a file."""
        with self.writer(name) as write:
            write(content)


def fill(
    folder: Path, manifest: Manifest, blobs: Path, policy: Image | Text, work: Work
) -> dict[str, Any]:
    """Write all files of a pack but ``pack.json``; bytes and sha256 of each.

    Raises ``TrainingError("bad_input")`` and, when ``work.stopped()``, ``Cancelled``.
    """
    pack = Folder(folder, {})
    if isinstance(policy, Image):
        _write_images(pack, manifest.samples, blobs, policy, work)
    else:
        _write_texts(pack, manifest, blobs, policy, work)
    pack.write("labels", np.asarray(manifest.labels, np.int64))
    pack.write("samples", "".join(manifest.samples).encode())
    names = sorted({source for source in manifest.sources if source is not None})
    codes = {None: NO_SOURCE} | {name: number for number, name in enumerate(names)}
    pack.write("sources", np.asarray([codes[each] for each in manifest.sources], np.int32))
    pack.write("source_names", json.dumps(names, ensure_ascii=False).encode())
    return pack.files


def _write_images(pack: Folder, samples: list[str], blobs: Path, policy: Image, work: Work) -> None:
    decode = partial(decode_images, blobs, policy=policy)
    with pack.writer("images") as write:
        for pixels in _in_turns(decode, samples, IMAGES, work):
            write(pixels)


def _write_texts(pack: Folder, manifest: Manifest, blobs: Path, policy: Text, work: Work) -> None:
    lengths = [np.zeros(1, np.int64)]
    turns = _in_turns(partial(read_texts, blobs), manifest.samples, TEXTS, work)
    tokenizer, every = _learn(turns, manifest.splits.count("train"), policy)
    with pack.writer("tokens") as write:
        for texts in every:
            ids, own = tokenizer.flat(texts)
            write(ids)
            lengths.append(own)
    pack.write("offsets", np.concatenate(lengths).cumsum())
    pack.write("tokenizer.json", tokenizer.to_json().encode())


def _learn(
    turns: Iterator[list[str]], train: int, policy: Text
) -> tuple[Tokenizer, Iterator[list[str]]]:
    """A tokenizer from the first ``train`` texts, or enough of them; and the turns, all of them again.

    A split is sorted by hash, so that its first texts are a fair sample of it.
    """
    head: list[list[str]] = []
    rows = characters = 0
    for texts in turns:
        head.append(texts)
        rows += len(texts)
        characters += sum(map(len, texts))
        if rows >= train or characters >= ENOUGH:
            break
    tokenizer = learn(islice(chain.from_iterable(head), train), policy)
    return tokenizer, chain(head, turns)


def _in_turns(
    decode: Callable[[Sequence[str]], T], samples: list[str], size: int, work: Work
) -> Iterator[T]:
    """``decode`` over ``samples``, ``size`` at a time, in their order, some turns ahead of the caller."""

    def take(some: Sequence[str]) -> T:
        if work.stopped():
            raise Cancelled
        return decode(some)

    turns = (samples[start : start + size] for start in range(0, len(samples), size))
    most, ahead = AHEAD * work.threads, deque[Future[T]]()
    pool = ThreadPoolExecutor(work.threads)  # reading and decoding free the GIL
    try:
        for done in range(size, len(samples) + size, size):
            ahead.extend(pool.submit(take, turn) for turn in islice(turns, most - len(ahead)))
            yield ahead.popleft().result()
            if work.progress is not None:
                work.progress(min(done, len(samples)), len(samples))
    finally:
        pool.shutdown(cancel_futures=True)
