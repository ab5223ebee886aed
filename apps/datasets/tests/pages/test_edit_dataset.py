"""Changing the facts and the classes of a dataset."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from apps.datasets.models import Dataset, LabelClass, Membership, Sample
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.pages.test_create_dataset import SENT

FACTS = {name: value for name, value in SENT.items() if name != "class_names"}


def test_an_owner_changes_the_facts(
    dataset: Dataset, cast: SimpleNamespace, browser_of: Any
) -> None:
    browser_of(cast.ada).post(
        reverse("dataset_edit", args=["pets"]), FACTS | {"visibility": "public"}
    )

    dataset.refresh_from_db()
    assert (dataset.title, dataset.slug, dataset.visibility) == ("Field flowers", "pets", "public")


def test_a_maintainer_may_not_change_who_sees_it(
    dataset: Dataset, cast: SimpleNamespace, browser_of: Any
) -> None:
    Membership.objects.filter(member=cast.chen).update(role="maintainer")

    page = browser_of(cast.chen).post(
        reverse("dataset_edit", args=["pets"]), FACTS | {"visibility": "public"}
    )

    assert page.context["form"].non_field_errors()
    dataset.refresh_from_db()
    assert (dataset.title, dataset.visibility) == ("Pets", "members")


def test_a_contributor_may_not_edit(
    dataset: Dataset, cast: SimpleNamespace, browser_of: Any
) -> None:
    client = browser_of(cast.ben)

    assert client.get(reverse("dataset_edit", args=["pets"])).status_code == 403
    client.post(reverse("classes", args=["pets"]), {"name": "bird"})
    assert dataset.classes.count() == 2


def test_add_a_class(dataset: Dataset, cast: SimpleNamespace, browser_of: Any) -> None:
    client = browser_of(cast.ada)
    client.post(reverse("classes", args=["pets"]), {"name": "bird"})
    again = client.post(reverse("classes", args=["pets"]), {"name": "Bird"})

    assert "already a class" in str(again.context["form"].errors["name"])
    assert dataset.classes.count() == 3


def test_looks_of_a_class(dataset: Dataset, cast: SimpleNamespace, browser_of: Any) -> None:
    client = browser_of(cast.ada)
    cat = LabelClass.objects.get(name="cat")
    address = reverse("class_edit", args=["pets", cat.pk])

    client.post(address, {"colour": 7, "key": "C"})
    cat.refresh_from_db()
    assert (cat.colour, cat.key) == (7, "c")

    # A is a command while reviewing.
    answer = client.post(address, {"colour": 7, "key": "a"}, follow=True)
    cat.refresh_from_db()
    assert cat.key == "c"
    assert "commands while reviewing" in answer.content.decode()


@pytest.mark.parametrize(
    ("sent", "saved"),
    [
        ({"colour": 0, "key": "x"}, True),
        ({"colour": 11, "key": ""}, True),
        ({"colour": 12, "key": "x"}, False),
        ({"colour": -1, "key": "x"}, False),
        ({"colour": 5, "key": "xy"}, False),
    ],
)
def test_looks_have_their_bounds(
    dataset: Dataset, cast: SimpleNamespace, browser_of: Any, sent: dict[str, Any], saved: bool
) -> None:
    cat = LabelClass.objects.get(name="cat")
    browser_of(cast.ada).post(reverse("class_edit", args=["pets", cat.pk]), sent)

    found = LabelClass.objects.get(pk=cat.pk)
    assert ((found.colour, found.key) == (sent["colour"], sent["key"])) == saved


def test_one_click_makes_classes_of_folders(
    dataset: Dataset, contribute: Any, cast: SimpleNamespace, browser_of: Any
) -> None:
    contribution = contribute({"bird/1.png": make_image(71), "fish/2.png": make_image(72)})
    client = browser_of(cast.ada)
    assert (
        "Create these 2 classes" in client.get(reverse("classes", args=["pets"])).content.decode()
    )

    answer = client.post(
        reverse("classes_claimed", args=["pets"]), {"contribution": str(contribution.uuid)}
    )

    assert answer.url == reverse("contribution", args=[contribution.uuid])
    assert set(Sample.objects.values_list("label__name", flat=True)) == {"bird", "fish"}
