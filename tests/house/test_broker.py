"""The embedded broker: a message is whole or not there, even with many writers and a hot reader."""

import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.exceptions import ChannelError

MESSAGES = 300
WRITERS = 3


@pytest.fixture
def broker(tmp_path: Path) -> Connection:
    folder = tmp_path / "messages"
    folder.mkdir()
    options = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(tmp_path / "control"),
    }
    return Connection("filesystem://localhost", transport_options=options)


def test_it_is_ours(broker: Connection) -> None:
    assert broker.transport_cls == "filesystem"
    assert type(broker.transport).__module__ == "config.broker"


def test_no_message_is_half_read_and_none_lost(broker: Connection) -> None:
    """A large payload, so that writing takes long enough to be caught in the middle."""
    payload = {"ring": "x" * 200_000}

    def write() -> None:
        channel = broker.clone().channel()
        for _ in range(MESSAGES // WRITERS):
            channel._put("data", payload)

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    reader, read = broker.clone().channel(), 0
    while any(writer.is_alive() for writer in writers) or read < MESSAGES:
        try:
            found = reader._get("data")
        except Empty:
            if not any(writer.is_alive() for writer in writers):
                break
            continue
        assert found == payload
        read += 1
    assert read == MESSAGES


def test_workers_that_start_together_read_whole_tables(broker: Connection) -> None:
    failures: list[Exception] = []

    def bind(number: int) -> None:
        channel = broker.clone().channel()
        try:
            for each in range(20):
                channel._queue_bind("celery.pidbox", "", "", f"worker-{number}-{each}")
                channel.get_table("celery.pidbox")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=bind, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(broker.channel().get_table("celery.pidbox")) == 80


def test_a_folder_that_cannot_be_written_leaves_nothing(broker: Connection, tmp_path: Path) -> None:
    channel = broker.channel()
    (tmp_path / "messages").rmdir()
    with pytest.raises(ChannelError):
        channel._put("data", {})
