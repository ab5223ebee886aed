"""Groups that a manifest declares: they stay whole, whatever look-alikes and versions do to them."""

import random
from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.grouping import Alike, place
from apps.datasets.models import Contribution, DeclaredGroup, Licence, Sample
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.test_lookalikes import copy_of, jpeg, picture
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError


@pytest.fixture
def bring(dataset: Any, cast: Any) -> Any:
    """bring({"1.jpg": bytes}, {"1.jpg": group}): a batch of its own; late: the manifest comes last."""

    def send(
        files: dict[str, bytes], groups: dict[str, str], *, late: bool = False, by: Any = None
    ) -> Contribution:
        batch = actions.open_contribution(
            dataset, by or cast.ben, licence=Licence.CC_BY, agreed=True
        )
        if groups and not late:
            declare(batch, groups)
        for name, data in files.items():
            actions.receive_file(batch, batch.member, name=name, chunks=[data])
        drain_ingest()
        if groups and late:
            declare(batch, groups)
        return batch

    return send


def declare(batch: Contribution, groups: dict[str, str], split: str = "") -> Any:
    rows = "".join(f"{name},{group},{split}\n" for name, group in groups.items())
    report = actions.set_manifest(batch, batch.member, f"file,group,split\n{rows}".encode())
    assert report.usable
    return report


def groups_of(*batches: Contribution) -> dict[str, str]:
    """{file: group}."""
    found = Sample.objects.filter(contribution__in=batches)
    return dict(found.values_list("receipts__name", "group"))


def one(found: dict[str, str]) -> bool:
    return len(set(found.values())) == 1


def test_a_group_goes_on_in_another_contribution(bring: Any, cast: Any) -> None:
    first = bring({"1.png": make_image(1)}, {"1.png": "rex"})
    second = bring({"2.png": make_image(2)}, {"2.png": "rex"}, by=cast.ada)
    assert set(groups_of(first, second).values()) == {"rex"}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "name", ["00", "zz"]
)  # before and behind the hashes that others are named by
def test_whoever_comes_later_follows_the_others(bring: Any, name: str, late: bool) -> None:
    """Rex is on two photos; one of them resembles a third that nobody declared anything about."""
    stray = bring({"stray.jpg": jpeg(picture(1))}, {})
    rex = bring(
        {"1.jpg": copy_of(1), "2.jpg": jpeg(picture(2))}, {"1.jpg": name, "2.jpg": name}, late=late
    )
    later = bring({"3.jpg": jpeg(picture(3))}, {"3.jpg": name}, late=late)
    assert one(groups_of(stray, rex, later))


def test_two_groups_that_share_a_look_alike_are_one(bring: Any) -> None:
    rex = bring({"1.jpg": jpeg(picture(1))}, {"1.jpg": "rex"})
    tom = bring(
        {"2.jpg": jpeg(picture(2)), "copy.jpg": copy_of(1)}, {"2.jpg": "tom", "copy.jpg": "tom"}
    )
    later = bring(
        {"3.jpg": jpeg(picture(3)), "4.png": make_image(4)}, {"3.jpg": "rex", "4.png": "tom"}
    )
    assert one(groups_of(rex, tom, later))
    assert DeclaredGroup.objects.filter(joined=True).count() == 2


def test_all_of_it_in_one_claim_also_what_is_too_small_to_resemble_anything(bring: Any) -> None:
    stray = bring({"stray.jpg": jpeg(picture(1))}, {})
    files = {"0.png": make_image(9), "1.jpg": copy_of(1), "2.png": make_image(8)}
    rex = bring(files, dict.fromkeys(files, "zz"))
    assert one(groups_of(stray, rex))


@pytest.fixture
def frozen(bring: Any, approve: Any, freeze: Any) -> dict[str, Sample]:
    """Rex in train, Tom in validation, Mia in test: one picture each."""
    splits = {"rex": "train", "tom": "val", "mia": "test"}
    names = dict(zip(splits, (11, 12, 13), strict=True))
    batch = bring({}, {})
    rows = "".join(f"{name}.jpg,cat,{name},{split}\n" for name, split in splits.items())
    actions.set_manifest(batch, batch.member, f"file,label,group,split\n{rows}".encode())
    for name, seed in names.items():
        data = jpeg(picture(seed))
        actions.receive_file(batch, batch.member, name=f"{name}.jpg", chunks=[data])
    actions.finish_contribution(batch, batch.member)
    drain_ingest()
    approve(list(batch.samples.all()))
    assert not freeze().failure
    return {each.group: each for each in batch.samples.all()}


@pytest.mark.parametrize("late", [False, True])
def test_a_newcomer_of_a_frozen_group_gets_its_split(
    bring: Any, frozen: Any, approve: Any, freeze: Any, late: bool
) -> None:
    batch = bring({"cat/1.png": make_image(1)}, {"1.png": "mia"}, late=late)
    assert batch.samples.get().hold == ""
    approve([batch.samples.get()])
    freeze()
    assert batch.samples.get().split == "test"


@pytest.mark.parametrize("late", [False, True])
def test_a_group_whose_look_alike_is_frozen_follows_it_as_a_whole(
    bring: Any, frozen: Any, late: bool
) -> None:
    files = {"copy.jpg": copy_of(11), "2.jpg": jpeg(picture(2))}
    batch = bring(files, dict.fromkeys(files, "new"), late=late)
    later = bring({"3.png": make_image(3)}, {"3.png": "new"})
    assert set(groups_of(batch, later).values()) == {"rex"}
    check()


