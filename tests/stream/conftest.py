"""The server that most tests of the stream use."""

from collections.abc import Iterator

import pytest

from tests.stream.rig import Rig, rig_of


@pytest.fixture
def rig() -> Iterator[Rig]:
    with rig_of() as made:
        yield made
