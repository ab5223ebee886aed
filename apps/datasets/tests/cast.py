"""The named cast and small real images: the same few people in every test."""

import io
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client
from PIL import Image

from apps.datasets import actions
from apps.datasets.actions.building import build_versions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.models import Contribution, Dataset, Licence, Membership, Receipt, Role, Sample

PASSWORD = "a long enough test password"


def make_image(
    seed: int = 0, *, size: tuple[int, int] = (12, 12), kind: str = "PNG", **options: Any
) -> bytes:
    """A small picture of noise: other seeds are other pixels."""
    noise = random.Random(seed).randbytes(size[0] * size[1] * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", size, noise).save(out, kind, **options)
    return out.getvalue()


def make_member(name: str, **fields: Any) -> Any:
    email = f"{name}@example.org"
    return get_user_model().objects.create_user(name, email, PASSWORD, **fields)


@pytest.fixture
def cast(db: None) -> SimpleNamespace:
    """Ada owns, Ben contributes, Chen reviews, Dana is a member elsewhere, Otto operates."""
    members = {name: make_member(name) for name in ("ada", "ben", "chen", "dana")}
    otto = make_member("otto", is_staff=True, is_superuser=True)
    return SimpleNamespace(**members, otto=otto)


@pytest.fixture
def dataset(cast: SimpleNamespace) -> Dataset:
    """Ada's dataset with the classes cat and dog; Ben may contribute, Chen may review."""
    made = actions.create_dataset(
        cast.ada,
        title="Pets",
        slug="pets",
        licence=Licence.CC_BY,
        agreement="Only pets you know.",
        class_names=["cat", "dog"],
    )
    Membership.objects.create(dataset=made, member=cast.ben, role=Role.CONTRIBUTOR)
    Membership.objects.create(dataset=made, member=cast.chen, role=Role.REVIEWER)
    return made


Contribute = Callable[..., Contribution]


@pytest.fixture
def contribute(dataset: Dataset, cast: SimpleNamespace) -> Contribute:
    """contribute({"cat/1.png": bytes}, by=…): sent, finished and ingested."""

    def send(files: dict[str, bytes], by: Any = None, **options: Any) -> Contribution:
        by = by or cast.ben
        options = {"licence": Licence.CC_BY, "agreed": True} | options
        contribution = actions.open_contribution(dataset, by, **options)
        for name, data in files.items():
            actions.receive_file(contribution, by, name=name, chunks=[data])
        actions.finish_contribution(contribution, by)
        drain_ingest()
        contribution.refresh_from_db()
        return contribution

    return send


@pytest.fixture
def samples(contribute: Contribute) -> list[Sample]:
    """Ten pending samples of Ben's: cat and dog in turn."""
    files = {f"{['cat', 'dog'][i % 2]}/{i}.png": make_image(i) for i in range(10)}
    contribution = contribute(files)
    return list(contribution.samples.order_by("pk"))


@pytest.fixture
def approve(dataset: Dataset, cast: SimpleNamespace) -> Callable[[list[Sample]], None]:
    """Chen accepts these samples."""

    def accept(which: list[Sample]) -> None:
        decisions = [actions.Decision(sample.pk, "accept") for sample in which]
        assert not actions.review_samples(dataset, cast.chen, decisions).refused

    return accept


@pytest.fixture
def freeze(dataset: Dataset, cast: SimpleNamespace) -> Callable[..., Any]:
    """Ada freezes; the worker builds; the version as it stands then."""

    def build(**options: Any) -> Any:
        version = actions.freeze_version(dataset, cast.ada, **options)
        build_versions()
        version.refresh_from_db()
        return version

    return build


@pytest.fixture
def browser_of() -> Callable[[Any], Client]:
    """A logged-in test client that enforces CSRF as a browser would meet it."""

    def log_in(member: Any) -> Client:
        client = Client()
        client.force_login(member, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return log_in


def at_once(*verbs: Callable[[], Any]) -> list[Any]:
    """Each in a thread of its own, at the same moment: what they returned, or raised."""
    start = threading.Barrier(len(verbs))

    def run(verb: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return verb()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(verbs)) as threads:
        return list(threads.map(run, verbs))


def outcomes(contribution: Contribution) -> dict[str, str]:
    """{name: outcome or its code} of a contribution's receipts."""
    receipts = Receipt.objects.filter(contribution=contribution)
    return {receipt.name: receipt.code or receipt.outcome for receipt in receipts}
