"""The pages and the API of changes of the classes: the same steps, told alike."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.datasets import actions
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.models import Dataset, LabelClass, Membership, Role, SchemaChange
from apps.datasets.queues import waiting_for
from apps.datasets.tests.cast import make_member

CLASSES = "/datasets/pets/classes/"
API = "/api/datasets/pets/classes/changes/"


@pytest.fixture
def mara(dataset: Dataset) -> Any:
    member = make_member("mara")
    Membership.objects.create(dataset=dataset, member=member, role=Role.MAINTAINER)
    return member


@pytest.fixture
def cat(dataset: Dataset) -> LabelClass:
    return dataset.classes.get(name="cat")


@pytest.fixture
def dog(dataset: Dataset) -> LabelClass:
    return dataset.classes.get(name="dog")


def text(page: Any) -> str:
    return " ".join(page.content.decode().split())


def test_from_the_proposal_to_the_way_back(
    cast: SimpleNamespace, mara: Any, samples: Any, cat: Any, dog: Any, browser_of: Any
) -> None:
    ada, second = browser_of(cast.ada), browser_of(mara)
    assert f"{CLASSES}{cat.pk}/change/" in text(ada.get(CLASSES))
    page = ada.get(f"{CLASSES}{cat.pk}/change/")
    assert "0 approved, 5 pending, 0 rejected." in text(page)

    form = {"kind": "merge", "merge-into": dog.pk, "merge-why": "one animal"}
    done = ada.post(f"{CLASSES}{cat.pk}/change/", form, follow=True)
    change = SchemaChange.objects.get()
    address = f"{CLASSES}changes/{change.pk}/"
    assert done.redirect_chain[-1][0] == address
    assert "another maintainer decides" in text(done)
    assert "Approve the change" not in text(done)
    assert "Its change" in text(ada.get(CLASSES))

    page = text(second.get(address))
    assert "Merge “cat” into “dog”" in page
    assert "“one animal”" in page
    assert "“relabelled”" in page
    assert "Approve the change" in page
    page = text(second.post(f"{address}approve/", follow=True))
    assert "It waits for a worker." in page
    assert f'data-live="{address}live/"' in page
    live = second.get(f"{address}live/")
    assert second.get(f"{address}live/", headers={"If-None-Match": live["ETag"]}).status_code == 304
    assert "its samples are on their way" in text(second.get(CLASSES))
    assert "See how far it is" in text(second.get("/datasets/pets/versions/"))
    apply_changes()
    assert "data-done" in text(second.get(f"{address}live/"))
    assert "See how far it is" not in text(second.get("/datasets/pets/versions/"))
    page = text(second.get(address))
    assert "It is done: 5 samples were moved." in page
    assert "See what taking it back would do" in page
    assert "also: cat" in text(second.get(CLASSES))
    assert "5 samples moved" in text(second.get(f"{CLASSES}changes/"))

    history = text(browser_of(cast.ben).get(f"/samples/{samples[0].pk}/"))
    assert f'<a href="{address}">changed the classes (' in history
    assert "no class any more" in history

    page = text(second.get(f"{address}?back=1"))
    assert "would be “cat” again</dt><dd>5</dd>" in page
    page = text(second.post(f"{address}revert/", {"why": "they differ"}, follow=True))
    assert "It waits for a worker." in page
    apply_changes()
    page = text(second.get(address))
    assert "5 samples were moved back." in page
    assert "they differ" in page


def test_who_may_not_decide_sees_no_buttons(
    dataset: Dataset, cast: SimpleNamespace, mara: Any, cat: Any, browser_of: Any
) -> None:
    change = actions.propose_change(dataset, cast.ada, kind="rename", label=cat, new_name="feline")
    for member in (cast.ben, cast.chen, cast.dana):
        page = text(browser_of(member).get(f"{CLASSES}changes/{change.pk}/"))
        assert "Nothing has changed yet." in page
        assert "Approve the change" not in page
        assert "change/" not in text(browser_of(member).get(CLASSES)).replace("changes/", "")
    actions.approve_change(change, mara)
    page = text(browser_of(cast.chen).get(f"{CLASSES}changes/{change.pk}/?back=1"))
    assert "Take it back" not in page


def test_a_refused_form_says_why_beside_its_field(
    dataset: Dataset, cast: SimpleNamespace, cat: Any, browser_of: Any
) -> None:
    ada = browser_of(cast.ada)
    form = {"kind": "rename", "rename-new_name": "Dog"}
    page = ada.post(f"{CLASSES}{cat.pk}/change/", form)
    assert "There is already a class “dog”." in str(
        page.context["forms"]["rename"]["new_name"].errors
    )
    page = ada.post(f"{CLASSES}{cat.pk}/change/", {"kind": "split", "split-parts": "kitten\n\n"})
    assert "at least two" in str(page.context["forms"]["split"]["parts"].errors)
    assert ada.post(f"{CLASSES}{cat.pk}/change/", {"kind": "odd"}).status_code == 200
    assert not SchemaChange.objects.exists()
    form = {"kind": "split", "split-parts": "kitten\r\n\r\ntomcat"}
    ada.post(f"{CLASSES}{cat.pk}/change/", form)
    assert SchemaChange.objects.get().parts == ["kitten", "tomcat"]


def test_a_decline_is_told_with_its_reason(
    dataset: Dataset, cast: SimpleNamespace, mara: Any, cat: Any, browser_of: Any
) -> None:
    change = actions.propose_change(dataset, cast.ada, kind="rename", label=cat, new_name="feline")
    address = f"{CLASSES}changes/{change.pk}/"
    page = browser_of(mara).post(f"{address}decline/", {"why": "no need"}, follow=True)
    assert "Declined by mara" in text(page)
    assert "no need" in text(page)


def test_a_proposal_waits_on_the_start_page_of_whoever_may_decide(
    dataset: Dataset, cast: SimpleNamespace, cat: Any, browser_of: Any
) -> None:
    change = actions.propose_change(dataset, cast.ada, kind="rename", label=cat, new_name="feline")
    assert [each.kind for each in waiting_for(cast.ada)] == ["change"], "nobody else can"
    member = make_member("mara")
    Membership.objects.create(dataset=dataset, member=member, role=Role.MAINTAINER)
    assert [each.kind for each in waiting_for(member)] == ["change"]
    assert f"/changes/{change.pk}/" in text(browser_of(member).get("/"))
    for other in (cast.ada, cast.chen, cast.ben):
        assert waiting_for(other) == []


def test_all_changes_page_by_page(
    dataset: Dataset, cast: SimpleNamespace, cat: Any, browser_of: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("apps.datasets.pages.changes.SHOWN", 2)
    client = browser_of(cast.dana)
    assert "No class was ever changed" in text(client.get(f"{CLASSES}changes/"))
    for name in ("a", "b", "c"):
        change = actions.propose_change(dataset, cast.ada, kind="rename", label=cat, new_name=name)
        actions.decline_change(change, cast.ada)
    first = client.get(f"{CLASSES}changes/")
    assert [what for _change, what in first.context["changes"]] == [
        "rename “cat” to “c”", "rename “cat” to “b”"
    ]  # fmt: skip
    second = client.get(f"{CLASSES}changes/{first.context['next_url']}")
    assert [what for _change, what in second.context["changes"]] == ["rename “cat” to “a”"]
    assert client.get(f"{CLASSES}changes/?before=x").status_code == 400


def test_pages_cost_the_same_however_many_there_are(
    dataset: Dataset, cast: SimpleNamespace, cat: Any, dog: Any, samples: Any, browser_of: Any
) -> None:
    client = browser_of(cast.ada)

    def queries() -> list[int]:
        counts = []
        for path in (CLASSES, f"{CLASSES}changes/", API):
            with CaptureQueriesContext(connection) as caught:
                client.get(path)
            counts.append(len(caught))
        return counts

    def propose(label: LabelClass) -> None:
        name = f"new {label.name}"
        actions.propose_change(dataset, cast.ada, kind="rename", label=label, new_name=name)

    propose(cat)
    queries()
    few = queries()
    propose(dog)
    for name in ("a", "b", "c"):
        propose(actions.add_class(dataset, cast.ada, name))
    assert queries() == few


def test_a_class_that_is_none_any_more_is_not_edited(
    dataset: Dataset, cast: SimpleNamespace, cat: Any, dog: Any, browser_of: Any
) -> None:
    change = actions.propose_change(dataset, cast.ada, kind="merge", label=cat, into=dog)
    actions.approve_change(change, cast.ada)
    ada = browser_of(cast.ada)
    assert ada.post(f"{CLASSES}{cat.pk}/", {"colour": 1, "key": "x"}).status_code == 404
    assert ada.get(f"{CLASSES}{cat.pk}/change/").status_code == 404
    named = [each["name"] for each in ada.get("/api/datasets/pets/").json()["classes"]]
    assert named == ["dog"]
    listed = {each["slug"]: each for each in ada.get("/api/datasets/").json()["results"]}
    assert [each["aliases"] for each in listed["pets"]["classes"]] == [["cat"]]


def test_a_plain_review_form_says_what_became_of_a_class(
    dataset: Dataset, cast: SimpleNamespace, samples: Any, cat: Any, dog: Any, browser_of: Any
) -> None:
    """The page was made before the merge: its button still names the class."""
    change = actions.propose_change(dataset, cast.ada, kind="merge", label=cat, into=dog)
    actions.approve_change(change, cast.ada)
    form = {"sample": samples[1].pk, "decision": "fix", "label": cat.pk}
    page = browser_of(cast.chen).post("/datasets/pets/review/", form, follow=True)
    assert "“cat” was merged into “dog”: pick that." in text(page)


def test_the_api_does_the_same(
    cast: SimpleNamespace, mara: Any, samples: Any, cat: Any, dog: Any, browser_of: Any
) -> None:
    ada, second = browser_of(cast.ada), browser_of(mara)

    def send(client: Any, path: str, **body: Any) -> Any:
        return client.post(f"{API}{path}", body, content_type="application/json")

    refused = send(browser_of(cast.chen), "", kind="merge", label=cat.pk, into=dog.pk)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_required")
    assert send(ada, "", kind="odd", label=cat.pk).status_code == 400
    assert send(ada, "", kind="merge", label=10**6, into=dog.pk).status_code == 404
    made = send(ada, "", kind="merge", label=cat.pk, into=dog.pk, why="one animal")
    assert made.status_code == 201
    found = made.json()
    assert found["what"] == "merge “cat” into “dog”"
    assert found["preview"] == {
        "touched": {"approved": 0, "pending": 5, "rejected": 0},
        "versions": 0,
        "told_as": "relabelled",
    }
    one = f"{found['id']}/"
    assert send(ada, f"{one}approve/").json()["code"] == "second_maintainer"
    assert send(second, f"{one}approve/").json()["status"] == "applying"
    apply_changes()
    listed = ada.get(API).json()["results"]
    assert [(each["status"], each["done"], each["decided_by"]) for each in listed] == [
        ("applied", 5, "mara")
    ]
    assert ada.get(f"{API}{one}revert/").json() == {"back": 5, "kept": 0}
    assert send(ada, f"{one}revert/", why="no").json()["status"] == "reverting"
    apply_changes()
    assert ada.get(f"{API}{one}").json()["reverted_by"] == "ada"
    again = send(ada, "", kind="rename", label=cat.pk, new_name="feline").json()["id"]
    assert send(second, f"{again}/decline/").json()["code"] == "reason_required"
    assert send(second, f"{again}/decline/", why="no").json()["status"] == "declined"
