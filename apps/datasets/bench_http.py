"""What one uploaded image costs the server: web and ingest processes as the Procfile starts them."""

import contextlib
import hashlib
import http.client
import json
import os
import shlex
import signal
import socket
import statistics
import string
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import psutil
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from apps.datasets import actions
from apps.datasets.bench import bare_all, photos
from apps.datasets.models import Contribution, Licence, Receipt

WARM, IMAGES, ROUNDS = 96, 256, 5
# As the browser sends them: announced in portions, then one request each, three at once.
PORTION, AT_ONCE = 100, 3
LIVE_SECONDS = 2
WAIT_SECONDS = 600
TOKEN = "b" * 32


def ingest_http_cpu() -> dict[str, Any]:
    """Server CPU from the first announcement to the last receipt, by image: HTTP, messages, ingest.

    The median of the rounds: these machines have slow minutes. Each round's own share of decoding and
    encoding, measured beside it, says how fast the machine was.
    """
    member = get_user_model().objects.create_user("ben", "ben@example.org")
    dataset = actions.create_dataset(
        member, title="B", slug="b", licence=Licence.CC0, class_names=["a"]
    )
    rounds: list[Round] = []
    with site("web", "ingest") as (port, processes):
        sender = Sender(port, member)
        upload(sender, dataset, member, photos(WARM, 0))
        for number in range(ROUNDS):
            files = photos(IMAGES, WARM + number * IMAGES)
            before, began = cpu_seconds(processes), time.monotonic()
            upload(sender, dataset, member, files)
            wall = time.monotonic() - began
            after = cpu_seconds(processes)
            web, ingest = (end - start for end, start in zip(after, before, strict=True))
            rounds.append(Round(web, ingest, _alone(files), wall))
    middle = Round(*(statistics.median(each) for each in zip(*rounds, strict=True)))
    totals = [1000 * (each.web + each.ingest) / IMAGES for each in rounds]
    value = statistics.median(totals)
    size = sum(map(len, files)) // IMAGES // 1000
    web, ingest, alone = (1000 * each / IMAGES for each in middle[:3])
    return {
        "name": "ingest_http_cpu",
        "value": round(value, 2),
        "unit": "ms",
        "target": "≤ 12",
        "met": value <= 12,
        "rounds": ROUNDS,
        "detail": f"{IMAGES} 600×440 JPEGs of {size} KB a round, {min(totals):.1f} to {max(totals):.1f}: "
        f"web {web:.1f} ms, ingest {ingest:.1f} ms of CPU; {IMAGES / middle.wall:.0f} images/s; "
        f"decoding and encoding them alone takes {alone:.1f} ms here",
    }


class Round(NamedTuple):
    """Seconds: CPU of the two kinds of processes, CPU of the bare loop, and by the clock."""

    web: float
    ingest: float
    alone: float
    wall: float


def _alone(files: list[bytes]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        bare_all(files, Path(folder))
        return time.process_time() - began


# --- the site ---------------------------------------------------------------------------------


@contextlib.contextmanager
def site(*names: str) -> Iterator[tuple[int, list[psutil.Process]]]:
    """(port, processes) of these lines of the Procfile, on this process's database and files."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = settings.ROOT
    lines = dict(each.split(": ", 1) for each in (root / "Procfile").read_text().splitlines())
    env = {**os.environ, "PORT": str(port)}
    (Path(settings.VAR_DIR) / "messages").mkdir(exist_ok=True)
    started = [
        subprocess.Popen(
            shlex.split(string.Template(lines[name]).substitute(env)),
            cwd=root,
            env=env,
            start_new_session=True,
        )
        for name in names
    ]
    try:
        _until(lambda: _answers(port), "the site answers")
        yield port, [psutil.Process(each.pid) for each in started]
    finally:
        for each in started:
            os.killpg(each.pid, signal.SIGTERM)
        for each in started:
            each.wait(timeout=60)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _until(done: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + WAIT_SECONDS
    while not done():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not within {WAIT_SECONDS} s")
        time.sleep(0.2)


def cpu_seconds(processes: list[psutil.Process]) -> list[float]:
    """User and system time of each process with all that it started, ended ones included."""
    return [
        sum(sum(each.cpu_times()[:4]) for each in (process, *process.children(recursive=True)))
        for process in processes
    ]


# --- the browser ------------------------------------------------------------------------------


class Sender:
    """One member's session."""

    def __init__(self, port: int, member: Any) -> None:
        client = Client()
        client.force_login(member, backend="allauth.account.auth_backends.AuthenticationBackend")
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        self._cookie = f"{settings.SESSION_COOKIE_NAME}={session}; csrftoken={TOKEN}"
        self._port = port

    def line(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        kind: str = "",
        line: http.client.HTTPConnection | None = None,
    ) -> bytes:
        """The answer's body; on an open line, as a browser keeps them, or one of its own."""
        line = line or self.line()
        headers = {"Cookie": self._cookie, "X-CSRFToken": TOKEN, "Accept": "application/json"}
        headers |= {"Content-Type": kind} if kind else {}
        line.request(method, path, body or None, headers)
        response = line.getresponse()
        answer = response.read()
        assert response.status < 300, (method, path, response.status, answer[:300])
        return answer


def upload(sender: Sender, dataset: Any, member: Any, files: list[bytes]) -> None:
    """One contribution, until each file has its receipt; with a page that looks on, as pages do."""
    batch = actions.open_contribution(dataset, member, licence=Licence.CC0, agreed=True)
    api = f"/api/contributions/{batch.uuid}"
    named = [(f"a/{number}.jpg", data) for number, data in enumerate(files)]
    ready = threading.Event()
    watcher = threading.Thread(target=_watch, args=(sender, batch, ready))
    watcher.start()
    try:
        for start in range(0, len(named), PORTION):
            _send_portion(sender, api, named[start : start + PORTION])
        sender.send("POST", f"{api}/finish/", b"{}", "application/json")
        _until(lambda: _is_ready(batch), "every file has its receipt")
    finally:
        ready.set()
        watcher.join()
    assert Receipt.objects.filter(contribution=batch, outcome="fixed").count() == len(files)


def _is_ready(batch: Contribution) -> bool:
    return Contribution.objects.get(pk=batch.pk).status == Contribution.Status.READY


def _watch(sender: Sender, batch: Contribution, ready: threading.Event) -> None:
    while not ready.wait(LIVE_SECONDS):
        sender.send("GET", f"/contributions/{batch.uuid}/live/")


def _send_portion(sender: Sender, api: str, portion: list[tuple[str, bytes]]) -> None:
    hashed = [(name, data, hashlib.sha256(data).hexdigest()) for name, data in portion]
    listed = [{"name": name, "sha256": sha, "size": len(data)} for name, data, sha in hashed]
    body = json.dumps({"files": listed}).encode()
    missing = json.loads(sender.send("POST", f"{api}/missing/", body, "application/json"))
    assert len(missing["missing"]) == len(portion)

    def work(mine: list[tuple[str, bytes, str]]) -> None:
        line = sender.line()
        for name, data, sha in mine:
            query = urlencode({"name": name, "sha256": sha})
            sender.send("PUT", f"{api}/file/?{query}", data, "application/octet-stream", line)

    threads = [
        threading.Thread(target=work, args=(hashed[number::AT_ONCE],)) for number in range(AT_ONCE)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


ROWS: dict[str, Callable[[], dict[str, Any]]] = {"ingest_http_cpu": ingest_http_cpu}
