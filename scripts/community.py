"""Four members who do the whole main job through a running site's own HTTP interface.

Ada owns a dataset of handwritten digits, Ben contributes, Chen reviews, Dana proposes jobs.
Nothing here touches the database: what a member cannot do on the site, the community cannot do.
"""

import http.cookiejar
import io
import json
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image
from sklearn.datasets import load_digits

SLUG = "digits"
AGREEMENT = "Use these digits for learning and research; do not try to find out who wrote them."
GUIDELINES = """\
Each picture is **one handwritten digit**, 8 × 8 pixels.

- Choose the digit the writer *meant*, not what it happens to look like.
- Reject a picture in which no digit can be made out.

From the UCI repository *Optical Recognition of Handwritten Digits* (Alpaydin and Kaynak, 1998).
"""
# Ben puts these into a wrong folder, so that Chen has something to fix.
MISPLACED = {17: 3, 404: 8, 1200: 1}
# Two settings whose results differ, or do not: the leaderboard says which.
JOBS: list[tuple[str, dict[str, Any]]] = [
    (
        "Small CNN, Adam",
        {
            "model": {"kind": "cnn"},
            "optimizer": {"kind": "adam", "learning_rate": 0.003},
            "schedule": {"kind": "one_cycle"},
            "epochs": 15,
            "batch_size": 64,
            "seed": 1,
            "image": {"size": 16, "channels": "grey"},
        },
    ),
    (
        "Small CNN, plain SGD",
        {
            "model": {"kind": "cnn"},
            "optimizer": {"kind": "sgd", "learning_rate": 0.2},
            "epochs": 6,
            "batch_size": 64,
            "seed": 1,
            "image": {"size": 16, "channels": "grey"},
        },
    ),
]

Say = Callable[[str], None]


class Failed(Exception):
    """A step that did not do what it should; the message is the reason."""


