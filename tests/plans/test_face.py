from typing import Any

from telemetry import plans


def test_every_name_of_the_room_can_be_imported() -> None:
    names: dict[str, Any] = {}
    exec("from telemetry.plans import *", names)
    assert set(names) - {"__builtins__"} == set(plans.__all__)
