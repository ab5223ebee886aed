"""Creating a dataset through its form."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

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
        ({"class_names": "c" * 81}, "class_names"),
    ],
)
def test_an_error_stands_beside_its_field(
    ada: Any, dataset: Dataset, change: dict[str, Any], field: str
) -> None:
    response = ada.post(reverse("dataset_new"), SENT | change)

    assert list(response.context["form"].errors) == [field]
    assert Dataset.objects.count() == 1


def test_a_visitor_is_asked_to_log_in(client: Any) -> None:
    assert client.get(reverse("dataset_new")).url.startswith(reverse("account_login"))