@pytest.mark.parametrize(("like", "hold"), [(12, "bridge"), (13, "bridge")])
def test_a_look_alike_of_another_split_than_its_groups_is_held(
    bring: Any, frozen: Any, cast: Any, like: int, hold: str
) -> None:
    copy = bring({"copy.jpg": copy_of(like)}, {"copy.jpg": "rex"}).samples.get()
    assert (copy.hold, copy.group) == (hold, "rex")
    with pytest.raises(RuleError, match="bridges_splits"):
        actions.release_lookalike(copy, cast.chen, "together")


def test_together_takes_the_whole_declared_group_along(bring: Any, frozen: Any, cast: Any) -> None:
    files = {"copy.jpg": copy_of(13), "2.jpg": jpeg(picture(2))}
    batch = bring(files, dict.fromkeys(files, "new"))
    copy = batch.samples.get(hold="lookalike")
    assert set(groups_of(batch).values()) == {"new"}
    actions.release_lookalike(copy, cast.chen, "together")
    later = bring({"3.png": make_image(3)}, {"3.png": "new"})
    assert set(groups_of(batch, later).values()) == {"mia"}
    check()


def test_together_is_refused_once_the_others_are_frozen_elsewhere(
    bring: Any, frozen: Any, cast: Any, approve: Any, freeze: Any, dataset: Any
) -> None:
    files = {"cat/copy.jpg": copy_of(13), "train/cat/2.jpg": jpeg(picture(2))}
    batch = bring(files, dict.fromkeys(files, "new"))
    approve(list(batch.samples.filter(hold="")))
    freeze()
    copy = batch.samples.get(hold="lookalike")
    with pytest.raises(RuleError, match="bridges_splits"):
        actions.release_lookalike(copy, cast.chen, "together")
    copy.refresh_from_db()
    actions.release_lookalike(copy, cast.chen, "apart")
    assert one(groups_of(batch))


def test_a_corrected_manifest_takes_its_own_groups_apart_again(bring: Any) -> None:
    files = {f"{n}.png": make_image(n) for n in range(4)}
    batch = bring(files, dict.fromkeys(files, "all the same by mistake"), late=True)
    assert one(groups_of(batch))
    declare(batch, {name: name for name in files})
    assert groups_of(batch) == {name: name for name in files}


def test_look_alikes_are_not_taken_apart(bring: Any) -> None:
    stray = bring({"stray.jpg": jpeg(picture(1))}, {})
    files = {"1.jpg": copy_of(1), "2.png": make_image(2)}
    batch = bring(files, dict.fromkeys(files, "rex"))
    assert one(groups_of(stray, batch))
    declare(batch, {"1.jpg": "tom", "2.png": "rex"})
    assert one(groups_of(stray, batch)), "they were brought together for good"


def test_nothing_in_a_version_changes_its_group(
    bring: Any, frozen: Any, dataset: Any, cast: Any
) -> None:
    batch = Contribution.objects.get(samples=frozen["rex"])
    actions.reopen_contribution(batch, batch.member)
    report = declare(batch, {"rex.jpg": "mia", "tom.jpg": "tom", "mia.jpg": "brand new"})
    assert report.before == {"decided": 3}
    assert groups_of(batch) == {"rex.jpg": "rex", "tom.jpg": "tom", "mia.jpg": "mia"}
    later = bring({"1.png": make_image(1)}, {"1.png": "brand new"})
    assert set(groups_of(later).values()) == {"mia"}, "the new name means the frozen group"


def test_what_is_kept_apart_by_its_split_is_told(bring: Any, frozen: Any, approve: Any) -> None:
    batch = bring({"copy.jpg": copy_of(11)}, {})  # goes to rex, in train
    report = declare(batch, {"copy.jpg": "mia"})
    assert report.before == {"group_kept": 1}
    assert set(groups_of(batch).values()) == {"rex"}


@pytest.mark.parametrize("own", ["", "train", "validation", "test"])
@pytest.mark.parametrize("other", ["", "train", "validation", "test"])
def test_placing_beside_a_declared_group(own: str, other: str) -> None:
    placing = place("g", [Alike(1, "h", other, 3)], own)
    together = {"g": own, "h": other}
    joined = placing.merged | {placing.group}
    assert len({together[each] for each in joined if together[each]}) <= 1
    if own and other and own != other:
        assert placing.hold == "bridge"


@pytest.mark.parametrize("seed", range(8))
def test_a_declared_group_and_look_alikes_are_never_torn_apart(bring: Any, seed: int) -> None:
    """Photos, copies of them and tiny pictures arrive in any order, with or without a manifest."""
    rng = random.Random(seed)
    declared: dict[str, set[str]] = {}
    looks: dict[int, set[str]] = {}
    for number in range(4):
        files: dict[str, bytes] = {}
        groups: dict[str, str] = {}
        for each in range(4):
            name = f"{number}-{each}.jpg"
            look = rng.randint(1, 5)
            if rng.random() < 0.3:
                files[name] = make_image(100 * number + each)
            else:
                files[name] = copy_of(
                    look, scale=0.8 + rng.random() / 5, quality=rng.randint(60, 90)
                )
                looks.setdefault(look, set()).add(name)
            if rng.random() < 0.6:
                groups[name] = rng.choice(["00", "mm", "zz"])
                declared.setdefault(groups[name], set()).add(name)
        bring(files, groups, late=rng.random() < 0.5)
    found = groups_of(*Contribution.objects.all())
    assert len(found) == 16
    for names in [*declared.values(), *looks.values()]:
        assert len({found[name] for name in names}) == 1, (names, found)
    check()
