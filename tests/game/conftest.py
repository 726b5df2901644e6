"""What the tests of the game share."""

from collections.abc import Iterator

import pytest

from tests.game.wine import Wine


@pytest.fixture(scope="session")
def wine() -> Iterator[Wine]:
    """One Wine for all: making it takes a second."""
    made = Wine()
    yield made
    made.close()
