"""What several tests of the classes do and look at."""

from collections import Counter
from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.models import (
    Dataset,
    SchemaChange,
)
from apps.errors import RuleError


def revert(change: SchemaChange, by: Any) -> SchemaChange:
    actions.revert_change(change, by)
    apply_changes()
    change.refresh_from_db()
    return change


def labels(dataset: Dataset) -> Counter[tuple[str, str]]:
    """{(status, class): number} of the samples themselves."""
    rows = dataset.samples.values_list("status", "label__name")
    return Counter((status, name or "-") for status, name in rows)


def refused(code: str, *args: Any, **options: Any) -> RuleError:
    with pytest.raises(RuleError) as refusal:
        args[0](*args[1:], **options)
    assert refusal.value.code == code
    return refusal.value
