"""Whatever people do between freezes: what a version promises holds."""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.datasets import actions, tallies
from apps.datasets.actions.building import build_versions
from apps.datasets.actions.changing import change_samples
from apps.datasets.digest import digest_of
from apps.datasets.models import Contribution, Licence, Sample, Version, VersionSpan
from apps.datasets.spans import digested, rows_of
from apps.datasets.splits import SPLITS
from apps.errors import RuleError

numbers = itertools.count()
which = st.integers(0, 30)
BRING = st.tuples(
    st.just("bring"), st.sampled_from("abcdefgh"), st.integers(0, 1), st.sampled_from(["", *SPLITS])
)
OTHERS = st.tuples(
    st.sampled_from(["approve", "approve", "reopen", "relabel", "withdraw", "freeze"]), which
)
STEPS = st.lists(st.one_of(BRING, BRING, OTHERS), min_size=5, max_size=40)


class World:
    """A dataset of its own for each example, and what was seen in its versions."""

    def __init__(self, owner: Any, contributor: Any) -> None:
        slug = f"w{next(numbers)}"
        names = ["x", "y"]
        self.owner = owner
        self.dataset = actions.create_dataset(
            owner, title=slug, slug=slug, licence=Licence.CC0, class_names=names
        )
        self.classes = list(self.dataset.classes.all())
        self.batch = Contribution.objects.create(
            dataset=self.dataset, member=contributor, licence=Licence.CC0
        )
        self.splits: dict[str, str] = {}  # of samples, as first seen
        self.gone: set[str] = set()

    @property
    def samples(self) -> list[Sample]:
        return list(self.dataset.samples.order_by("pk"))

    def pick(self, number: int, *statuses: str) -> Iterator[Sample]:
        found = [each for each in self.samples if each.status in statuses]
        if found:
            yield found[number % len(found)]

    def bring(self, group: str, label: int, declared: str) -> None:
        sha256 = hashlib.sha256(str(next(numbers)).encode()).hexdigest()
        sample = Sample.objects.create(
            dataset=self.dataset,
            contribution=self.batch,
            contributor=self.batch.member,
            label=self.classes[label],
            blob_sha256=sha256,
            content_sha256=sha256,
            media_type="image/png",
            size=1,
            licence=Licence.CC0,
            group=group,
            declared_split=declared,
        )
        tallies.count_new(self.dataset.pk, [sample])

    def approve(self, number: int) -> None:
        change_samples(self.pick(number, "pending"), to="approved", by=self.owner)

    def reopen(self, number: int) -> None:
        change_samples(self.pick(number, "approved"), to="pending", by=self.owner)

    def relabel(self, number: int) -> None:
        label = self.classes[number % 2]
        change_samples(self.pick(number, "pending", "approved"), label=label)

    def withdraw(self, number: int) -> None:
        for sample in self.pick(number, "pending", "approved"):
            actions.withdraw_samples(self.dataset, self.batch.member, [sample])
            self.gone.add(sample.blob_sha256)

    def freeze(self, _number: int = 0) -> None:
        try:
            version = actions.freeze_version(self.dataset, self.owner)
        except RuleError as refusal:
            if refusal.code not in {"nothing_to_freeze", "nothing_changed"}:
                raise
            return
        build_versions()
        version.refresh_from_db()
        assert version.status == "draft", version.failure
        self.check(version)

    def check(self, version: Version) -> None:
        spans = list(VersionSpan.objects.of(version).select_related("sample"))
        inside = {span.sample.blob_sha256: span.split for span in spans}
        approved = [each for each in self.samples if each.status == "approved"]
        assert inside.keys() == {each.blob_sha256 for each in approved}
        assert not inside.keys() & self.gone
        sides: dict[str, set[str]] = defaultdict(set)
        for span in spans:
            sides[span.sample.group].add(span.split)
        assert all(len(found) == 1 for found in sides.values()), sides
        for sample, split in inside.items():
            assert self.splits.setdefault(sample, split) == split
        assert digest_of(map(digested, rows_of(version))) == version.digest


@pytest.mark.django_db
@given(STEPS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_groups_stay_together_splits_stay_and_the_withdrawn_stay_away(
    cast: Any, steps: list[tuple[Any, ...]]
) -> None:
    world = World(cast.ada, cast.ben)
    for name, *arguments in steps:
        getattr(world, name)(*arguments)
    world.freeze()
    earlier = Version.objects.filter(dataset=world.dataset)
    for version in earlier:  # what came later changed none of them
        assert digest_of(map(digested, rows_of(version))) == version.digest
