"""Splits and the digest: invariants over any input."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from apps.datasets.digest import Digest, Row, digest_of
from apps.datasets.ingest.folders import class_key, clean_name, folder_claims
from apps.datasets.splits import SPLITS, Group, assign_splits

OPTIONS = {"salt": "s", "validation_percent": 10, "test_percent": 20}
labels = st.sampled_from(["a", "b", "c"])
groups = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.builds(
        Group,
        labels=st.lists(labels, min_size=1, max_size=5).map(Counter),
        declared=st.frozensets(st.sampled_from(SPLITS), max_size=2).map(set),
    ),
    max_size=40,
)


@given(groups, st.randoms())
def test_every_group_gets_one_split_whatever_the_order(
    given_groups: dict[str, Group], shuffle: random.Random
) -> None:
    result = assign_splits(given_groups, {}, **OPTIONS)
    assert result.keys() == given_groups.keys()
    keys = list(given_groups)
    shuffle.shuffle(keys)
    assert assign_splits({key: given_groups[key] for key in keys}, {}, **OPTIONS) == result
    for key, group in given_groups.items():
        if group.declared:
            assert result[key] in group.declared


@given(st.integers(3, 400))
def test_quotas_are_met_and_no_split_stays_empty(size: int) -> None:
    found = assign_splits({str(i): Group(Counter(["a"])) for i in range(size)}, {}, **OPTIONS)
    counts = Counter(found.values())
    assert set(counts) == set(SPLITS)
    assert abs(counts["test"] - max(1, size * 0.2)) <= 1
    assert abs(counts["validation"] - max(1, size * 0.1)) <= 1


def test_what_is_taken_counts() -> None:
    groups = {str(i): Group(Counter(["a"])) for i in range(100)}
    taken = {("a", "test"): 20, ("a", "train"): 0}
    found = Counter(assign_splits(groups, taken, **OPTIONS).values())
    assert found["test"] == 4


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
