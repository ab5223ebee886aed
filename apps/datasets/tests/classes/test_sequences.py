"""After any sequence of changes nothing is lost, and it can be taken back."""

from collections import Counter
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.datasets import actions
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.changes import preview_revert
from apps.datasets.models import (
    Annotation,
    Dataset,
    Review,
    Sample,
    SchemaChange,
)
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError

MAY_BE_REFUSED = {"class_exists", "changed_since", "nothing_to_undo", "nothing_changed"}
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["rename", "merge", "split", "revert", "approve", "fix", "undo", "upload"]),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
)


@given(OPERATIONS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_sequence_no_live_sample_has_a_retired_class_and_nothing_is_forgotten(
    dataset: Dataset, cast: Any, samples: Any, contribute: Any, django_db_blocker: Any,
    operations: list[tuple[str, int, int]],
) -> None:  # fmt: skip
    with transaction.atomic():
        for number, (what, a, b) in enumerate(operations):
            before = list(Annotation.objects.order_by("pk").values())
            try:
                _do(dataset, cast, contribute, (what, a, b), number)
            except RuleError as error:
                if error.code not in MAY_BE_REFUSED:
                    raise
            apply_changes()
            after = Annotation.objects.order_by("pk").values()[: len(before)]
            assert list(after) == before, "no annotation is removed or altered"
            _sound(dataset)
        transaction.set_rollback(True)


def _do(
    dataset: Dataset, cast: Any, contribute: Any, operation: tuple[str, int, int], number: int
) -> None:
    what, a, b = operation
    current = list(dataset.classes.current())
    label, other = current[a % len(current)], current[b % len(current)]
    ada = cast.ada
    if what == "revert":
        applied = list(dataset.changes.filter(status="applied"))
        if applied:
            chosen = applied[a % len(applied)]
            expected = preview_revert(chosen).back
            actions.revert_change(chosen, ada)
            apply_changes()
            chosen.refresh_from_db()
            assert chosen.done == expected, "the preview is what happens"
    elif what == "undo":
        actions.undo_review(dataset, cast.chen)
    elif what == "upload":
        names = [name for each in dataset.classes.all() for name in (each.name, *each.aliases)]
        contribute({f"{names[a % len(names)]}/{number}.png": make_image(500 + 10 * number + b)})
    elif what in {"approve", "fix"}:
        waiting = dataset.samples.filter(status="pending").order_by("pk")[a : a + 3]
        decisions = [actions.Decision(each.pk, "fix", other.pk) for each in waiting]
        actions.review_samples(dataset, cast.chen, decisions)
    elif what != "merge" or label != other:
        wanted: dict[str, Any] = {
            "rename": {"new_name": ["cat", "hound", f"name {number}"][b % 3]},
            "merge": {"into": other},
            "split": {"parts": [label.name if b % 2 else f"a {number}", f"b {number}"]},
        }
        proposed = actions.propose_change(dataset, ada, kind=what, label=label, **wanted[what])
        actions.approve_change(proposed, ada)


def _sound(dataset: Dataset) -> None:
    live = Sample.objects.filter(dataset=dataset).exclude(status="withdrawn")
    assert not live.exclude(label=None).exclude(label__retired_at=None).exists()
    assert not live.filter(status="approved", label=None).exists()
    check()
    named = Counter(
        name.casefold() for each in dataset.classes.current() for name in {each.name, *each.aliases}
    )
    assert not [name for name, times in named.items() if times > 1], "a name means one class"
    assert not SchemaChange.objects.filter(status__in=["applying", "reverting"]).exists()
    wrong = Review.objects.filter(label__dataset__isnull=False).exclude(label__dataset=dataset)
    assert not wrong.exists()
