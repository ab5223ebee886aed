"""Classes and the facts of a dataset: who may shape it, and what is refused."""

from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions import shaping
from apps.datasets.models import Dataset, Licence
from apps.errors import RuleError


def keys(dataset: Dataset) -> dict[str, str]:
    return dict(dataset.classes.values_list("name", "key"))


def test_a_class_of_one_character_has_its_own_key(cast: Any) -> None:
    digits = actions.create_dataset(
        cast.ada, title="D", slug="d", licence=Licence.CC0, class_names=["0", "1", "two", "a"]
    )
    assert keys(digits) == {"0": "0", "1": "1", "two": "2", "a": "3"}


def test_the_eleventh_class_has_no_key_and_colours_go_round(dataset: Dataset, cast: Any) -> None:
    for number in range(11):
        actions.add_class(dataset, cast.ada, f"class {number}")
    assert list(keys(dataset).values())[9:] == ["0", "", "", ""]
    assert dataset.classes.last().colour == 0


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_a_class_needs_a_name(dataset: Dataset, cast: Any, name: str) -> None:
    with pytest.raises(RuleError, match="class_name"):
        actions.add_class(dataset, cast.ada, name)


def test_a_class_has_a_name_of_up_to_eighty_characters(dataset: Dataset, cast: Any) -> None:
    for name in ("x", "x" * 80):
        assert actions.add_class(dataset, cast.ada, f" {name} ").name == name


@pytest.mark.parametrize(("length", "status"), [(80, 201), (81, 400)])
def test_a_name_has_its_length_over_the_api(
    dataset: Dataset, cast: Any, browser_of: Any, length: int, status: int
) -> None:
    ada = browser_of(cast.ada)
    body = {"name": "x" * length}
    made = ada.post("/api/datasets/pets/classes/", body, content_type="application/json")
    assert made.status_code == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"title": "t" * 120, "slug": "s" * 60, "summary": "s" * 300}, 201),
        ({"title": "t" * 121}, 400),
        ({"slug": "s" * 61}, 400),
        ({"summary": "s" * 301}, 400),
        ({"validation_percent": 1, "test_percent": 40}, 201),
        ({"validation_percent": 40, "test_percent": 1}, 201),
        ({"validation_percent": 0}, 400),
        ({"validation_percent": 41}, 400),
        ({"test_percent": 0}, 400),
        ({"test_percent": 41}, 400),
        ({"class_names": ["x" * 80]}, 201),
        ({"class_names": ["x" * 81]}, 400),
    ],
)
def test_the_facts_of_a_dataset_have_their_bounds(
    cast: Any, browser_of: Any, fields: Any, status: int
) -> None:
    body = {"title": "D", "slug": "d", "licence": "CC0-1.0"} | fields
    made = browser_of(cast.ada).post("/api/datasets/", body, content_type="application/json")
    assert made.status_code == status
    if status == 400:
        assert made.json()["errors"].keys() == fields.keys()


def test_so_many_classes_are_named_at_once(
    cast: Any, browser_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shaping, "MAX_CLASSES", 2)
    ada = browser_of(cast.ada)

    def create(slug: str, names: list[str]) -> Any:
        body = {"title": "D", "slug": slug, "licence": "CC0-1.0", "class_names": names}
        return ada.post("/api/datasets/", body, content_type="application/json")

    assert create("at", ["a", "b"]).status_code == 201
    over = create("over", ["a", "b", "c"])
    assert (over.status_code, over.json()["code"]) == (400, "too_many_classes")
    assert not Dataset.objects.filter(slug="over").exists()


def test_another_spelling_is_the_same_class(dataset: Dataset, cast: Any) -> None:
    with pytest.raises(RuleError, match="class_exists"):
        actions.add_class(dataset, cast.ada, " CAT ")


def test_only_maintainers_shape(dataset: Dataset, cast: Any) -> None:
    cat = dataset.classes.get(name="cat")
    for member in (cast.ben, cast.chen, cast.dana):
        for refused in (
            lambda member=member: actions.add_class(dataset, member, "x"),
            lambda member=member: actions.update_class(cat, member, key="x"),
            lambda member=member: actions.update_dataset(dataset, member, title="x"),
        ):
            with pytest.raises(RuleError, match="role_required"):
                refused()


@pytest.mark.parametrize(("key", "code"), [("2", "key_taken"), ("A", "key_reserved")])
def test_a_key_picks_one_thing(dataset: Dataset, cast: Any, key: str, code: str) -> None:
    with pytest.raises(RuleError, match=code):
        actions.update_class(dataset.classes.get(name="cat"), cast.ada, key=key)


def test_duplicate_classes_leave_no_half_made_dataset(cast: Any) -> None:
    with pytest.raises(RuleError, match="class_exists"):
        actions.create_dataset(
            cast.ada, title="D", slug="d", licence=Licence.CC0, class_names=["a", "A"]
        )
    assert not Dataset.objects.filter(slug="d").exists()


def test_an_address_belongs_to_one_dataset(dataset: Dataset, cast: Any) -> None:
    with pytest.raises(RuleError, match="slug_taken"):
        actions.create_dataset(cast.dana, title="Mine", slug="pets", licence=Licence.CC0)


def test_what_cannot_be_edited_is_refused(dataset: Dataset, cast: Any) -> None:
    with pytest.raises(RuleError, match="unknown_field"):
        actions.update_dataset(dataset, cast.ada, split_salt="x")
