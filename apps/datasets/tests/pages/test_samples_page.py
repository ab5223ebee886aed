"""Browsing images, and one image with its whole chain."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.datasets import actions
from apps.datasets.models import Dataset, LabelClass

SAMPLES = "/datasets/pets/samples/"


@pytest.fixture
def ben(dataset: Dataset, cast: SimpleNamespace, browser_of: Any) -> Any:
    return browser_of(cast.ben)


def keys(page: Any) -> list[int]:
    return [sample.pk for sample in page.context["samples"]]


def test_filters(ben: Any, samples: Any, approve: Any) -> None:
    cat = LabelClass.objects.get(name="cat")
    approve(samples[:3])

    assert keys(ben.get(SAMPLES, {"status": "approved"})) == [s.pk for s in samples[2::-1]]
    assert len(keys(ben.get(SAMPLES, {"label": cat.pk}))) == 5
    assert keys(ben.get(SAMPLES, {"label": "none"})) == []
    assert "No sample matches" in ben.get(SAMPLES, {"split": "test"}).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"status": "x"},
        {"label": "x"},
        {"label": "²"},
        {"split": "x"},
        {"before": "-1"},
        {"label": "9" * 40},
    ],
)
def test_an_unknown_filter_is_refused(ben: Any, query: dict[str, str]) -> None:
    assert ben.get(SAMPLES, query).status_code == 400


def test_pages_follow_each_other(ben: Any, samples: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.datasets.pages.samples.SHOWN", 4)

    seen, address = [], SAMPLES
    while address:
        page = ben.get(address)
        seen += keys(page)
        address = page.context["next_url"]

    assert seen == [sample.pk for sample in reversed(samples)]


def test_htmx_gets_the_grid_alone(ben: Any, samples: Any) -> None:
    fragment = ben.get(SAMPLES, headers={"HX-Request": "true"}).content.decode()

    assert "<html" not in fragment
    assert fragment.count("<img") == 10


def test_the_chain_leads_back_and_forth(
    ben: Any, samples: Any, approve: Any, freeze: Any, dataset: Dataset
) -> None:
    approve(samples)
    freeze()

    page = ben.get(reverse("sample", args=[samples[0].pk]))
    links = {link["kind"]: link["url"] for link in page.context["chain"] if not link.get("here")}

    assert links["File"] == reverse("contribution", args=[samples[0].contribution.uuid])
    assert links["Version"] == reverse("version", args=["pets", 1])
    text = page.content.decode()
    assert "(contributor)" in text
    assert "(reviewer)" in text


def test_file_names_are_for_those_who_may_follow_them(
    samples: Any, cast: SimpleNamespace, browser_of: Any
) -> None:
    address = reverse("sample", args=[samples[0].pk])

    assert "cat/0.png" in browser_of(cast.chen).get(address).content.decode()
    assert "cat/0.png" not in browser_of(cast.dana).get(address).content.decode()


def test_a_withdrawn_image_is_not_shown(ben: Any, samples: Any, cast: SimpleNamespace) -> None:
    actions.discard_contribution(samples[0].contribution, cast.ben)

    page = ben.get(reverse("sample", args=[samples[0].pk])).content.decode()

    assert "was withdrawn" in page
    assert "<img" not in page
    assert keys(ben.get(SAMPLES)) == []
    assert "<img" not in ben.get(SAMPLES, {"status": "withdrawn"}).content.decode()


def test_a_private_one_is_not_there(samples: Any) -> None:
    Dataset.objects.update(visibility="private")

    assert Client().get(reverse("sample", args=[samples[0].pk])).status_code == 404
