"""What a class is called later does not reach into a frozen version; who brought what does."""

from typing import Any

from apps.datasets import actions
from apps.datasets.downloads import image_paths
from apps.datasets.spans import rows_of
from apps.datasets.tests.cast import make_image
from apps.datasets.verify import differences


def test_a_renamed_class_keeps_its_name_in_a_frozen_version(
    samples: Any, approve: Any, freeze: Any, dataset: Any
) -> None:
    approve(samples)
    version = freeze()
    dataset.classes.filter(name="cat").update(name="feline")
    assert list(differences(version)) == []
    assert {row[1] for row in rows_of(version)} == {"cat", "dog"}
    assert {path.split("/")[1] for path, _sha in image_paths(version)} == {"cat", "dog"}


def test_credits_name_who_brought_how_much(
    samples: Any, contribute: Any, dataset: Any, approve: Any, freeze: Any, cast: Any
) -> None:
    dog = dataset.classes.get(name="dog")
    fix = actions.Decision(samples[0].pk, "fix", class_id=dog.pk)
    actions.review_samples(dataset, cast.chen, [fix])
    approve(samples[1:])
    approve(list(contribute({"cat/ada.png": make_image(700)}, by=cast.ada).samples.all()))
    version = freeze()
    assert version.credits == [
        {"member": "ben", "samples": 10, "corrected": 1},
        {"member": "ada", "samples": 1, "corrected": 0},
    ]
