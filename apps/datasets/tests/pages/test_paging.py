"""Lists go on by the key of their last row: every row once, whatever is added meanwhile."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from apps.datasets import actions
from apps.datasets.models import Dataset, Membership, Role, Version

VERSIONS = "/datasets/pets/versions/"


def walk(client: Any, path: str) -> Iterator[Any]:
    """The answers of one page after the other."""
    address = path
    while address:
        answer = client.get(address)
        assert answer.status_code == 200
        yield answer
        following = answer.context["next_url"]
        address = f"{path.partition('?')[0]}{following}" if following.startswith("?") else following


def test_versions_run_down(dataset: Any, cast: Any, browser_of: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("apps.datasets.pages.versions.SHOWN", 2)
    for number in range(1, 6):
        Version.objects.create(
            dataset=dataset, number=number, created_by=cast.ada, status=Version.Status.DISCARDED
        )
    pages = list(walk(browser_of(cast.ada), VERSIONS))
    shown = [[row.number for row in page.context["rows"]] for page in pages]
    assert shown == [[5, 4], [3, 2], [1]]
    assert [page.context["first_url"] for page in pages] == ["", "?", "?"]
    assert "Compare two versions" in pages[-1].content.decode()


def test_people_run_up(dataset: Any, cast: Any, browser_of: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("apps.datasets.pages.people.SHOWN", 2)
    for name in ("gus", "hal", "ivy"):
        member = get_user_model().objects.create_user(name, f"{name}@example.org")
        Membership.objects.create(dataset=dataset, member=member, role=Role.CONTRIBUTOR)
    pages = list(walk(browser_of(cast.ada), "/datasets/pets/people/"))
    shown = [row.pk for page in pages for row in page.context["rows"]]
    assert len(pages) > 2
    assert shown == list(dataset.memberships.order_by("pk").values_list("pk", flat=True))


def test_datasets_run_by_title_and_keep_the_search(
    dataset: Any, cast: Any, browser_of: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("apps.datasets.pages.home.SHOWN", 2)
    for number, title in enumerate(["Owls", "Newts", "Owls", "Ants", "Bees"]):
        Dataset.objects.create(title=title, slug=f"d{number}", summary="wild", created_by=cast.ada)
    pages = list(walk(browser_of(cast.ben), "/datasets/?q=wild"))
    slugs = [row.dataset.slug for page in pages for row in page.context["datasets"]]
    assert slugs == ["d3", "d4", "d1", "d0", "d2"]


def test_ones_own_datasets_go_on_from_the_start_page(
    dataset: Any, cast: Any, browser_of: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("apps.datasets.pages.home.SHOWN", 2)
    for number in range(5):
        made = Dataset.objects.create(
            title=f"Owls {number}", slug=f"d{number}", created_by=cast.ada, visibility="members"
        )
        if number != 3:
            Membership.objects.create(dataset=made, member=cast.ben, role=Role.CONTRIBUTOR)
    ben = browser_of(cast.ben)
    home = ben.get("/")
    pages = [home, *walk(ben, home.context["next_url"])]
    slugs = [row.dataset.slug for page in pages for row in page.context["datasets"]]
    assert slugs == ["d0", "d1", "d2", "d4", "pets"]
    assert "Your datasets" in pages[-1].content.decode()
    found = walk(ben, "/datasets/?mine=yes&q=owls")
    slugs = [row.dataset.slug for page in found for row in page.context["datasets"]]
    assert slugs == ["d0", "d1", "d2", "d4"]


def test_open_invitations(dataset: Any, cast: Any, browser_of: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("apps.datasets.pages.people.SHOWN", 2)
    made = [actions.invite(dataset, cast.ada, Role.CONTRIBUTOR)[0].pk for _n in range(5)]
    ada, address, shown = browser_of(cast.ada), "", []
    while not shown or address:
        page = ada.get(f"/datasets/pets/people/{address}".partition("#")[0])
        open_ones = page.context["invitations"]
        shown += [row.pk for row in open_ones["rows"]]
        address = open_ones["next_url"]
        assert not address or f'href="{address}"' in page.content.decode()
    assert shown == made[::-1]


def test_the_policy_before_the_last_twenty(
    dataset: Any, cast: Any, browser_of: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("apps.datasets.pages.policy.SHOWN", 2)
    for needed in (2, 3, 4, 5, 6):
        actions.change_policy(
            dataset, cast.ada, policy="consensus", labels_needed=needed, labels_max=9
        )
    pages = walk(browser_of(cast.ada), "/datasets/pets/policy/")
    needed = [row.after["labels_needed"] for page in pages for row in page.context["rows"]]
    assert needed == [6, 5, 4, 3, 2]


def follow(client: Any, path: str) -> list[dict[str, Any]]:
    """Every row of a list of the API, by its own links."""
    rows: list[dict[str, Any]] = []
    address: str | None = path
    while address:
        answer = client.get(address).json()
        assert len(answer["results"]) <= 2
        rows += answer["results"]
        address = answer["next"]
    return rows


def test_members_and_comments_over_the_api(
    dataset: Any, cast: Any, samples: Any, browser_of: Any
) -> None:
    ada = browser_of(cast.ada)
    found = follow(ada, "/api/datasets/pets/members/?page_size=2")
    assert [each["member"] for each in found] == ["chen", "ben", "ada"]
    for text in "abcde":
        actions.comment_on(samples[0], cast.ben, text)
    found = follow(ada, f"/api/samples/{samples[0].pk}/comments/?page_size=2")
    assert [each["text"] for each in found] == list("edcba")


def test_credits_of_earlier_versions_over_the_api(
    dataset: Any, cast: Any, browser_of: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("apps.datasets.api.contributors.VERSIONS", 2)
    credit = [{"member": "ben", "samples": 1, "corrected": 0}]
    for number in range(1, 6):
        Version.objects.create(
            dataset=dataset,
            number=number,
            created_by=cast.ada,
            digest="0" * 64,
            credits=credit,
            status=Version.Status.APPROVED,
        )
    ada, before, shown = browser_of(cast.ada), "", []
    while before is not None:
        path = f"/api/datasets/pets/contributors/ben/?before={before}"
        answer = ada.get(path).json()
        shown.append([each["version"] for each in answer["credits"]])
        before = answer["credits_before"]
    assert shown == [[5, 4], [3, 2], [1]]
    assert ada.get("/api/datasets/pets/contributors/ben/?before=x").status_code == 400


def test_many_contributions_lead_to_all_of_them(dataset: Any, cast: Any, browser_of: Any) -> None:
    """The page to contribute shows the newest ten, and where the others are."""
    for _n in range(12):
        actions.open_contribution(dataset, cast.ben, licence="CC-BY-4.0", agreed=True)
    ben = browser_of(cast.ben)
    page = ben.get("/datasets/pets/contribute/")
    assert len(page.context["mine"]) == 10
    all_of_them = "/datasets/pets/contributors/ben/"
    assert f'href="{all_of_them}#batches"' in page.content.decode()
    assert len(ben.get(all_of_them).context["batches"]["rows"]) == 12


def test_what_waits_is_bounded(dataset: Any, cast: Any, browser_of: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("apps.datasets.queues.AT_ONCE", 3)
    batches = [
        actions.open_contribution(dataset, cast.ben, licence="CC-BY-4.0", agreed=True)
        for _n in range(5)
    ]
    page = browser_of(cast.ben).get("/")
    assert [each.kind for each in page.context["waiting"]] == ["unfinished"] * 3
    for batch in batches:
        actions.discard_contribution(batch, cast.ben)
    assert browser_of(cast.ben).get("/").context["waiting"] == []


@pytest.mark.parametrize(
    "path",
    [f"{VERSIONS}?before=x", "/datasets/pets/people/?after=-1", f"{VERSIONS}?before={'9' * 30}"],
)
def test_a_page_that_is_none(dataset: Any, cast: Any, browser_of: Any, path: str) -> None:
    assert browser_of(cast.ada).get(path).status_code == 400


def test_datasets_behind_one_that_is_none(dataset: Any, cast: Any, browser_of: Any) -> None:
    assert browser_of(cast.ada).get("/datasets/?after=nowhere").status_code == 404
