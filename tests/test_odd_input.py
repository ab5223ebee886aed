"""Whatever stands in an address or a query, the answer is one of ours: never a 5xx.

Which parameters a route reads is found by watching it read them, so a new one is tried, too.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.http import QueryDict
from django.urls import get_resolver, reverse

from tests.test_access import ROUTES, address, place  # noqa: F401 - a fixture

ODD = {
    "nul": b"a\0b",
    "superscript": "²".encode(),
    "huge": b"9" * 30,
    "too long": b"9" * 5000,
    "negative": b"-1",
    "surrogate": b"\xed\xa0\x80",
    "latin": b"\xff",
    "right to left": "\u202egnp".encode(),
    "first moment": b"0001-01-01T00:00:00+14:00",
    "cursor": b"cD1hYmM=",  # p=abc
    "cursor past everything": b"bz05OTk5OTk5OTk5OTk5OTk5OTk5OTk=",  # o=9999…
    "path": b"../../etc/passwd",
    "braces": b"%7B%25s{}",
}
# The version of the access table has no files to send.
BARE = {"version_parquet", "version_manifest", "version_images"}
GETS = [
    name for name, (method, _least) in ROUTES.items() if method == "get" and name != "api_schema"
]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names that a view looks for in its query."""
    seen: set[str] = set()
    for method in ("get", "getlist", "__getitem__", "__contains__"):
        real = getattr(QueryDict, method)

        def watched(self: Any, key: Any, *rest: Any, real: Any = real) -> Any:
            seen.add(key)
            return real(self, key, *rest)

        monkeypatch.setattr(QueryDict, method, watched)
    return seen


def status(client: Any, path: str) -> int:
    answer = client.get(path)
    answer.getvalue()  # what is streamed is streamed to its end
    return int(answer.status_code)


def test_queries(place: Any, browser_of: Any, read: set[str]) -> None:  # noqa: F811
    client = browser_of(place.cast.ada)
    client.raise_request_exception = False
    failed, tried = [], set()
    for name in GETS:
        path = address(name, place, place.cast.ada)
        read.clear()
        if name not in BARE:
            assert status(client, path) < 500, name
        for key in read - {"csrfmiddlewaretoken"}:
            tried.add(key)
            for kind, value in ODD.items():
                if status(client, f"{path}?{quote(key)}={quote(value)}") >= 500:
                    failed.append((name, key, kind))
    assert {"q", "source", "before", "after", "cursor", "outcome", "sample"} <= tried
    assert not failed


def odd_paths(name: str, place: Any) -> Iterator[tuple[str, str]]:  # noqa: F811
    """The route's address with one part of it odd."""
    wanted = get_resolver().reverse_dict.getlist(name)[0][0][0][1]
    good = address(name, place, place.cast.ada)
    parts = good.split("/")
    for place_of, part in enumerate(parts):
        if wanted and part and part not in {"api", "datasets", "samples", "versions", "jobs"}:
            for kind, value in ODD.items():
                odd = [*parts[:place_of], quote(value, safe=""), *parts[place_of + 1 :]]
                yield kind, "/".join(odd)


def test_addresses(place: Any, browser_of: Any) -> None:  # noqa: F811
    client = browser_of(place.cast.ada)
    client.raise_request_exception = False
    failed = [
        (name, kind, path)
        for name in GETS
        for kind, path in odd_paths(name, place)
        if status(client, path) >= 500
    ]
    assert not failed


@pytest.mark.parametrize(
    ("name", "field"), [("sample_comment", "text"), ("sample_appeal", "why"), ("classes", "name")]
)
def test_a_form(name: str, field: str, place: Any, browser_of: Any) -> None:  # noqa: F811
    client = browser_of(place.cast.ada)
    path = reverse(name, args=["pets" if name == "classes" else place.sample.pk])
    assert (
        client.post(
            path, f"{field}=a%00b", content_type="application/x-www-form-urlencoded"
        ).status_code
        == 400
    )
