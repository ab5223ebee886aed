"""A contribution that takes a manifest."""

from typing import Any

import pytest

from apps.datasets import actions
from apps.datasets.models import (
    Contribution,
    Licence,
)


@pytest.fixture
def batch(dataset: Any, cast: Any) -> Contribution:
    return actions.open_contribution(
        dataset, cast.ben, licence=Licence.CC_BY, agreed=True, source="a garden"
    )
