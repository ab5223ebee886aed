"""Splits and the digest: invariants over any input."""

import random
from collections import Counter

import pytest
from django.db.models import Value
from hypothesis import given
from hypothesis import strategies as st

from apps.datasets.actions.splitting import Rank
from apps.datasets.digest import Digest, Row, digest_of
from apps.datasets.ingest.folders import class_key, clean_name, folder_claims
from apps.datasets.models import Dataset
from apps.datasets.splits import SPLITS, Shares, declared_split, fill, rank

SHARES = Shares(validation=10, test=20)
labels = st.sampled_from(["a", "b", "c"])
groups = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.lists(labels, min_size=1, max_size=5).map(Counter),
    max_size=40,
)


def shared_out(
    given_groups: dict[str, Counter[str]], taken: dict[tuple[str, str], int] | None = None
) -> dict[str, str]:
    """{group: split} as a freeze finds it: in the order of the groups' rank."""
    totals: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    for each in given_groups.values():
        totals.update(each)
        waiting.update(each.keys())
    for (label, _split), number in (taken or {}).items():
        totals[label] += number
    ordered = sorted(given_groups.items(), key=lambda each: rank("s", each[0]))
    return dict(fill(ordered, totals, waiting, Counter(taken or {}), SHARES))


@given(groups, st.randoms())
def test_every_group_gets_one_split_whatever_the_order(
    given_groups: dict[str, Counter[str]], shuffle: random.Random
) -> None:
    result = shared_out(given_groups)
    assert result.keys() == given_groups.keys()
    assert set(result.values()) <= set(SPLITS)
    keys = list(given_groups)
    shuffle.shuffle(keys)
    assert shared_out({key: given_groups[key] for key in keys}) == result


@given(st.integers(3, 400))
def test_quotas_are_met_and_no_split_stays_empty(size: int) -> None:
    counts = Counter(shared_out({str(i): Counter(["a"]) for i in range(size)}).values())
    assert set(counts) == set(SPLITS)
    assert abs(counts["test"] - max(1, size * 0.2)) <= 1
    assert abs(counts["validation"] - max(1, size * 0.1)) <= 1


@given(st.lists(st.integers(1, 60), min_size=3, max_size=30))
def test_three_groups_of_a_class_are_enough_for_every_split(sizes: list[int]) -> None:
    """However large the groups are, and whatever order chance brings them in."""
    found = shared_out({str(i): Counter({"a": size}) for i, size in enumerate(sizes)})
    assert set(found.values()) == set(SPLITS)


@given(st.lists(st.integers(1, 3), min_size=40, max_size=200))
def test_small_groups_keep_the_shares(sizes: list[int]) -> None:
    found = shared_out({str(i): Counter({"a": size}) for i, size in enumerate(sizes)})
    counts: Counter[str] = Counter()
    for key, split in found.items():
        counts[split] += sizes[int(key)]
    total = sum(sizes)
    assert abs(counts["test"] - total * 0.2) <= 3
    assert abs(counts["validation"] - total * 0.1) <= 3


def test_few_groups_train_first_then_test() -> None:
    assert set(shared_out({"1": Counter({"a": 9})}).values()) == {"train"}
    assert set(shared_out({str(i): Counter({"a": 9}) for i in (1, 2)}).values()) == {
        "train",
        "test",
    }


def test_what_is_taken_counts() -> None:
    taken = {("a", "test"): 20, ("a", "train"): 0}
    found = Counter(shared_out({str(i): Counter(["a"]) for i in range(100)}, taken).values())
    assert found["test"] == 4


@given(st.sets(st.sampled_from(SPLITS), min_size=1))
def test_of_several_declared_splits_the_test_side_wins(declared: set[str]) -> None:
    chosen = declared_split(declared)
    assert chosen in declared
    assert chosen == "test" or "test" not in declared


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["a", "病人 17", "", "x\ny", "🐈", "%s", "1" * 80])
def test_the_database_ranks_groups_as_the_recipe_does(dataset: Dataset, key: str) -> None:
    found = Dataset.objects.annotate(rank=Rank(Value(f"salt\n{key}"))).get(pk=dataset.pk)
    assert found.rank == rank("salt", key)


rows = st.lists(
    st.builds(Row, st.text("0123456789abcdef", min_size=4, max_size=4), *[st.text(max_size=5)] * 4),
    unique_by=lambda row: row.sample,
    max_size=30,
)


@given(rows, st.randoms())
def test_the_digest_does_not_depend_on_the_order(
    given_rows: list[Row], shuffle: random.Random
) -> None:
    digest = Digest()
    for row in sorted(given_rows):
        digest.add(row)
    shuffled = list(given_rows)
    shuffle.shuffle(shuffled)
    assert digest_of(shuffled) == digest.hexdigest()


@given(rows, st.integers(0, 29), st.integers(0, 4), st.text(max_size=5))
def test_any_change_changes_the_digest(
    given_rows: list[Row], at: int, column: int, value: str
) -> None:
    if at >= len(given_rows) or given_rows[at][column] == value:
        return
    changed = list(given_rows)
    cells = list(changed[at])
    cells[column] = value
    changed[at] = Row(*cells)
    assert digest_of(changed) != digest_of(given_rows)


@given(st.text(max_size=2000))
def test_a_shown_name_is_always_tame(name: str) -> None:
    shown = clean_name(name)
    assert 0 < len(shown) <= 1000
    assert not set(shown) & set("\x00\r\n\u202e")
    claims = folder_claims(name)
    assert len(claims.label) <= 80
    assert claims.split in {"", *SPLITS}


def test_folders() -> None:
    assert folder_claims("x/Train/Cat_fish/1.jpg") == ("Cat_fish", "train")
    assert folder_claims("val/1.jpg") == ("", "validation")
    assert folder_claims("1.jpg") == ("", "")
    assert folder_claims("test/a/b/1.jpg") == ("b", "test")
    assert class_key("Cat_Fish ") == class_key("cat  fish")
