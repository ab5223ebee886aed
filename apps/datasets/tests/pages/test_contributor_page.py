"""One member in one dataset: who sees what, counts, credit, rejections, page after page."""

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.datasets import actions
from apps.datasets.models import Dataset, Review, Sample
from apps.datasets.tests.cast import make_image

BEN = "/datasets/pets/contributors/ben/"
API = f"/api{BEN}"


@pytest.fixture(autouse=True)
def _fresh(db: None) -> None:
    cache.clear()


@pytest.fixture
def settled(dataset: Dataset, cast: Any, samples: list[Sample]) -> list[Sample]:
    """Six cats and dogs accepted, a cat made a dog, two rejected, one left waiting."""
    decisions = [actions.Decision(each.pk, "accept") for each in samples[:6]]
    decisions.append(actions.Decision(samples[6].pk, "fix", samples[7].label_id))
    decisions.append(actions.Decision(samples[7].pk, "reject", reason="unusable"))
    decisions.append(actions.Decision(samples[8].pk, "reject", reason="other", note="a fox"))
    assert not actions.review_samples(dataset, cast.chen, decisions).refused
    return samples


def test_what_became_of_it(settled: Any, cast: Any, browser_of: Any) -> None:
    found = browser_of(cast.dana).get(API).json()
    assert {name: found[name] for name in ("brought", "accepted", "corrected", "pending",
            "rejected", "withdrawn")} == {"brought": 10, "accepted": 7, "corrected": 1,
            "pending": 1, "rejected": 2, "withdrawn": 0}  # fmt: skip
    assert (found["agreement"]["right"], found["agreement"]["of"]) == (6, 7)
    page = browser_of(cast.dana).get(BEN)
    assert {row["kind"]: row["count"] for row in page.context["rows"]} == {
        "approved": 7, "fixed": 1, "pending": 1, "held": 0, "rejected": 2, "withdrawn": 0,
    }  # fmt: skip
    text = page.content.decode()
    assert "6 of 7 labels that were settled stood: 86 % (95 % interval 49 to 97 %)" in text


def test_by_class_where_enough_were_settled(
    dataset: Dataset, cast: Any, contribute: Any, approve: Any, browser_of: Any
) -> None:
    files = {f"cat/{n}.png": make_image(n) for n in range(5)}
    approve(list(contribute(files | {"dog/1.png": make_image(9)}).samples.all()))
    page = browser_of(cast.ben).get(BEN)
    assert [(each["label"].name, each["share"].tried) for each in page.context["by_class"]] == [
        ("cat", 5)
    ]
    found = browser_of(cast.ben).get(API).json()
    assert found["agreement_by_class"] == {
        "cat": {"right": 5, "of": 5, "interval_95": [0.5655, 1.0]}
    }


@pytest.mark.parametrize(
    ("person", "inside"), [("ben", True), ("chen", True), ("ada", True), ("dana", False)]
)
def test_why_something_was_rejected_is_for_oneself_and_for_reviewers(
    settled: Any, cast: Any, browser_of: Any, person: str, inside: bool
) -> None:
    client = browser_of(getattr(cast, person))
    page = client.get(BEN).content.decode()
    found = client.get(API).json()
    assert ("a fox" in page) is inside
    assert ("rejected_by_reason" in found) is inside
    answer = client.get(f"{API}rejected/")
    if inside:
        assert found["rejected_by_reason"] == {"unusable": 1, "other": 1}
        assert [(each["reason"], each["note"]) for each in answer.json()["results"]] == [
            ("other", "a fox"),
            ("unusable", ""),
        ]
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "role_required")


def test_an_appeal_from_the_page(settled: Any, cast: Any, browser_of: Any) -> None:
    ben, fox = browser_of(cast.ben), settled[8]
    page = ben.get(BEN).content.decode()
    assert page.count("Appeal the rejection") == 2
    assert f"/samples/{fox.pk}/appeal/" in page
    assert "Appeal the rejection" not in browser_of(cast.chen).get(BEN).content.decode()
    ben.post(f"/samples/{fox.pk}/appeal/", {"note": "it is a cat"})
    assert Review.objects.filter(sample=fox, decision="appeal").exists()
    assert [row["sample"].pk for row in ben.get(BEN).context["rejected"]["rows"]] == [settled[7].pk]
    again = actions.Decision(fox.pk, "reject", reason="off_topic")
    fox.refresh_from_db()
    actions.review_samples(fox.dataset, cast.ada, [again])
    page = ben.get(BEN).content.decode()
    assert "appealed once, and rejected again" in page
    assert page.count("Appeal the rejection") == 1


def test_contributing_leads_to_what_was_rejected(settled: Any, cast: Any, browser_of: Any) -> None:
    page = browser_of(cast.ben).get("/datasets/pets/contribute/").content.decode()
    assert f'<a href="{BEN}#rejected">rejected: 2</a>' in page


