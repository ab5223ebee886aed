"""Creating a dataset through its form."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from apps.datasets.actions import shaping
from apps.datasets.models import Dataset

SENT = {
    "title": "Field flowers",
    "summary": "",
    "class_names": "poppy\n\n  corn  flower \nPoppy\n",
    "licence": "CC-BY-4.0",
    "visibility": "members",
    "validation_percent": 10,
    "test_percent": 10,
}


@pytest.fixture
def ada(cast: SimpleNamespace, browser_of: Any) -> Any:
    return browser_of(cast.ada)


def test_the_address_comes_from_the_title(ada: Any) -> None:
    response = ada.post(reverse("dataset_new"), SENT)

    assert response.url == reverse("dataset", args=["field-flowers"])
    names = Dataset.objects.get().classes.values_list("name", flat=True)
    assert list(names) == ["poppy", "corn flower"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "稻田杂草"}, "slug"),
        ({"slug": "new"}, "slug"),
        ({"slug": "pets"}, "slug"),
        ({"slug": "no spaces"}, "slug"),
        ({"licence": "mine"}, "licence"),
        ({"visibility": ""}, "visibility"),
        ({"test_percent": 60}, "test_percent"),
        ({"test_percent": 41}, "test_percent"),
        ({"validation_percent": 0}, "validation_percent"),
        ({"title": "t" * 121, "slug": "flowers"}, "title"),
        ({"slug": "s" * 61}, "slug"),
        ({"summary": "s" * 301}, "summary"),
        ({"class_names": "c" * 81}, "class_names"),
        ({"class_names": "\n".join(f"class {n}" for n in range(1001))}, "class_names"),
    ],
)
def test_an_error_stands_beside_its_field(
    ada: Any, dataset: Dataset, change: dict[str, Any], field: str
) -> None:
    response = ada.post(reverse("dataset_new"), SENT | change)

    assert list(response.context["form"].errors) == [field]
    assert Dataset.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"title": "t" * 120, "slug": "s" * 60, "summary": "s" * 300, "class_names": "c" * 80},
        {"title": "t" * 120},
        {"validation_percent": 40, "test_percent": 1},
    ],
)
def test_up_to_the_limits_it_is_created(ada: Any, change: dict[str, Any]) -> None:
    assert ada.post(reverse("dataset_new"), SENT | change).status_code == 302

    made = Dataset.objects.get()
    assert len(made.slug) <= 60
    assert {name: getattr(made, name) for name in change if name != "class_names"} == {
        name: value for name, value in change.items() if name != "class_names"
    }


def test_as_many_classes_as_may_be_named_at_once(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shaping, "MAX_CLASSES", 2)

    over = ada.post(reverse("dataset_new"), SENT | {"class_names": "a\nb\nc"})
    assert "at most 2 classes" in str(over.context["form"].errors["class_names"])
    at = ada.post(reverse("dataset_new"), SENT | {"class_names": "a\nb\nA"})
    assert at.status_code == 302


def test_a_visitor_is_asked_to_log_in(client: Any) -> None:
    assert client.get(reverse("dataset_new")).url.startswith(reverse("account_login"))
