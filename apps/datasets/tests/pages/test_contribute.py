"""Contributing through the pages, without JavaScript."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.datasets.models import Contribution, Dataset, Receipt
from apps.datasets.tests.cast import make_image

CONTRIBUTE = "/datasets/pets/contribute/"


@pytest.fixture
def ben(dataset: Dataset, cast: SimpleNamespace, browser_of: Any) -> Any:
    return browser_of(cast.ben)


@pytest.fixture
def opened(ben: Any) -> Contribution:
    ben.post(CONTRIBUTE, {"licence": "CC-BY-4.0", "agreed": "on", "source": "a barn"})
    return Contribution.objects.get()


def at(name: str, contribution: Contribution) -> str:
    return reverse(name, args=[contribution.uuid])


def test_the_licence_is_prefilled_and_the_agreement_is_not(ben: Any) -> None:
    form = ben.get(CONTRIBUTE).context["form"]

    assert form["licence"].value() == "CC-BY-4.0"
    assert not form["agreed"].value()


def test_without_the_tick_nothing_opens(ben: Any) -> None:
    page = ben.post(CONTRIBUTE, {"licence": "CC-BY-4.0"})

    assert "Tick that you may share" in str(page.context["form"].errors["agreed"])
    assert not Contribution.objects.exists()


def test_the_page_tells_the_limits(ben: Any, opened: Contribution) -> None:
    page = ben.get(at("contribution", opened)).content.decode()

    assert "50 million pixels" in page
    assert "50,000 files" in page


def test_files_of_the_plain_form_arrive(ben: Any, opened: Contribution) -> None:
    files = [
        SimpleUploadedFile("one.png", make_image(1)),
        SimpleUploadedFile("two.png", make_image(2)),
        SimpleUploadedFile("empty.png", b""),
    ]

    answer = ben.post(at("contribution_files", opened), {"sent": files}, follow=True)

    assert "3 files have arrived" in answer.content.decode()
    assert Receipt.objects.count() == 3


def test_the_plain_form_takes_a_hundred_at_once_and_says_so(ben: Any, opened: Contribution) -> None:
    def files(number: int) -> dict[str, Any]:
        return {"sent": [SimpleUploadedFile(f"{n}.png", b"x") for n in range(number)]}

    assert "At most 100 at once" in ben.get(at("contribution", opened)).content.decode()
    over = ben.post(at("contribution_files", opened), files(101))
    assert over.status_code == 413
    assert "more than the site takes at once" in over.content.decode()
    assert not Receipt.objects.exists()
    ben.post(at("contribution_files", opened), files(100))
    assert Receipt.objects.count() == 100


@pytest.mark.parametrize(("length", "opens"), [(120, True), (121, False)])
def test_a_source_has_its_length(ben: Any, length: int, opens: bool) -> None:
    ben.post(CONTRIBUTE, {"licence": "CC-BY-4.0", "agreed": "on", "source": "s" * length})

    assert Contribution.objects.exists() == opens


def test_finishing_an_empty_one_is_refused(ben: Any, opened: Contribution) -> None:
    referer = {"Referer": f"http://testserver{at('contribution', opened)}"}

    answer = ben.post(at("contribution_finish", opened), headers=referer, follow=True)

    assert "Nothing has arrived yet" in answer.content.decode()
    opened.refresh_from_db()
    assert opened.status == "receiving"


def test_receipts_name_outcome_and_reason(ben: Any, contribute: Any) -> None:
    done = contribute(
        {"cat/1.png": make_image(1), "cat/2.png": make_image(1), "dog/3.png": b"text"}
    )

    page = ben.get(at("contribution", done)).content.decode()
    assert "The same picture is already in this dataset." in page
    assert "This is not an image" in page
    refused = ben.get(at("contribution", done), {"outcome": "refused"})

    assert [receipt.name for receipt, _reason in refused.context["receipts"]] == ["dog/3.png"]


@pytest.mark.parametrize(
    "query",
    [{"outcome": "nonsense"}, {"after": "x"}, {"after": "²"}, {"after": "9" * 19}],
)
def test_an_unknown_filter_is_refused(ben: Any, contribute: Any, query: dict[str, str]) -> None:
    done = contribute({"cat/1.png": make_image(1)})

    assert ben.get(at("contribution", done), query).status_code == 400


def test_receipts_are_paged(ben: Any, contribute: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.datasets.pages.contributing.RECEIPTS_SHOWN", 2)
    done = contribute({f"cat/{n}.png": make_image(n) for n in range(5)})

    seen, address = [], "?"
    while address:
        page = ben.get(at("contribution", done) + address)
        seen += [receipt.name for receipt, _reason in page.context["receipts"]]
        address = page.context["next_url"]

    assert seen == [f"cat/{n}.png" for n in range(5)]


def test_progress_is_sent_only_when_it_changed(ben: Any, contribute: Any) -> None:
    done = contribute({"cat/1.png": make_image(1)})
    first = ben.get(at("contribution_live", done))
    again = ben.get(at("contribution_live", done), headers={"If-None-Match": first["ETag"]})

    assert "data-done" in first.content.decode()
    assert again.status_code == 304
    assert "csrf" not in first.content.decode()


@pytest.mark.parametrize(
    ("name", "status"), [("ben", 200), ("chen", 200), ("ada", 200), ("dana", 403)]
)
def test_who_sees_a_contribution(
    contribute: Any, cast: SimpleNamespace, browser_of: Any, name: str, status: int
) -> None:
    done = contribute({"cat/1.png": make_image(1)})
    client = browser_of(getattr(cast, name))

    for page in ("contribution", "contribution_live"):
        assert client.get(at(page, done)).status_code == status


def test_discarding(ben: Any, opened: Contribution) -> None:
    answer = ben.post(at("contribution_discard", opened))

    assert answer.url == CONTRIBUTE
    opened.refresh_from_db()
    assert opened.status == "discarded"


def test_a_name_that_would_turn_the_page_around_is_isolated(ben: Any, contribute: Any) -> None:
    done = contribute({"cat/<b>\u202egnp.exe": make_image(1)})

    page = ben.get(at("contribution", done)).content.decode()

    assert "<bdi>" in page
    assert "<b>" not in page
    assert "\u202e" not in page


def test_the_chooser_shows_what_the_dataset_takes(
    ben: Any, opened: Contribution, dataset: Dataset
) -> None:
    assert 'accept="image/jpeg,' in ben.get(at("contribution", opened)).content.decode()
    Dataset.objects.filter(pk=dataset.pk).update(task="text_classification")
    page = ben.get(at("contribution", opened)).content.decode()
    assert 'accept="text/plain,.txt,.csv,.tsv,.json,.jsonl,.zip' in page


def test_an_operator_gives_a_member_more_room(cast: SimpleNamespace, browser_of: Any) -> None:
    page = browser_of(cast.otto).get(f"/admin/members/user/{cast.ben.pk}/change/")
    assert 'name="storage_quota"' in page.content.decode()