class Person:
    """A browser-like client: cookies, CSRF tokens, and no other way in than HTTP."""

    def __init__(self, site: str, name: str) -> None:
        self.site = site.rstrip("/")
        self.name = name
        self.password = secrets.token_urlsafe(12)
        self._cookies = http.cookiejar.CookieJar()
        handler = urllib.request.HTTPCookieProcessor(self._cookies)
        self._open = urllib.request.build_opener(handler).open

    def get(self, path: str) -> str:
        return self._send(urllib.request.Request(self.site + path)).decode()

    def api(self, path: str) -> Any:
        return json.loads(self.get(f"/api/{path}"))

    def listed(self, path: str) -> Iterator[dict[str, Any]]:
        """All items of a paged list."""
        page = self.api(path)
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            page = json.loads(self._send(urllib.request.Request(page["next"])))

    def post(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """Send JSON to the API."""
        body = json.dumps(data or {}).encode()
        return json.loads(self._post(f"/api/{path}", body, "application/json"))

    def upload(self, path: str, name: str, data: bytes) -> Any:
        """Send one file to the API as a browser's form would."""
        edge = uuid.uuid4().hex
        body = b"".join(
            [
                _part(edge, 'name="name"', name.encode()),
                _part(edge, f'name="file"; filename="{name.rpartition("/")[2]}"', data),
                f"--{edge}--\r\n".encode(),
            ]
        )
        return json.loads(self._post(f"/api/{path}", body, f"multipart/form-data; boundary={edge}"))

    def submit(self, path: str, **fields: str) -> str:
        """Open a page and send its form."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path))
        if token is None:
            raise Failed(f"{path} has no form for {self.name}")
        fields = fields | {"csrfmiddlewaretoken": token[1]}
        body = urllib.parse.urlencode(fields).encode()
        return self._post(path, body, "application/x-www-form-urlencoded").decode()

    def _post(self, path: str, body: bytes, kind: str) -> bytes:
        csrf = next((each.value for each in self._cookies if each.name.endswith("csrftoken")), "")
        request = urllib.request.Request(self.site + path, body)
        request.add_header("Content-Type", kind)
        request.add_header("X-CSRFToken", csrf or "")
        request.add_header("Referer", self.site + path)
        return self._send(request)

    def _send(self, request: urllib.request.Request) -> bytes:
        try:
            with self._open(request, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")[:600]
            where = f"{request.get_method()} {request.full_url} as {self.name}"
            raise Failed(f"{where}: {error.code} {text}") from None


def _part(edge: str, fields: str, data: bytes) -> bytes:
    head = f"--{edge}\r\nContent-Disposition: form-data; {fields}\r\n\r\n"
    return head.encode() + data + b"\r\n"


@dataclass
class Community:
    """What came of it: the leaderboard, and each step's seconds."""

    leaderboard: list[dict[str, Any]]
    seconds: dict[str, float]


def four_members(site: str) -> list[Person]:
    """Not signed up yet; each with a new random password."""
    return [Person(site, name) for name in ("ada", "ben", "chen", "dana")]


def bring(people: list[Person], say: Say) -> Community:
    """The whole main job by `four_members`. Raises Failed with the reason as soon as a step goes wrong."""
    seconds: dict[str, float] = {}

    def step(name: str, run: Callable[[], Any]) -> Any:
        began = time.monotonic()
        result = run()
        seconds[name] = time.monotonic() - began
        say(f"{name}: {seconds[name]:.1f} s")
        return result

    ada, ben, chen, dana = people
    step("four members sign up", lambda: list(map(_sign_up, people)))
    step("ada makes a dataset and invites the others", lambda: _found(ada, ben, chen, dana))
    step("ben uploads 1,797 images", lambda: _contribute(ben))
    step("chen reviews them", lambda: _review(chen))
    step("ada freezes and approves a version", lambda: _freeze(ada))
    step("dana proposes two jobs, ada approves them", lambda: _propose(dana, ada))
    step("the worker trains", lambda: _await_jobs(dana))
    board = step("the leaderboard fills", lambda: _leaderboard(dana))
    return Community(board, seconds)


def _sign_up(person: Person) -> None:
    person.submit(
        "/account/signup/",
        username=person.name,
        email=f"{person.name}@example.org",
        password1=person.password,
        password2=person.password,
    )
    if 'name="password1"' in person.get("/account/signup/"):
        raise Failed(f"{person.name} could not sign up (is sign-up closed, or the name taken?)")


def _found(ada: Person, ben: Person, chen: Person, dana: Person) -> None:
    ada.post(
        "datasets/",
        {
            "slug": SLUG,
            "title": "Handwritten digits",
            "summary": "1,797 digits written by 43 people, to learn reading them.",
            "guidelines": GUIDELINES,
            "licence": "CC-BY-4.0",
            "agreement": AGREEMENT,
            "visibility": "public",
            "class_names": [str(digit) for digit in range(10)],
            "validation_percent": 10,
            "test_percent": 25,
        },
    )
    for person, role in ((ben, "contributor"), (chen, "reviewer"), (dana, "contributor")):
        link = ada.post(f"datasets/{SLUG}/invitations/", {"role": role})["link"]
        person.submit(urllib.parse.urlsplit(link).path)


def digit_files() -> Iterator[tuple[str, bytes]]:
    """(name with its class folder, PNG bytes) of scikit-learn's bundled digits."""
    digits = load_digits()
    for number, (pixels, target) in enumerate(zip(digits.images, digits.target, strict=True)):
        folder = MISPLACED.get(number, int(target))
        out = io.BytesIO()
        Image.fromarray((pixels * 15.9375).astype("uint8")).save(out, "PNG")
        yield f"{folder}/{number:04}.png", out.getvalue()


def _contribute(ben: Person) -> None:
    """The first twenty one by one, as from a folder; the rest as a zip with class folders."""
    opened = {"licence": "CC-BY-4.0", "agreed": True, "source": "UCI, optical recognition"}
    batch = ben.post(f"datasets/{SLUG}/contributions/", opened)["uuid"]
    files = list(digit_files())
    for name, data in files[:20]:
        ben.upload(f"contributions/{batch}/files/", name, data)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files[20:]:
            archive.writestr(name, data)
    ben.upload(f"contributions/{batch}/files/", "digits.zip", out.getvalue())
    ben.post(f"contributions/{batch}/finish/")
    found = _wait(lambda: _ready(ben.api(f"contributions/{batch}/")), "ingest", 120)
    taken = found["accepted"] + found["fixed"] + found["duplicate"]
    if taken != len(files):
        raise Failed(f"of {len(files)} files, {taken} were taken: {found}")


def _ready(contribution: dict[str, Any]) -> dict[str, int] | None:
    outcomes: dict[str, int] = contribution["outcomes"]
    return outcomes if contribution["status"] == "ready" else None


def _review(chen: Person) -> None:
    labels = {label["name"]: label["id"] for label in chen.api(f"datasets/{SLUG}/")["classes"]}
    truth = _truth(chen)
    decisions = []
    for sample in chen.listed(f"datasets/{SLUG}/reviews/?page_size=500"):
        right = truth.get(sample["id"])
        fix = {"decision": "fix", "label": labels[right]} if right else {"decision": "accept"}
        decisions.append({"sample": sample["id"], **fix})
    for start in range(0, len(decisions), 300):
        answer = chen.post(
            f"datasets/{SLUG}/reviews/", {"decisions": decisions[start : start + 300]}
        )
        if answer["refused"]:
            raise Failed(f"refused decisions: {answer['refused'][:3]}")


def _truth(chen: Person) -> dict[int, str]:
    """Sample id → the digit it really is, for those that Ben put into a wrong folder."""
    target = load_digits().target
    names = {f"{folder}/{number:04}.png": number for number, folder in MISPLACED.items()}
    batch = next(chen.listed(f"datasets/{SLUG}/contributions/"))["uuid"]
    receipts = chen.listed(f"contributions/{batch}/receipts/?page_size=500")
    return {
        receipt["sample"]: str(target[names[receipt["name"]]])
        for receipt in receipts
        if receipt["name"] in names and receipt["sample"]
    }


def _freeze(ada: Person) -> None:
    ada.post(f"datasets/{SLUG}/versions/", {"notes": "The first thousand and a half"})
    version = f"datasets/{SLUG}/versions/1/"
    found = _wait(lambda: _built(ada.api(version)), "freezing", 120)
    if found["status"] != "draft":
        raise Failed(f"freezing ended as {found['status']}: {found['failure']}")
    ada.post(f"{version}approve/")


def _built(version: dict[str, Any]) -> dict[str, Any] | None:
    return None if version["status"] == "building" else version


def _propose(dana: Person, ada: Person) -> None:
    for title, config in JOBS:
        job = dana.post(f"datasets/{SLUG}/jobs/", {"version": 1, "title": title, "config": config})
        ada.post(f"jobs/{job['uuid']}/approve/")


def _await_jobs(dana: Person) -> None:
    def ended() -> list[dict[str, Any]] | None:
        jobs = list(dana.listed(f"datasets/{SLUG}/jobs/"))
        over = {"succeeded", "failed", "cancelled", "rejected"}
        return jobs if all(job["status"] in over for job in jobs) else None

    for job in _wait(ended, "training", 240):
        if job["status"] != "succeeded":
            raise Failed(f"job “{job['title']}” ended as {job['status']}: {job}")


def _leaderboard(dana: Person) -> list[dict[str, Any]]:
    def filled() -> list[dict[str, Any]] | None:
        entries: list[dict[str, Any]] = dana.api(f"datasets/{SLUG}/leaderboard/")["entries"]
        return entries if len(entries) == len(JOBS) else None

    found: list[dict[str, Any]] = _wait(filled, "the leaderboard", 60)
    return found


def _wait(poll: Callable[[], Any], what: str, limit: float) -> Any:
    """Poll every 0.3 s until something comes; Failed after `limit` seconds."""
    ends = time.monotonic() + limit
    while time.monotonic() < ends:
        if (found := poll()) is not None:
            return found
        time.sleep(0.3)
    raise Failed(f"{what} did not end within {limit:.0f} s")
