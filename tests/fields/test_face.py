from typing import Any

from telemetry import fields


def test_every_name_of_the_room_can_be_imported() -> None:
    names: dict[str, Any] = {}
    exec("from telemetry.fields import *", names)
    assert set(names) - {"__builtins__"} == set(fields.__all__)
