"""Look-alikes by group: each listed once, found by filter, sealed ones masked."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.datasets import actions
from apps.datasets.clusters import lookalikes_in
from apps.datasets.models import Dataset, Sample, Version
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.test_lookalikes import copy_of, jpeg, picture
from apps.datasets.tests.test_tallies import check

PAGE = "/datasets/pets/lookalikes/groups/"


def groups(client: Any, query: str = "") -> list[list[int]]:
    """The samples of each cluster, cluster by cluster."""
    found = client.get(PAGE + query).context["clusters"]
    return [[member.sample.pk for member in cluster.members] for cluster in found]


def test_groups_side_by_side_the_newest_first(
    contribute: Any, cast: Any, browser_of: Any, dataset: Dataset
) -> None:
    a, b, lone = contribute({f"cat/{n}.jpg": jpeg(picture(n)) for n in (1, 2, 3)}).samples.order_by(
        "pk"
    )
    copy_b = contribute({"cat/b.jpg": copy_of(2)}).samples.get()
    copy_a = contribute({"dog/a.jpg": copy_of(1)}, by=cast.ada).samples.get()
    client = browser_of(cast.dana)
    assert groups(client) == [[a.pk, copy_a.pk], [b.pk, copy_b.pk]]
    again = contribute({"cat/b2.jpg": copy_of(2, 0.8)}).samples.get()
    assert groups(client) == [[b.pk, copy_b.pk, again.pk], [a.pk, copy_a.pk]]
    page = client.get(PAGE)
    text = page.content.decode()
    assert [cluster.size for cluster in page.context["clusters"]] == [3, 2]
    assert f"of 256 bits differ from image {b.pk}" in text
    assert f"/samples/{lone.pk}/" not in text
    actions.withdraw_samples(dataset, cast.ada, [again], "asked")
    assert groups(client) == [[a.pk, copy_a.pk], [b.pk, copy_b.pk]]


def test_pages_follow_each_other_and_name_each_group_once(
    contribute: Any, cast: Any, browser_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.datasets.clusters.SHOWN", 2)
    contribute({f"cat/{n}.jpg": jpeg(picture(n)) for n in range(5)})
    for n in (0, 1, 2, 3, 4, 0):
        contribute({f"dog/{n}.jpg": copy_of(n, 0.7 + len(Sample.objects.all()) / 100)})
    client, seen, query = browser_of(cast.dana), [], "?"
    while query:
        page = client.get(PAGE + query)
        assert len(page.context["clusters"]) <= 2
        seen += [cluster.group for cluster in page.context["clusters"]]
        query = page.context["next_url"]
    assert len(seen) == len(set(seen)) == 5
    assert client.get(f"{PAGE}?before=x").status_code == 400


def test_the_group_of_a_sample_and_its_filter(contribute: Any, cast: Any, browser_of: Any) -> None:
    first = contribute({"cat/1.jpg": jpeg(picture(1)), "cat/2.jpg": jpeg(picture(2))})
    one, other = first.samples.order_by("pk")
    copy = contribute({"cat/copy.jpg": copy_of(1)}).samples.get()
    client = browser_of(cast.dana)
    page = client.get(f"/samples/{copy.pk}/").content.decode()
    assert "2 samples, always in one split" in page
    assert f'Looks like</dt><dd><a href="/samples/{one.pk}/">' in page
    assert "it stands alone" in client.get(f"/samples/{other.pk}/").content.decode()
    found = client.get("/datasets/pets/samples/", {"group": one.group}).context["samples"]
    assert [sample.pk for sample in found] == [copy.pk, one.pk]
    rows = client.get("/api/datasets/pets/samples/", {"group": one.group}).json()["results"]
    assert [(row["id"], row["lookalike_of"]) for row in rows] == [(copy.pk, one.pk), (one.pk, None)]


@pytest.fixture
def held(dataset: Dataset, contribute: Any, approve: Any, freeze: Any) -> dict[str, Sample]:
    """A newcomer that resembles an image of the test split."""
    seeds = {"train": 11, "val": 12, "test": 13}
    batch = contribute({f"{name}/cat/1.jpg": jpeg(picture(n)) for name, n in seeds.items()})
    approve(list(batch.samples.all()))
    freeze()
    copy = contribute({"cat/copy.jpg": copy_of(13)}).samples.get()
    return {"copy": copy, "test": batch.samples.get(split="test")}


def test_reviewers_go_to_what_is_held_and_back(
    held: dict[str, Sample], cast: Any, browser_of: Any
) -> None:
    chen = browser_of(cast.chen)
    page = chen.get(PAGE).content.decode()
    assert groups(chen) == [[held["test"].pk, held["copy"].pk]]
    assert '<a class="btn btn-plain btn-sm" href="/datasets/pets/lookalikes/">' in page
    assert "1 held back: compare it" in page
    assert f'href="{PAGE}"' in chen.get("/datasets/pets/lookalikes/").content.decode()
    assert '/datasets/pets/lookalikes/"' not in browser_of(cast.dana).get(PAGE).content.decode()


@pytest.mark.parametrize(("verdict", "left"), [("same", 1), ("together", 1), ("apart", 0)])
def test_what_was_set_apart_resembles_nothing_any_more(
    held: dict[str, Sample], cast: Any, browser_of: Any, verdict: str, left: int
) -> None:
    actions.release_lookalike(held["copy"], cast.chen, verdict)
    assert len(groups(browser_of(cast.dana))) == left
    check()


def test_a_sealed_class_is_not_shown(
    dataset: Dataset, held: dict[str, Sample], cast: Any, browser_of: Any
) -> None:
    Version.objects.update(sealed=True)
    page = browser_of(cast.chen).get(PAGE)
    shown = {
        member.sample.pk: member.sample.label for member in page.context["clusters"][0].members
    }
    assert shown[held["test"].pk] is None
    assert shown[held["copy"].pk].name == "cat"


def test_who_sees_it(dataset: Dataset, cast: Any, browser_of: Any) -> None:
    assert "No look-alikes" in browser_of(cast.dana).get(PAGE).content.decode()
    assert Client().get(PAGE).status_code == 404
    Dataset.objects.update(visibility="private")
    assert browser_of(cast.dana).get(PAGE).status_code == 404


def test_queries_do_not_grow(contribute: Any, cast: Any, browser_of: Any) -> None:
    contribute({f"cat/{n}.jpg": copy_of(n // 2, 1 - n % 2 / 9) for n in range(4)})
    client = browser_of(cast.chen)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(PAGE).status_code == 200
        return len(captured)

    queries()
    few = queries()
    contribute({f"cat/x{n}.jpg": copy_of(n // 4, 0.8 - n % 4 / 20) for n in range(60)})
    contribute({f"dog/{n}.png": make_image(n) for n in range(140)})
    assert len(client.get(PAGE).context["clusters"]) == 12
    assert queries() == few


def test_the_list_is_read_by_its_index(contribute: Any, dataset: Dataset) -> None:
    contribute({f"cat/{n}.jpg": copy_of(1, 1 - n / 20) for n in range(3)})
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    plan = lookalikes_in(dataset).order_by("-pk")[:13].explain()
    assert "samples_alike" in plan
