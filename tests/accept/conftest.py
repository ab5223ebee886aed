"""The real data, and the browsers and workers of the browser walks."""

import os
from pathlib import Path

import pytest

from tests.browser.conftest import people, workers

__all__ = ["data", "people", "workers"]


@pytest.fixture(scope="session")
def data() -> Path:
    """DATA_DIR: `make accept` sets it or fails."""
    return Path(os.environ["DATA_DIR"])
