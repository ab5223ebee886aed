"""Under consensus what a member answered stays in the queue: theirs goes on where they are."""

from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.models import Sample
from apps.datasets.tests.cast import make_image

LABEL = "/datasets/pets/label/"


@pytest.fixture
def twelve(dataset: Any, cast: Any, contribute: Any, monkeypatch: Any) -> list[Sample]:
    monkeypatch.setattr("apps.datasets.pages.labelling.SIZE", 3)
    batch = contribute({f"{i}.png": make_image(i) for i in range(12)})
    actions.change_policy(dataset, cast.ada, policy="consensus", labels_needed=2)
    return list(batch.samples.order_by("pk"))


def test_it_goes_on_and_round(
    twelve: list[Sample], dataset: Any, cast: Any, browser_of: Any
) -> None:
    client, cat = browser_of(cast.chen), dataset.classes.get(name="cat").pk

    def shown() -> list[int]:
        return [twelve.index(each) for each in client.get(LABEL).context["samples"]]

    def answer(*places: int) -> None:
        actions.label_samples(dataset, cast.chen, {twelve[place].pk: cat for place in places})

    assert shown() == [0, 1, 2]
    answer(0, 1, 2)
    assert shown() == [3, 4, 5]
    answer(3, 4, 5, 8)
    assert shown() == [9, 10, 11]
    answer(9, 10, 11)
    assert shown() == [6, 7]
