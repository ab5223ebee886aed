"""Images that stay on the host give the same batches as those on the device."""

import threading

import numpy as np
import pytest
import torch

from training.config import Augmentation, JobConfig
from training.data import stream
from training.data.images import Images, place
from training.data.stream import Ahead, fits

CPU = torch.device("cpu")
AUGMENTATION = Augmentation(
    flip=True, translate=0.1, rotate=10, zoom=0.1, cutout=0.2, colour=0.2, mixup=0.3
)
CONFIG = JobConfig(augmentation=AUGMENTATION, batch_size=16)


@pytest.fixture
def both(tmp_path):
    """The same images in memory, and mapped from a file with a thread that gathers."""
    pixels = np.random.default_rng(0).integers(0, 256, (100, 32, 32, 3), np.uint8)
    pixels.tofile(tmp_path / "images")
    mapped = np.memmap(tmp_path / "images", np.uint8, mode="c", shape=pixels.shape)
    labels = torch.arange(100) % 7
    host = torch.from_numpy(mapped)
    return Images(torch.from_numpy(pixels), labels), Images(host, labels, Ahead(host, CPU))


def equal(batch, other):
    return all(torch.equal(*pair) for pair in zip(batch, other, strict=True))


@pytest.mark.parametrize("world", [1, 2])
def test_streamed_batches_are_the_same_bit_for_bit(both, world):
    direct, streamed = both
    for epoch in range(2):
        draws = [images.draw(CONFIG, epoch, CPU) for images in both]
        for number in range(len(draws[0])):
            for rank in range(world):
                batch = direct.batch(draws[0], number, rank, world)
                assert equal(batch, streamed.batch(draws[1], number, rank, world))


def test_any_step_may_be_asked_for(both):
    direct, streamed = both
    draws = direct.draw(CONFIG, 0, CPU)
    for number in (3, 4, 0, 0, 5, 2, 3):
        assert equal(direct.batch(draws, number), streamed.batch(draws, number))
    other = direct.draw(CONFIG, 1, CPU)
    assert equal(direct.batch(other, 4), streamed.batch(other, 4))


def test_without_changes_a_batch_outlives_its_buffer(both):
    direct, streamed = both
    draws = direct.draw(JobConfig(batch_size=16), 0, CPU)
    kept = [streamed.batch(draws, number) for number in range(len(draws))]
    for number, batch in enumerate(kept):
        assert torch.equal(batch.inputs, direct.batch(draws, number).inputs)


def test_the_next_step_is_gathered_meanwhile(both, monkeypatch):
    _, streamed = both
    draws = streamed.draw(CONFIG, 0, CPU)
    gathered = threading.Semaphore(0)
    load = Ahead._load

    def watched(self, rows, turn):
        assert threading.current_thread() is not threading.main_thread()
        found = load(self, rows, turn)
        gathered.release()
        return found

    monkeypatch.setattr(Ahead, "_load", watched)
    streamed.batch(draws, 0)
    for _ in range(2):  # step 0, and step 1 that nobody has asked for yet
        assert gathered.acquire(timeout=30)


def test_pieces_are_the_same(both):
    direct, streamed = both
    for one, other in zip(direct.pieces(30), streamed.pieces(30), strict=True):
        assert equal(one, other)


def test_images_lie_on_the_device_where_they_leave_room(monkeypatch):
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 5000))
    assert fits(200, gpu)
    assert not fits(201, gpu)
    assert fits(10**15, CPU)


def test_placed_by_what_fits(both, monkeypatch):
    direct, _ = both
    assert place(direct.pixels, direct.labels, CPU).ahead is None
    monkeypatch.setattr("training.data.images.fits", lambda size, device: size < 100 * 32 * 32 * 3)
    placed = place(direct.pixels, direct.labels, CPU)
    assert isinstance(placed.ahead, stream.Ahead)
    draws = direct.draw(CONFIG, 0, CPU)
    assert equal(direct.batch(draws, 0), placed.batch(draws, 0))
