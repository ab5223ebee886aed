"""Benchmarks of the data side at scale: pages, review, freezing and comparing up to a million samples.

Rows that end in _pg or _1m run on a throw-away PostgreSQL, the others on SQLite.
"""

import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.datasets import actions, diffs
from apps.datasets.actions.building import build_versions
from apps.datasets.actions.changing import NO_LEASE
from apps.datasets.bulk import make_dataset
from apps.datasets.models import Membership, Role, Sample
from apps.datasets.queues import to_review
from apps.datasets.tallies import recount

SMALL, MIDDLE, LARGE = 1_000, 100_000, 1_000_000
VISITS = 25
DECISIONS = 200
REVIEWERS = 8
DIFFS = 7


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def client_of(member: Any) -> Client:
    settings.ALLOWED_HOSTS = ["testserver"]
    # Hashed names need collectstatic; what a page costs the server is the same without.
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    client = Client()
    client.force_login(member, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


# --- pages ------------------------------------------------------------------------------------


def pages(dataset: Any, reviewer: Any) -> dict[str, Callable[[], str]]:
    """{name: its address}: what is read all day, page and API."""

    def fresh_batch() -> str:
        """As many as a class has at a thousand, and handed out anew at each visit."""
        Sample.objects.filter(leased_to=reviewer).update(**NO_LEASE)
        return f"{base}/review/?size=24"

    base, api = f"/datasets/{dataset.slug}", f"/api/datasets/{dataset.slug}"
    label = dataset.classes.first().pk
    sample = Sample.objects.filter(dataset=dataset, status="approved").order_by("pk")[5].pk
    addresses = {
        "list": f"{base}/samples/",
        "status": f"{base}/samples/?status=approved",
        "class": f"{base}/samples/?label={label}",
        "source": f"{base}/samples/?source=source+3",
        "contributor": f"{base}/samples/?contributor={dataset.slug}-2",
        "disagreement": f"{base}/samples/?disputed=yes",
        "api list": f"{api}/samples/",
        "api class": f"{api}/samples/?label={label}",
        "sample": f"/samples/{sample}/",
        "overview": f"{base}/",
        "insights": f"{base}/insights/",
        "look-alikes": f"{base}/lookalikes/groups/",
        "person": f"{base}/contributors/{dataset.slug}-2/",
    }
    found: dict[str, Callable[[], str]] = {
        name: (lambda address=address: address)  # type: ignore[misc]
        for name, address in addresses.items()
    }
    return found | {"review": fresh_batch}


def server_cpu(postgres: Any) -> float:
    """CPU seconds of this process and of the database's backends."""
    spent = time.process_time()
    for process in postgres.children(recursive=True) if postgres else []:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        spent += times.user + times.system
    return spent


def postmaster() -> Any:
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return psutil.Process(cursor.fetchone()[0]).parent()


def browse_growth() -> dict[str, Any]:
    """The worst page's server CPU at a million samples over the same page's at a thousand."""
    stages = []
    for size in (SMALL, MIDDLE, LARGE):
        began = time.monotonic()
        dataset, _owner, reviewer = make_dataset(f"n{size}", size)
        say(f"{size} samples made in {time.monotonic() - began:.0f} s")
        stages.append((size, client_of(reviewer), pages(dataset, reviewer)))
    server = postmaster()
    costs: dict[tuple[str, int], list[float]] = {}
    queries: dict[str, set[int]] = {}
    for name in stages[0][2]:
        for size, client, addresses in stages:  # the first visits warm caches and plans
            for _warm in range(3):
                assert client.get(addresses[name]()).status_code == 200, name
            address = addresses[name]()
            with CaptureQueriesContext(connection) as captured:
                client.get(address)
            queries.setdefault(name, set()).add(len(captured))
            costs[name, size] = []
        for _visit in range(VISITS):  # interleaved, so that a busy moment hits all sizes
            for size, client, addresses in stages:
                address = addresses[name]()
                before = server_cpu(server)
                client.get(address)
                costs[name, size].append(server_cpu(server) - before)
    # PostgreSQL's backends report in hundredths of a second: means, not medians.
    middle = {key: statistics.fmean(sorted(each)[: VISITS * 4 // 5]) for key, each in costs.items()}
    growth = {name: middle[name, LARGE] / middle[name, SMALL] for name in stages[0][2]}
    worst = max(growth, key=lambda name: growth[name])
    uneven = [name for name, counts in queries.items() if len(counts) > 1]
    detail = ", ".join(f"{name} {growth[name]:.2f}" for name in growth)
    return {
        "name": "browse_growth" + ("_pg" if server else ""),
        "value": round(growth[worst], 3),
        "unit": "ratio",
        "target": "≤ 1.5",
        "met": growth[worst] <= 1.5 and not uneven,
        "rounds": VISITS,
        "detail": f"{detail}; {1000 * middle['list', LARGE]:.0f} ms a list at a million; "
        + (f"queries vary: {uneven}" if uneven else "queries constant"),
    }


# --- review -----------------------------------------------------------------------------------


def review_decision_p95() -> dict[str, Any]:
    """Server time of one decision over HTTP among 100,000 samples; then eight reviewers at once."""
    dataset, _owner, reviewer = make_dataset("r", MIDDLE)
    client = client_of(reviewer)
    address = f"/api/datasets/{dataset.slug}/reviews/"
    batch = f"{address}batch/?size=120"
    times: list[float] = []
    waiting: list[int] = []
    for _decision in range(DECISIONS + 5):
        if not waiting:
            waiting = [each["id"] for each in client.post(batch).json()["samples"]]
        body = {"decisions": [{"sample": waiting.pop(), "decision": "accept"}]}
        began = time.perf_counter()
        answer = client.post(address, body, content_type="application/json")
        times.append(time.perf_counter() - began)
        assert len(answer.json()["decided"]) == 1
    p95 = 1000 * statistics.quantiles(times[5:], n=20)[-1]
    rate, twice = _eight_at_once(dataset)
    return {
        "name": "review_decision_p95" + ("_pg" if connection.vendor == "postgresql" else ""),
        "value": round(p95, 2),
        "unit": "ms",
        "target": "≤ 25",
        "met": p95 <= 25 and not twice,
        "rounds": DECISIONS,
        "detail": f"median {1000 * statistics.median(times[5:]):.1f} ms; {REVIEWERS} at once: "
        f"{rate:.0f} decisions/s, {twice} handed out twice",
    }


def _eight_at_once(dataset: Any) -> tuple[float, int]:
    """(decisions per second, samples that two reviewers were given)."""
    members = type(dataset.created_by).objects
    people = [members.create_user(f"eight-{n}", f"eight-{n}@example.org") for n in range(REVIEWERS)]
    for each in people:
        Membership.objects.create(dataset=dataset, member=each, role=Role.REVIEWER)
    given: list[list[int]] = []

    def work(member: Any) -> None:
        mine: list[int] = []
        for _batch in range(5):
            queue = to_review(dataset, member).order_by("pk")
            samples = actions.lease_samples(queue, member, size=24).samples
            mine += [sample.pk for sample in samples]
            for sample in samples:
                actions.review_samples(dataset, member, [actions.Decision(sample.pk, "accept")])
        given.append(mine)
        connection.close()

    threads = [threading.Thread(target=work, args=[member]) for member in people]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [key for mine in given for key in mine]
    assert len(given) == REVIEWERS, "a reviewer failed"
    return len(every) / (time.monotonic() - began), len(every) - len(set(every))


# --- versions ---------------------------------------------------------------------------------


class Peak:
    """The highest resident memory of this process while it is watched, in MiB."""

    def __enter__(self) -> "Peak":
        self.most, self._on = 0.0, True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        process = psutil.Process()
        while self._on:
            self.most = max(self.most, process.memory_info().rss / 2**20)
            time.sleep(0.1)

    def __exit__(self, *_exc: object) -> None:
        self._on = False
        self._thread.join()


@dataclass
class Spent:
    """What something took: seconds, CPU seconds (this process and the database's), peak MiB of ours."""

    wall: float
    cpu: float
    peak: float


def measured(run: Callable[[], Any]) -> tuple[Spent, Any]:
    server = postmaster()
    with Peak() as peak:
        began, spent = time.monotonic(), server_cpu(server)
        found = run()
        wall, cpu = time.monotonic() - began, server_cpu(server) - spent
    return Spent(wall, cpu, peak.most), found


def _freeze(dataset: Any, owner: Any) -> tuple[Spent, Any]:
    """What freezing what is approved now takes, and the version."""
    version = actions.freeze_version(dataset, owner)
    spent, _built = measured(build_versions)
    version.refresh_from_db()
    assert version.digest, version.failure
    return spent, version


def _all_approved(slug: str, samples: int) -> tuple[Any, Any]:
    dataset, owner, _reviewer = make_dataset(slug, samples)
    Sample.objects.filter(dataset=dataset).update(status=Sample.Status.APPROVED)
    for each in dataset.contributions.all():
        recount(each)
    return dataset, owner


def freeze_1m() -> dict[str, Any]:
    """Seconds to freeze a million samples (rows, manifest, digest, checks; no bytes are read)."""
    small, _version = _freeze(*_all_approved("f100k", MIDDLE))
    say(f"100,000 frozen in {small.wall:.0f} s")
    large, _version = _freeze(*_all_approved("f1m", LARGE))
    return _grown("freeze_1m", small, large, f"peak memory {large.peak:.0f} MiB")


def diff_1m() -> dict[str, Any]:
    """Seconds to compare two versions of a million samples of which one in ten was relabelled."""
    pairs = {size: _two_versions(size) for size in (MIDDLE, LARGE)}
    found: dict[int, list[Spent]] = {size: [] for size in pairs}
    for _round in range(DIFFS):  # in turn, so that a busy moment hits both
        for size, (one, two) in pairs.items():
            spent, changes = measured(partial(diffs.diff, one, two))
            found[size].append(spent)
    small, large = (_middle(found[size]) for size in (MIDDLE, LARGE))
    told = f"{changes.counts['relabelled']} relabelled, {DIFFS} rounds"
    return _grown("diff_1m", small, large, told)


def _two_versions(size: int) -> tuple[Any, Any]:
    dataset, owner = _all_approved(f"d{size}", size)
    _spent, one = _freeze(dataset, owner)
    first = dataset.classes.values_list("pk", flat=True)[0]
    some = Sample.objects.annotate(nth=F("pk") % 10).filter(dataset=dataset, nth=3)
    some.exclude(label=first).update(label=first)
    _spent, two = _freeze(dataset, owner)
    say(f"two versions of {size} samples frozen")
    return one, two


def _middle(rounds: list[Spent]) -> Spent:
    """Of CPU the mean: a database's processes report it in hundredths of a second."""
    return Spent(
        statistics.median(each.wall for each in rounds),
        statistics.fmean(each.cpu for each in rounds),
        max(each.peak for each in rounds),
    )


def _grown(name: str, small: Spent, large: Spent, told: str) -> dict[str, Any]:
    growth = large.cpu / small.cpu
    return {
        "name": name,
        "value": round(large.wall, 2),
        "unit": "s",
        "target": "growth ≤ 12",
        "met": growth <= 12,
        "rounds": 1,
        "detail": f"CPU {large.cpu:.1f} s, {growth:.1f} × that of 100,000 (time "
        f"{large.wall / small.wall:.1f} ×); {told}",
    }


ROWS: dict[str, Callable[[], dict[str, Any]]] = {
    "review_decision_p95": review_decision_p95,
    "review_decision_p95_pg": review_decision_p95,
    "browse_growth": browse_growth,
    "browse_growth_pg": browse_growth,
    "freeze_1m": freeze_1m,
    "diff_1m": diff_1m,
}
