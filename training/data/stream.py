"""Images that do not fit on the device: gathered on the host one step ahead, while the device works.

A thread gathers the bytes of the next step into one of two page-locked buffers, from where they are
copied while the step before is computed. On a CPU nothing is copied; the rest is the same.
"""

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

SHARE = 0.2  # of the device's free memory that one split may take: three leave half to the network

Key = tuple[int, int, int]


def fits(split_bytes: int, device: torch.device) -> bool:
    """Whether images of so many bytes should lie whole on ``device``. A CPU maps the file itself."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return split_bytes <= SHARE * free


class Ahead:
    """Gathers rows of ``pixels`` (uint8, samples × …, on the host) step by step for ``device``.

    Any step may be asked for at any time; the one that follows the last is ready.
    """

    def __init__(self, pixels: Tensor, device: torch.device) -> None:
        self.pixels, self.device = pixels, device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._buffers = [pixels.new_empty(0), pixels.new_empty(0)]
        self._copied: list[torch.cuda.Event | None] = [None, None]
        self._thread = ThreadPoolExecutor(1)
        self._order = self._rows = torch.empty(0)
        self._key: Key | None = None
        self._next: Future[Tensor] | None = None
        self._turn = 0

    def step(self, order: Tensor, number: int, rank: int = 0, world: int = 1) -> Tensor:
        """The rows ``order[number, rank::world]``, on the device. Use them before asking again."""
        if order is not self._order:
            self._order, self._rows, self._key = order, order.cpu(), None
        key = (number, rank, world)
        if self._next is None or self._key != key:
            self._begin(key)
        assert self._next is not None
        found = self._next.result()
        copied = self._copied[self._turn]
        if copied is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_event(copied)
            found.record_stream(current)
        self._key = None
        if number + 1 < len(self._rows):
            self._begin((number + 1, rank, world))
        return found

    def _begin(self, key: Key) -> None:
        number, rank, world = key
        self._turn = 1 - self._turn
        rows = self._rows[number, rank::world]
        self._key, self._next = key, self._thread.submit(self._load, rows, self._turn)

    def _load(self, rows: Tensor, turn: int) -> Tensor:
        copied = self._copied[turn]
        if copied is not None:
            copied.synchronize()  # the last copy out of this buffer
        with torch.cuda.stream(self._stream):  # None changes nothing
            if len(self._buffers[turn]) != len(rows):
                shape = (len(rows), *self.pixels.shape[1:])
                pinned = self._stream is not None
                self._buffers[turn] = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
            buffer = torch.index_select(self.pixels, 0, rows, out=self._buffers[turn])
            found = buffer.to(self.device, non_blocking=True)
            if self._stream is not None:
                self._copied[turn] = self._stream.record_event()
        return found
