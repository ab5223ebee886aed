"""The people and the steps that changes of the classes need."""

from types import SimpleNamespace
from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.models import (
    Dataset,
    LabelClass,
    Membership,
    Role,
    Sample,
    SchemaChange,
)
from apps.datasets.tests.cast import make_member


@pytest.fixture
def mara(dataset: Dataset) -> Any:
    """A second maintainer: she decides about what Ada proposes."""
    member = make_member("mara")
    Membership.objects.create(dataset=dataset, member=member, role=Role.MAINTAINER)
    return member


@pytest.fixture
def named(dataset: Dataset) -> Any:
    """named("cat"): the newest class of that name, as it is now."""

    def find(name: str) -> LabelClass:
        found = dataset.classes.filter(name=name).order_by("-pk").first()
        assert found is not None
        return found

    return find


@pytest.fixture
def change(dataset: Dataset, cast: SimpleNamespace, mara: Any) -> Any:
    """change("merge", cat, into=dog): proposed by Ada, approved by Mara, applied by the worker."""

    def all_the_way(kind: str, label: LabelClass, **what: Any) -> SchemaChange:
        proposed = actions.propose_change(dataset, cast.ada, kind=kind, label=label, **what)
        actions.approve_change(proposed, mara)
        apply_changes()
        proposed.refresh_from_db()
        return proposed

    return all_the_way


@pytest.fixture
def reviewed(dataset: Dataset, cast: SimpleNamespace, samples: list[Sample], approve: Any) -> Any:
    """Cats and dogs in turn: 0 to 5 approved, 6 and 7 rejected, 8 and 9 pending."""
    approve(samples[:6])
    rejections = [actions.Decision(each.pk, "reject", reason="unusable") for each in samples[6:8]]
    actions.review_samples(dataset, cast.chen, rejections)
    for sample in samples:
        sample.refresh_from_db()
    return samples