def test_the_line_of_credit_of_each_version(
    settled: Any, cast: Any, freeze: Any, browser_of: Any, approve: Any
) -> None:
    first = freeze()
    approve(settled[9:])
    second = freeze()
    found = browser_of(cast.dana).get(API).json()["credits"]
    assert [(each["version"], each["samples"], each["corrected"]) for each in found] == [
        (2, 8, 1),
        (1, 7, 1),
    ]
    assert found[0]["line"] == (
        "ben brought 8 of the 8 samples of Pets, version 2 (CC-BY-4.0, sha256 "
        f"{second.digest[:12]}): http://testserver/datasets/pets/versions/2/"
    )
    page = browser_of(cast.dana).get(BEN).content.decode()
    assert found[0]["line"] in page
    assert first.digest[:12] in page
    actions.discard_version(second, cast.ada)
    assert [each["version"] for each in browser_of(cast.dana).get(API).json()["credits"]] == [1]


def test_their_work_as_a_reviewer(settled: Any, cast: Any, browser_of: Any) -> None:
    path = "/datasets/pets/contributors/chen/"
    page = browser_of(cast.chen).get(path).content.decode()
    assert "9 labels and rejections." in page
    assert "Nobody has decided about any of them again" in page
    assert "You have brought nothing yet." in page
    assert browser_of(cast.ada).get(f"/api{path}").json()["decisions"] == 9
    assert "decisions" not in browser_of(cast.ben).get(f"/api{path}").json()


def test_who_is_there(settled: Any, cast: Any, browser_of: Any) -> None:
    """Contributors for whoever sees the dataset; other members for members; nobody else."""
    dana, ben = browser_of(cast.dana), browser_of(cast.ben)
    for base in ("/datasets/pets/contributors/", "/api/datasets/pets/contributors/"):
        assert dana.get(f"{base}ben/").status_code == 200
        assert dana.get(f"{base}chen/").status_code == 404
        assert ben.get(f"{base}chen/").status_code == 200
        assert ben.get(f"{base}dana/").status_code == 404
        assert ben.get(f"{base}nobody/").status_code == 404
        assert Client().get(f"{base}ben/").status_code == 404
    Dataset.objects.update(visibility="public")
    assert Client().get(BEN).status_code == 200
    assert Client().get(API).status_code == 200
    assert Client().get(f"{API}rejected/").status_code == 401
    Dataset.objects.update(visibility="private")
    assert dana.get(BEN).status_code == 404


def test_lists_are_read_in_pages(
    dataset: Dataset,
    cast: Any,
    contribute: Any,
    browser_of: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apps.datasets.pages.contributor.SHOWN", 2)
    for n in range(5):
        contribute({f"cat/{n}.png": make_image(n)}, source=f"place {n}")
    keys = list(Sample.objects.order_by("-pk").values_list("pk", flat=True))
    decisions = [actions.Decision(pk, "reject", reason="unusable") for pk in keys]
    actions.review_samples(dataset, cast.chen, decisions)
    client = browser_of(cast.ben)

    def walk(name: str) -> list[Any]:
        seen, query = [], "?"
        while query:
            found = client.get(BEN + query.partition("#")[0]).context[name]
            assert len(found["rows"]) <= 2
            seen += found["rows"]
            query = found["next_url"]
        return seen

    assert [row["sample"].pk for row in walk("rejected")] == keys
    assert [batch.source for batch, _counts in walk("batches")] == [
        f"place {n}" for n in (4, 3, 2, 1, 0)
    ]
    assert [counts["rejected"] for _batch, counts in walk("batches")] == [1] * 5
    assert client.get(f"{BEN}?rejected=x").status_code == 400


def test_a_discarded_batch_is_nobodys_contribution(
    dataset: Dataset, cast: Any, samples: Any, browser_of: Any
) -> None:
    actions.discard_contribution(samples[0].contribution, cast.ben)
    page = browser_of(cast.dana).get(BEN)
    assert page.context["batches"]["rows"] == []
    assert page.context["rows"][-1]["count"] == 10  # withdrawn


def test_queries_do_not_grow(
    dataset: Dataset, cast: Any, contribute: Any, settled: Any, freeze: Any, browser_of: Any
) -> None:
    client = browser_of(cast.ben)

    def queries(path: str) -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    freeze()
    queries(BEN)
    few = [queries(path) for path in (BEN, API, f"{API}rejected/")]
    for batch in range(10):
        files = {f"dog/{batch}-{n}.png": make_image(1000 + 100 * batch + n) for n in range(19)}
        made = contribute(files).samples.all()
        decisions = [actions.Decision(made[0].pk, "reject", reason="unusable")]
        decisions += [actions.Decision(each.pk, "accept") for each in made[1:]]
        actions.review_samples(dataset, cast.chen, decisions)
    freeze()
    assert [queries(path) for path in (BEN, API, f"{API}rejected/")] == few


@pytest.mark.parametrize(
    ("path", "person"),
    [
        ("/datasets/pets/people/", "ben"),
        ("/datasets/pets/versions/1/", "dana"),
        ("/datasets/pets/versions/1/card/", "dana"),
        ("/datasets/pets/insights/", "dana"),
        ("/samples/{sample}/", "dana"),
        ("/contributions/{batch}/", "chen"),
    ],
)
def test_where_a_contributor_is_named_one_press_leads_there(
    settled: Any, cast: Any, freeze: Any, browser_of: Any, path: str, person: str
) -> None:
    freeze()
    sample = settled[0]
    address = path.format(sample=sample.pk, batch=sample.contribution.uuid)
    page = browser_of(getattr(cast, person)).get(address).content.decode()
    assert f'href="{BEN}"' in page
