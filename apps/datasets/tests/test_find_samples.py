"""Filters of the list of samples: each alone, together, refused when unknown, page after page."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.datasets.models import Sample
from apps.datasets.tests.cast import make_image

LIST = "/datasets/pets/samples/"


@pytest.fixture
def sourced(contribute: Any, cast: Any, samples: Any) -> list[Sample]:
    """Three of Ada's from the park, larger, beside Ben's ten small ones."""
    files = {f"cat/{n}.png": make_image(90 + n, size=(70, 70)) for n in range(3)}
    batch = contribute(files, by=cast.ada, source="park")
    return list(batch.samples.order_by("pk"))


def found(client: Any, **query: str) -> set[int]:
    page = {sample.pk for sample in client.get(LIST, query).context["samples"]}
    api = client.get("/api/datasets/pets/samples/", query | {"page_size": "500"}).json()
    assert {each["id"] for each in api["results"]} == page, "the API finds the same"
    return page


def test_each_filter(
    cast: Any, samples: list[Sample], sourced: list[Sample], approve: Any, browser_of: Any
) -> None:
    chen = browser_of(cast.chen)
    park = {sample.pk for sample in sourced}
    every = park | {sample.pk for sample in samples}
    approve(samples[:2])
    Sample.objects.filter(pk=samples[5].pk).update(disputed=True)
    Sample.objects.filter(pk=samples[6].pk).update(hold="expert")
    assert found(chen) == every
    assert found(chen, source="park") == park
    assert found(chen, contributor="ada") == park
    assert found(chen, contributor="nobody") == set()
    assert found(chen, scale="1") == park
    assert found(chen, status="approved") == {samples[0].pk, samples[1].pk}
    assert found(chen, disputed="yes") == {samples[5].pk}
    assert found(chen, hold="expert") == {samples[6].pk}
    label = str(samples[0].label_id)
    assert found(chen, label=label, source="park") == park
    assert found(chen, label=label, status="approved") == {samples[0].pk}


@pytest.mark.parametrize(
    "query",
    [
        {"status": "odd"},
        {"scale": "9"},
        {"hold": "odd"},
        {"disputed": "no"},
        {"label": "-1"},
        {"label": "9" * 19},
        {"q": "x" * 151},
        {"contributor": "x" * 151},
    ],
)
def test_unknown_values_are_refused(
    cast: Any, samples: Any, browser_of: Any, query: dict[str, str]
) -> None:
    for path in (LIST, "/api/datasets/pets/samples/"):
        answer = browser_of(cast.chen).get(path, query, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_filter")


@pytest.mark.parametrize(
    "query", [{"q": "x" * 150}, {"contributor": "x" * 150}, {"label": "9" * 18}]
)
def test_values_up_to_their_limits_find_nothing(
    cast: Any, samples: Any, browser_of: Any, query: dict[str, str]
) -> None:
    assert found(browser_of(cast.chen), **query) == set()


def test_pages_of_the_api_are_cut_at_their_largest(
    cast: Any, samples: Any, browser_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.api.KeysetPagination.max_page_size", 4)
    chen = browser_of(cast.chen)
    for asked, got in (("4", 4), ("5", 4), ("3", 3)):
        page = chen.get("/api/datasets/pets/samples/", {"page_size": asked}).json()
        assert len(page["results"]) == got


def test_queries_do_not_grow(cast: Any, contribute: Any, samples: Any, browser_of: Any) -> None:
    chen = browser_of(cast.chen)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            chen.get(LIST)
        return len(captured)

    chen.get(LIST)
    few = queries()
    contribute({f"dog/{n}.png": make_image(200 + n) for n in range(30)})
    assert queries() == few


def chips(client: Any, **query: str) -> dict[str, str]:
    return {chip["name"]: chip["value"] for chip in client.get(LIST, query).context["chips"]}


def test_active_filters_are_shown_in_words_each_with_a_way_off(
    cast: Any, samples: list[Sample], sourced: list[Sample], browser_of: Any
) -> None:
    chen = browser_of(cast.chen)
    every = {
        "label": (str(samples[0].label_id), "Class", "cat"),
        "status": ("pending", "Status", "pending"),
        "split": ("test", "Split", "test"),
        "hold": ("expert", "Held back", "people disagree: an expert decides"),
        "scale": ("1", "Size", "64 to 255 pixels"),
        "disputed": ("yes", "Labels", "people disagree"),
        "source": ("park", "Source", "park"),
        "contributor": ("ada", "Contributor", "ada"),
        "group": (sourced[0].group, "Group", sourced[0].group[:12]),
        "q": ("wool", "Words in it", "wool"),
    }
    query = {name: value for name, (value, _title, _word) in every.items()}
    page = chen.get(LIST, query)
    assert {(each["name"], each["value"]) for each in page.context["chips"]} == {
        (title, word) for _value, title, word in every.values()
    }
    for each in page.context["chips"]:
        fewer = chen.get(each["url"]).context["wanted"]
        assert sum(map(bool, fewer.values())) == len(every) - 1
    assert page.content.decode().count("take this filter off") == len(every)
    assert chips(chen) == {}
    assert chips(chen, label="none") == {"Class": "no class yet"}
    assert found(chen, group=sourced[0].group) == {sourced[0].pk}


def test_a_choice_beyond_the_listed_ones_stays_chosen(
    cast: Any, samples: list[Sample], browser_of: Any
) -> None:
    """Else it would be lost with the next filter that is changed."""
    Sample.objects.filter(pk=samples[0].pk).update(source="from a manifest")
    page = browser_of(cast.chen).get(LIST, {"source": "from a manifest", "group": "g"})
    assert page.context["sources"] == ["from a manifest"]
    assert "<option selected>from a manifest</option>" in page.content.decode()
    assert '<input type="hidden" name="group" value="g">' in page.content.decode()


def test_the_fragment_brings_the_chips_along(
    cast: Any, samples: list[Sample], browser_of: Any
) -> None:
    answer = browser_of(cast.chen).get(LIST, {"status": "pending"}, headers={"HX-Request": "true"})
    assert 'class="chips"' in answer.content.decode()
