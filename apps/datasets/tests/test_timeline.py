"""The history of a sample: one list, what belongs together folded, nothing lost, sealed classes kept."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.datasets import actions, timeline
from apps.datasets.models import Annotation, Comment, Review, Sample, SchemaChange
from apps.datasets.tests.cast import make_image
from apps.datasets.timeline import KINDS, Entry, fold, order
from apps.state.models import Event

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = st.lists(
    st.builds(
        Entry,
        kind=st.sampled_from(KINDS),
        pk=st.integers(1, 40),
        at=st.integers(0, 60).map(lambda second: START + timedelta(seconds=second)),
        by=st.sampled_from(["ben", "chen", ""]),
        role=st.sampled_from(["uploader", "labeller", "reviewer"]),
        decision=st.sampled_from(list(Review.Decision.values)),
        became=st.sampled_from(Sample.Status.values),
        note=st.sampled_from(["", "consensus"]),
        batch=st.integers(1, 4),
    ),
    max_size=14,
    unique_by=lambda entry: entry.anchor,
)


@given(ROWS)
def test_folding_loses_nothing_and_keeps_the_order(rows: list[Entry]) -> None:
    entries = fold(rows)
    anchors = [name for entry in entries for name in (entry.anchor, *entry.folded)]
    assert sorted(anchors) == sorted(row.anchor for row in rows)
    assert [order(entry) for entry in entries] == sorted(order(entry) for entry in entries)
    for entry in entries:
        assert not entry.folded or entry.kind in {"arrived", "label", "decision"}
    # A cause leads to one change of status.
    assert all(sum(name.startswith("event") for name in each.folded) <= 1 for each in entries)


@given(ROWS, st.randoms())
def test_folding_does_not_depend_on_the_order_of_the_rows(rows: list[Entry], random: Any) -> None:
    shuffled = rows[:]
    random.shuffle(shuffled)
    assert fold(shuffled) == fold(rows)


def history(sample: Any, **options: Any) -> list[Entry]:
    found = Sample.objects.select_related("dataset", "contributor").get(pk=sample.pk)
    return timeline.timeline(found, hidden=False, **options).entries


def told(sample: Any) -> list[tuple[str, str, str]]:
    return [(each.by, each.decision or each.kind, each.became) for each in history(sample)]


def test_a_whole_life(dataset: Any, cast: Any, samples: Any) -> None:
    cat, dog = samples[0], samples[1]
    fix = actions.Decision(cat.pk, "fix", dog.label_id)
    actions.review_samples(dataset, cast.chen, [fix])
    actions.undo_review(dataset, cast.chen)
    actions.review_samples(
        dataset, cast.chen, [actions.Decision(cat.pk, "reject", reason="other", note="too dark")]
    )
    cat.refresh_from_db()
    actions.comment_on(cat, cast.ada, "look at the ears")
    actions.appeal_rejection(cat, cast.ben, "it is dusk")
    actions.review_samples(dataset, cast.ada, [actions.Decision(cat.pk, "accept")])
    cat.refresh_from_db()
    actions.withdraw_samples(dataset, cast.ada, [cat], "the owner of the cat asked")

    assert told(cat) == [
        ("ben", "arrived", ""),
        ("chen", "fix", "approved"),
        ("chen", "undo", "pending"),
        ("chen", "reject", "rejected"),
        ("ada", "comment", ""),
        ("ben", "appeal", "pending"),
        ("ada", "accept", "approved"),
        ("ada", "status", "withdrawn"),
    ]
    roles = [each.role for each in history(cat)]
    assert roles == ["contributor", "reviewer", "reviewer", "reviewer", "", "contributor",
                     "reviewer", "maintainer"]  # fmt: skip
    first, fixed, *_rest = history(cat)
    assert first.label == cat.label
    assert (fixed.before, fixed.label) == (cat.label, dog.label)
    rows = Annotation.objects.filter(sample=cat).count() + cat.reviews.count()
    rows += Event.objects.about(cat).count() + 1 + 1  # its arrival and the comment
    assert sum(1 + len(each.folded) for each in history(cat)) == rows


def test_votes_and_the_consensus_they_reach(
    dataset: Any, cast: Any, samples: Any, approve: Any
) -> None:
    actions.change_policy(dataset, cast.ada, policy="consensus", labels_needed=2)
    dataset.refresh_from_db()
    sample = samples[0]
    actions.label_samples(dataset, cast.chen, {sample.pk: sample.label_id})
    assert told(sample) == [("ben", "arrived", ""), ("chen", "label", "approved")]
    assert [each.role for each in history(sample)] == ["contributor", "labeller"]


def test_a_change_of_the_classes_is_in_it(dataset: Any, cast: Any, samples: Any) -> None:
    cat, dog = samples[0].label, samples[1].label
    change = SchemaChange.objects.create(
        dataset=dataset, kind="merge", label=cat, into=dog, by=cast.ada, status="applied"
    )
    Annotation.objects.create(
        sample=samples[0], label=dog, by=cast.ada, role=Annotation.As.SCHEMA, change=change
    )
    last = history(samples[0])[-1]
    assert (last.kind, last.change, last.label) == ("label", change, dog)


def test_the_verdict_about_a_look_alike_is_told_in_words(
    dataset: Any, cast: Any, samples: Any, browser_of: Any
) -> None:
    Sample.objects.filter(pk=samples[0].pk).update(hold="lookalike")
    held = Sample.objects.select_related("dataset").get(pk=samples[0].pk)
    actions.release_lookalike(held, cast.chen, "apart")
    page = browser_of(cast.dana).get(reverse("sample", args=[held.pk])).content.decode()
    assert "and released it" in page
    assert "“A different picture: keep it apart”" in page


def test_each_entry_has_its_permalink_and_folded_ones_lead_there(
    dataset: Any, cast: Any, samples: Any, approve: Any, browser_of: Any
) -> None:
    approve(samples[:1])
    comment = actions.comment_on(samples[0], cast.ben, "a <b>fine</b> cat")
    page = browser_of(cast.dana).get(reverse("sample", args=[samples[0].pk])).content.decode()
    review, event = samples[0].reviews.get(), Event.objects.about(samples[0]).get()
    for anchor in (
        "arrived",
        f"review-{review.pk}",
        f"event-{event.pk}",
        f"comment-{comment.pk}",
        *(f"annotation-{each.pk}" for each in samples[0].annotations.all()),
    ):
        assert page.count(f'id="{anchor}"') == 1
    assert page.count('<li id="') == 3
    assert f'href="#review-{review.pk}"' in page
    assert "a &lt;b&gt;fine&lt;/b&gt; cat" in page


def test_over_the_api(cast: Any, samples: Any, approve: Any, browser_of: Any) -> None:
    approve(samples[:1])
    found = browser_of(cast.dana).get(f"/api/samples/{samples[0].pk}/history/").json()
    assert found["earlier"] is None
    arrived, accepted = found["entries"]
    assert (arrived["by"], arrived["label"]) == ("ben", "cat")
    assert (accepted["by"], accepted["role"], accepted["decision"]) == (
        "chen",
        "reviewer",
        "accept",
    )
    assert (accepted["was"], accepted["became"]) == ("pending", "approved")
    assert len(accepted["folded"]) == 2


def test_a_long_history_is_read_in_pages(
    cast: Any, samples: Any, browser_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.datasets.timeline.SHOWN", 4)
    start = datetime(2027, 1, 1, tzinfo=UTC)
    Comment.objects.bulk_create(
        Comment(sample=samples[0], by=cast.ben, text=str(n), at=start + timedelta(hours=n))
        for n in range(10)
    )
    client = browser_of(cast.dana)
    path, query, notes = f"/api/samples/{samples[0].pk}/history/", {}, []
    while True:
        found = client.get(path, query).json()
        assert len(found["entries"]) <= 4
        notes = [each["note"] for each in found["entries"]] + notes
        if not found["earlier"]:
            break
        query = {"before": found["earlier"]}
    assert notes == ["", *map(str, range(10))]
    page = client.get(f"/samples/{samples[0].pk}/")
    assert "Earlier entries" in page.content.decode()
    address = page.context["history"]["earlier_url"].partition("#")[0]
    earlier = client.get(f"/samples/{samples[0].pk}/{address}")
    assert [each.note for each in earlier.context["history"]["entries"]] == ["2", "3", "4", "5"]


@pytest.mark.parametrize("value", ["yesterday", "2026-01-01", "2026-13-01T00:00:00Z", "²"])
def test_a_time_that_is_none_is_refused(
    cast: Any, samples: Any, browser_of: Any, value: str
) -> None:
    client = browser_of(cast.ben)
    answer = client.get(f"/api/samples/{samples[0].pk}/history/", {"before": value})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_filter")
    assert client.get(f"/samples/{samples[0].pk}/", {"earlier": value}).status_code == 400


def test_a_private_one_is_not_there(dataset: Any, cast: Any, samples: Any, browser_of: Any) -> None:
    dataset.visibility = "private"
    dataset.save()
    path = f"/api/samples/{samples[0].pk}/history/"
    assert browser_of(cast.dana).get(path).status_code == 404
    assert browser_of(cast.ben).get(path).status_code == 200


def test_of_a_sealed_sample_it_tells_no_class(
    dataset: Any, cast: Any, contribute: Any, browser_of: Any, freeze: Any
) -> None:
    actions.update_dataset(dataset, cast.ada, seals_test=True)
    batch = contribute(
        {f"test/{'cat' if n % 2 else 'dog'}/{n}.png": make_image(n) for n in range(6)}
    )
    batch2 = contribute(
        {f"train/{'cat' if n % 2 else 'dog'}/{n}.png": make_image(n) for n in range(10, 16)}
    )
    every = [*batch.samples.order_by("pk"), *batch2.samples.all()]
    one, other = every[0], every[1]
    decisions = [actions.Decision(each.pk, "accept") for each in every[1:]]
    decisions.append(actions.Decision(one.pk, "fix", other.label_id))
    actions.review_samples(dataset, cast.chen, decisions)
    freeze()
    client = browser_of(cast.ada)
    found = client.get(f"/api/samples/{one.pk}/history/").json()["entries"]
    again = client.get(f"/api/samples/{other.pk}/history/").json()["entries"]
    assert [each["kind"] for each in found] == ["arrived"] == [each["kind"] for each in again]
    assert found[0]["label"] is None
    page = client.get(f"/samples/{one.pk}/").content.decode()
    assert "Sealed, with its history" in page
    assert "corrected it" not in page


def test_queries_do_not_grow(
    dataset: Any, cast: Any, contribute: Any, samples: Any, browser_of: Any
) -> None:
    client = browser_of(cast.chen)
    path = f"/samples/{samples[0].pk}/?status=pending"

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    queries()
    few = queries()
    contribute({f"dog/{n}.png": make_image(200 + n) for n in range(190)})
    start = datetime(2027, 1, 1, tzinfo=UTC)
    Comment.objects.bulk_create(
        Comment(sample=samples[0], by=cast.ben, text=str(n), at=start + timedelta(hours=n))
        for n in range(30)
    )
    assert queries() == few


@pytest.fixture
def list_of(cast: Any, browser_of: Any) -> SimpleNamespace:
    client = browser_of(cast.ben)

    def keys(query: dict[str, str]) -> list[int]:
        page = client.get("/datasets/pets/samples/", query)
        return [sample.pk for sample in page.context["samples"]]

    return SimpleNamespace(client=client, keys=keys)


@pytest.mark.parametrize("query", [{}, {"status": "approved"}, {"contributor": "ben"}])
def test_one_sample_leads_to_the_next_within_the_filter(
    list_of: Any, samples: Any, approve: Any, query: dict[str, str]
) -> None:
    approve(samples[::2])
    keys = list_of.keys(query)
    seen, address = [], f"/samples/{keys[0]}/"
    page = list_of.client.get(address, query)
    assert page.context["previous_url"] == ""
    while True:
        seen.append(page.context["sample"].pk)
        if not page.context["next_url"]:
            break
        page = list_of.client.get(page.context["next_url"])
    assert seen == keys
    back = list_of.client.get(page.context["previous_url"])
    assert back.context["sample"].pk == keys[-2]
    assert [
        each.pk for each in list_of.client.get(page.context["back_url"]).context["samples"]
    ] == keys


def test_the_tiles_carry_the_filter(list_of: Any, samples: Any) -> None:
    page = list_of.client.get("/datasets/pets/samples/", {"status": "pending"}).content.decode()
    assert f"/samples/{samples[0].pk}/?status=pending" in page
