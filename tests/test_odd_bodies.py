"""Odd values in forms and JSON: refused with a reason, on either database, and files are let alone."""

import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import MULTIPART_CONTENT

from apps.datasets import actions
from apps.datasets.models import Licence
from tests.test_access import place

__all__ = ["place"]  # a fixture


def test_a_page_says_that_it_does_not_understand(dataset: Any, cast: Any, browser_of: Any) -> None:
    ada = browser_of(cast.ada)
    page = ada.get("/datasets/pets/samples/?source=a%00b")
    assert page.status_code == 400
    assert "could not be understood" in page.content.decode()
    answer = ada.get("/api/datasets/pets/samples/?source=a%00b")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["code"] == "bad_request"
    assert ada.get("/datasets/pets/contributors/a%00b/").status_code == 400
    assert ada.get("/datasets/pets/samples/?source=a%2500b").status_code == 200


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", MULTIPART_CONTENT])
def test_no_form_takes_a_nul(place: SimpleNamespace, browser_of: Any, kind: str) -> None:
    ben = browser_of(place.cast.ben)
    path = f"/samples/{place.sample.pk}/"
    for form, field in (("comment", "text"), ("appeal", "note"), ("withdraw", "why")):
        body: Any = {field: "a\0b"}
        answer = ben.post(
            f"{path}{form}/", body if kind == MULTIPART_CONTENT else urlencode(body), kind
        )
        assert answer.status_code == 400, form
    place.sample.refresh_from_db()
    assert (place.sample.status, place.sample.comments.count()) == ("pending", 0)


def test_bytes_may_be_anything(place: SimpleNamespace, browser_of: Any) -> None:
    """Files are no text: a NUL in one is nobody's business here, whatever the client calls it."""
    ben = browser_of(place.cast.ben)
    batch = actions.open_contribution(
        place.label.dataset, place.cast.ben, licence=Licence.CC_BY, agreed=True
    )
    path = f"/api/contributions/{batch.uuid}/"
    sent = ben.put(f"{path}file/?name=1.png", b"\0%00", "application/x-www-form-urlencoded")
    assert sent.status_code == 201
    sent = ben.post(f"{path}files/", {"file": SimpleUploadedFile("2.png", b"\0\0")})
    assert sent.status_code == 201
    rows = "".join(f"{n:0900}.png,cat\n" for n in range(4000))
    told = ben.post(
        f"{path}manifest/", f"filename,label\n{rows}", "application/x-www-form-urlencoded"
    )
    assert (told.status_code, told.json()["rows"]) == (200, 4000)
    assert batch.receipts.count() == 2


WIDE = 10**30
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("datasets/pets/reviews/", {"decisions": [{"sample": WIDE, "decision": "accept"}]}),
    ("datasets/pets/reviews/", {"decisions": [{"sample": 1, "decision": "fix", "label": WIDE}]}),
    ("datasets/pets/reviews/", {"decisions": [{"sample": 1, "decision": "x", "note": "\0"}]}),
    ("datasets/pets/reviews/", {"decisions": [{"sample": 1, "decision": "\ud800"}]}),
    ("datasets/pets/labels/", {"labels": [{"sample": WIDE, "label": 1}]}),
    ("datasets/pets/labels/", {"labels": [{"sample": -WIDE, "say": "skip"}]}),
    ("datasets/pets/labels/", {"labels": [{"sample": "SAMPLE", "label": WIDE}]}),
    ("datasets/pets/classes/", {"name": "a\0b"}),
    ("datasets/pets/classes/", {"name": "\ud800"}),
    ("datasets/pets/classes/changes/", {"kind": "merge", "label": WIDE, "into": 1}),
    ("datasets/pets/classes/changes/", {"kind": "merge", "label": "LABEL", "into": WIDE}),
    ("datasets/pets/invitations/", {"role": "\ud800"}),
    ("datasets/pets/jobs/", {"version": WIDE, "title": "x", "config": {}}),
    ("datasets/pets/jobs/", {"version": 1, "title": "x", "config": {"seed": WIDE}}),
    ("datasets/pets/jobs/", {"version": 1, "title": "x", "config": {"\ud800": "\0"}}),
    ("datasets/pets/contributions/", {"licence": "\ud800", "agreed": True}),
    (
        "datasets/pets/contributions/",
        {"licence": "CC-BY-4.0", "agreed": True, "default_class": WIDE},
    ),
    ("contributions/BATCH/missing/", {"files": [], "total_files": WIDE}),
    ("contributions/BATCH/missing/", {"files": [], "total_files": 2**40, "total_bytes": 2**62}),
    (
        "contributions/BATCH/missing/",
        {"files": [{"name": "\ud800", "sha256": "0" * 64, "size": WIDE}]},
    ),
]


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_json_that_no_database_takes(
    place: SimpleNamespace, browser_of: Any, path: str, body: dict[str, Any]
) -> None:
    batch = actions.open_contribution(
        place.label.dataset, place.cast.ada, licence=Licence.CC_BY, agreed=True
    )
    text = json.dumps(body).replace('"SAMPLE"', str(place.sample.pk))
    text = text.replace('"LABEL"', str(place.label.pk))
    answer = browser_of(place.cast.ada).post(
        f"/api/{path.replace('BATCH', str(batch.uuid))}", text, "application/json"
    )
    assert 400 <= answer.status_code < 500 or answer.json()["refused"]
