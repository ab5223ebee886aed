"""What changed between two versions: from any one to any other, told alike by page and API."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.datasets import actions, diffs
from apps.datasets.diffs import Place
from apps.datasets.digest import Row, digest_of
from apps.datasets.tests.cast import make_image

places = st.dictionaries(
    st.integers(1, 30),
    st.builds(Place, st.integers(1, 3), st.sampled_from(["train", "validation", "test"])),
)


@given(places, places)
def test_the_way_back_is_the_inverse(a: dict[int, Place], b: dict[int, Place]) -> None:
    there = diffs.compare(sorted(a.items()), sorted(b.items()))
    back = diffs.compare(sorted(b.items()), sorted(a.items()))
    assert there.counts["added"] == back.counts["removed"] == len(b.keys() - a.keys())
    assert there.counts["removed"] == back.counts["added"]
    assert there.counts["relabelled"] == back.counts["relabelled"]
    assert {(y, x): n for (x, y), n in there.labels.items()} == dict(back.labels)
    assert {(y, x): n for (x, y), n in there.splits.items()} == dict(back.splits)


rows = st.lists(
    st.builds(
        Row, st.from_regex(r"[0-9a-f]{64}", fullmatch=True), st.text(), st.just("train"), st.text(),
        st.just("MIT"),
    ),
    unique_by=lambda row: row.sample,
    max_size=8,
)  # fmt: skip


@given(rows.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_digest_does_not_depend_on_the_order(pair: tuple[list[Row], list[Row]]) -> None:
    assert digest_of(pair[0]) == digest_of(pair[1])


@pytest.mark.parametrize(
    ("counts", "number"),
    [({"added": 2}, "1.1.0"), ({"added": 2, "moved": 1}, "2.0.0"), ({}, "1.0.1")],
)
def test_the_number_says_how_much(counts: dict[str, int], number: str) -> None:
    assert diffs.next_number("1.0.0", diffs.level(counts)) == number


@pytest.fixture
def three(dataset: Any, cast: Any, contribute: Any, approve: Any, freeze: Any) -> list[Any]:
    """1: thirty. 2: three more. 3: one relabelled, one gone, a class renamed."""
    files = {f"{['cat', 'dog'][i % 2]}/{i}.png": make_image(i) for i in range(30)}
    found = list(contribute(files).samples.order_by("pk"))
    approve(found)
    first = freeze()
    approve(list(contribute({f"cat/{i}.png": make_image(i) for i in (91, 92, 93)}).samples.all()))
    second = freeze()
    actions.withdraw_samples(dataset, cast.ben, [dataset.samples.get(pk=found[2].pk)])
    actions.undo_review(dataset, cast.chen)
    dog = dataset.classes.get(name="dog")
    again = list(dataset.samples.filter(status="pending").order_by("pk"))
    fix = actions.Decision(again[0].pk, "fix", class_id=dog.pk)
    actions.review_samples(dataset, cast.chen, [fix])
    approve(again[1:])
    dataset.classes.filter(name="dog").update(name="hound")
    return [first, second, freeze()]


def test_between_any_two(three: list[Any], cast: Any, browser_of: Any) -> None:
    first, second, third = three
    assert first.changes == {"number": "1.0.0"}
    assert second.changes == {
        "since": 1, "added": 3, "removed": 0, "relabelled": 0, "moved": 0, "renamed": 0,
        "level": "minor", "number": "1.1.0",
    }  # fmt: skip
    assert third.changes["number"] == "2.0.0"
    client = browser_of(cast.dana)
    ask = "/api/datasets/pets/versions/diff/"
    forth = client.get(ask, {"from": 1, "to": 3, "kind": "added"}).json()
    assert forth["counts"] == {"added": 3, "removed": 1, "relabelled": 0, "moved": 0}
    assert forth["renamed"] == [{"from": "dog", "to": "hound"}]
    assert len(forth["samples"]) == 3
    step = client.get(ask, {"from": 2, "to": 3}).json()
    assert step["relabelled"] == [{"from": "cat", "to": "hound", "samples": 1}]
    back = client.get(ask, {"from": 3, "to": 1}).json()
    assert back["counts"] == {"added": 1, "removed": 3, "relabelled": 0, "moved": 0}
    for kind, number in forth["counts"].items():
        page = client.get(ask, {"from": 1, "to": 3, "kind": kind}).json()
        assert len(page["samples"]) == number


def test_the_page(three: list[Any], cast: Any, browser_of: Any) -> None:
    client = browser_of(cast.dana)
    page = client.get("/datasets/pets/versions/diff/?from=2&to=3&kind=relabelled")
    assert [tile["was"] for tile in page.context["tiles"]] == ["cat"]
    assert "+3 added" in client.get("/datasets/pets/versions/").content.decode()
    assert client.get("/datasets/pets/versions/diff/?from=9").status_code == 400
    assert client.get("/datasets/pets/versions/diff/?kind=odd").status_code == 400


def test_reading_costs_by_the_change(three: list[Any]) -> None:
    first, second, _third = three
    assert diffs.left(first, second).count() == 0
    assert diffs.left(second, first).count() == 3


def test_with_one_version_it_says_what_is_missing(
    samples: Any, approve: Any, freeze: Any, cast: Any, browser_of: Any
) -> None:
    approve(samples)
    freeze()
    page = browser_of(cast.dana).get("/datasets/pets/versions/diff/").content.decode()
    assert "Two versions are needed" in page
