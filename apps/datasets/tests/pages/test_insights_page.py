"""What a dataset is made of: counts, matrices, readings, as page, API and CSV; sealed labels kept."""

import csv
import io
from collections import Counter
from itertools import count
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.datasets import actions
from apps.datasets.insights import count_kinds
from apps.datasets.models import Dataset, ManifestRow, Sample
from apps.datasets.tests.cast import make_image

PAGE, API = "/datasets/pets/insights/", "/api/datasets/pets/insights/"
CSV = "/datasets/pets/insights.csv"


@pytest.fixture
def mixed(dataset: Dataset, cast: Any, contribute: Any) -> None:
    """Cats from the park alone (Ada's), dogs from everywhere; Ben brings both, Ada cats."""
    contribute({f"cat/{n}.png": make_image(n) for n in range(12)}, by=cast.ada, source="park")
    contribute({f"dog/{n}.png": make_image(20 + n) for n in range(6)}, source="home")
    contribute({f"dog/{n}.png": make_image(40 + n) for n in range(6)}, source="")
    contribute({"cat/x.png": make_image(60)}, source="home")


def rows_of(client: Any) -> list[dict[str, str]]:
    text = b"".join(client.get(CSV).streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_counts_are_those_of_the_samples(
    dataset: Dataset, cast: Any, mixed: Any, approve: Any, browser_of: Any
) -> None:
    approve(list(Sample.objects.filter(contributor=cast.ben)[:4]))
    reject = [actions.Decision(Sample.objects.last().pk, "reject", reason="unusable")]
    actions.review_samples(dataset, cast.chen, reject)
    every = Sample.objects.select_related("label", "contributor")
    counted = Counter(
        (each.label.name, each.source, each.contributor.username, each.status) for each in every
    )
    rows = rows_of(browser_of(cast.dana))
    names = ("class", "source", "contributor", "status")
    assert {tuple(row[name] for name in names): int(row["samples"]) for row in rows} == counted
    found = browser_of(cast.dana).get(API).json()
    live = Counter(each.label.name for each in every if each.status in {"approved", "pending"})
    assert {row["class"]: row["approved"] + row["pending"] for row in found["classes"]} == live
    assert found["sources"]["columns"][0] in {"park", "home"}
    assert sum(map(sum, found["sources"]["cells"])) == sum(live.values())
    assert sum(map(sum, found["contributors"]["cells"])) == sum(live.values())


def test_it_says_in_words_what_a_model_would_learn(mixed: Any, cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.dana)
    page = client.get(PAGE).content.decode()
    assert "The classes are about even" in page
    assert "The source “park” brings “cat” alone (12 of its 12 samples)" in page
    assert "ada brings “cat” alone (12 of 12 samples)" in page
    tells = client.get(API).json()["sources"]["tells"]
    assert [(each["row"], each["column"], each["only_row"]) for each in tells] == [
        ("cat", "park", True)
    ]


def test_the_ratio_of_the_largest_to_the_smallest(
    dataset: Dataset, cast: Any, contribute: Any, browser_of: Any
) -> None:
    contribute({f"cat/{n}.png": make_image(n) for n in range(12)} | {"dog/1.png": make_image(50)})
    actions.add_class(dataset, cast.ada, "lynx")
    client = browser_of(cast.dana)
    page = client.get(PAGE).content.decode()
    assert "“cat” has 12 times as many samples as “dog”." in page
    assert "Without any: “lynx”." in page
    assert client.get(API).json()["imbalance"] == {
        "largest": "cat", "most": 12, "smallest": "dog", "least": 1, "empty": ["lynx"], "ratio": 12.0,
    }  # fmt: skip


def test_the_largest_are_shown_and_the_rest_is_summed(
    dataset: Dataset, cast: Any, contribute: Any, browser_of: Any
) -> None:
    for n in range(30):
        actions.add_class(dataset, cast.ada, f"kind {n:02}")
    for n in range(30):
        files = {f"kind {n:02}/{i}.png": make_image(100 * n + i) for i in range(1 + n % 2)}
        contribute(files, source=f"place {n:02}")
    client = browser_of(cast.dana)
    page = client.get(PAGE).content.decode()
    assert "12 more classes" in page  # of 32 with the two empty ones
    assert "10 more classes" in page  # of 30 in the matrix
    found = client.get(API).json()["sources"]
    assert (len(found["rows"]), found["more_rows"], found["more_columns"]) == (20, 10, 10)
    assert sum(map(sum, found["cells"])) == 45
    assert len(rows_of(client)) == 30, "the table has them all"


def test_the_splits_of_the_newest_version(
    cast: Any, contribute: Any, approve: Any, freeze: Any, browser_of: Any
) -> None:
    client, seeds = browser_of(cast.dana), count()
    files = {f"{split}/{name}/{n}.png": make_image(next(seeds))
             for split, most in (("train", 8), ("val", 1), ("test", 2))
             for name in ("cat", "dog") for n in range(most)}  # fmt: skip
    approve(list(contribute(files).samples.all()))
    assert "No version is frozen yet" in client.get(PAGE).content.decode()
    version = freeze()
    page = client.get(PAGE).content.decode()
    assert "73 % are for training, 9 % for validation, 18 % for the test." in page
    assert "has the fewest test samples: 2. Its own score says little." in page
    assert client.get(API).json()["splits"] == {"version": 1, "counts": version.counts}


def test_an_empty_dataset_teaches_the_next_step(
    dataset: Dataset, cast: Any, browser_of: Any
) -> None:
    page = browser_of(cast.ben).get(PAGE).content.decode()
    assert "Nothing to compare yet" in page
    assert "/datasets/pets/contribute/" in page
    assert rows_of(browser_of(cast.ben)) == []


@pytest.mark.parametrize("path", [PAGE, API, CSV])
def test_who_sees_it(dataset: Dataset, cast: Any, mixed: Any, browser_of: Any, path: str) -> None:
    assert Client().get(path).status_code == 404
    assert browser_of(cast.dana).get(path).status_code == 200
    Dataset.objects.update(visibility="private")
    assert browser_of(cast.dana).get(path).status_code == 404
    Dataset.objects.update(visibility="public")
    assert Client().get(path).status_code == 200


def test_a_source_that_a_manifest_gives_is_counted(
    dataset: Dataset, cast: Any, samples: Any, browser_of: Any
) -> None:
    """No tally knows it, so these few samples are counted themselves, and the page says when."""
    batch = samples[0].contribution
    ManifestRow.objects.create(contribution=batch, line=2, name="cat/0.png", source="zoo")
    Sample.objects.filter(pk=samples[0].pk).update(source="zoo")
    client = browser_of(cast.dana)
    sources = Counter(row["source"] for row in rows_of(client) for _n in range(int(row["samples"])))
    assert sources == Counter(Sample.objects.values_list("source", flat=True))
    assert sources["zoo"] == 1
    assert "were counted" in client.get(PAGE).content.decode()


def test_sealed_test_samples_are_in_no_matrix(
    dataset: Dataset, cast: Any, contribute: Any, approve: Any, freeze: Any, browser_of: Any
) -> None:
    """Else the one test image of a source would have a known class."""
    actions.update_dataset(dataset, cast.ada, seals_test=True)
    seeds = count()
    for source in ("park", "home"):
        files = {f"{split}/{name}/{source}{n}.png": make_image(next(seeds))
                 for split in ("train", "test") for name in ("cat", "dog") for n in range(3)}  # fmt: skip
        approve(list(contribute(files, source=source).samples.all()))
    cache.clear()
    assert sum(count_kinds(dataset).by_kind.values()) == 24
    freeze()
    found = count_kinds(dataset)
    open_ones = Sample.objects.exclude(split="test").select_related("label", "contributor")
    assert found.by_kind == Counter(
        (each.label_id, each.source, each.contributor.username, each.status) for each in open_ones
    )
    client = browser_of(cast.ben)
    assert client.get(API).json()["sealed_left_out"] is True
    assert "sealed test split are left out" in client.get(PAGE).content.decode()
    actions.unseal(dataset, cast.ada)
    dataset.refresh_from_db()
    assert sum(count_kinds(dataset).by_kind.values()) == 24


def test_queries_do_not_grow(dataset: Dataset, cast: Any, contribute: Any, browser_of: Any) -> None:
    contribute({f"cat/{n}.png": make_image(n) for n in range(10)}, source="park")
    client = browser_of(cast.dana)

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        assert not [
            each for each in captured if "COUNT(" in each["sql"] and "datasets_" in each["sql"]
        ], "only tallies are read"
        return len(captured)

    queries(PAGE)
    few = [queries(path) for path in (PAGE, API)]
    for source in range(10):
        files = {f"{'cat' if n % 2 else 'dog'}/{source}-{n}.png": make_image(1000 + 100 * source + n)
                 for n in range(19)}  # fmt: skip
        contribute(files, by=cast.ada if source % 2 else cast.ben, source=f"place {source}")
    assert [queries(path) for path in (PAGE, API)] == few
