"""Fixtures shared by the tests of the kit."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Failures that a test causes are not printed: with all their frames that takes seconds."""
    with capture_logs():
        yield
