"""Track and reference on the stream: sent to those who ask for them, and the delta is to the reference."""

from collections.abc import Callable
from typing import Any

import numpy as np
from websockets.sync.client import connect

from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.lap_reference import LapReference, PathPoint, ReferenceSegment
from telemetry.stream.drive_context import DriveContext
from telemetry.tracks.definition import make_track
from telemetry.tracks.map_picture import MapPicture
from tests.conftest import real_time, wait_until
from tests.stream.rig import Rig, receive, rig_of
from tests.tracks.roads import STADIUM, course_of

pytestmark = real_time

DRIVE = CarAndTrack("demo_gt3", "demo_ring", "")
TRACK = make_track(course_of(STADIUM), track="demo_ring", length_m=1514.0, line_position=0.0, origin="by hand")
PICTURE = MapPicture(b"\x89PNG of the map", 640, 480, 10.0, 20.0, 2.0)
REFERENCE = LapReference(
    name="lap 2 of friend.ld",
    car_and_track=DRIVE,
    time_ms=60_000,
    line_position=0.0,
    fraction=(0.0, 1.0),
    times_ms=(0.0, 60_000.0),
    is_gap=(False,),
    segments=(ReferenceSegment("T1", 1, 0.0, 0.4), ReferenceSegment("T2", 2, 0.4, 1.0)),
    path=tuple(PathPoint(at / 5000, float(at), -float(at)) for at in range(5000)),
)


def known(asked: list[CarAndTrack]) -> Callable[[CarAndTrack], DriveContext]:
    def find(drive: CarAndTrack) -> DriveContext:
        asked.append(drive)
        return DriveContext(TRACK, PICTURE, REFERENCE) if drive == DRIVE else DriveContext()

    return find


def until(stream: Any, kind: str) -> dict[str, Any]:
    while (message := receive(stream)).get("type") != kind:
        pass
    found: dict[str, Any] = message
    return found


def drive(rig: Rig, *shares: float) -> None:
    for share in shares:
        rig.on_reading(normalized_position=share, current_time=int(66_000 * share))


def test_a_client_that_asks_for_the_track_gets_it_and_the_reference() -> None:
    asked: list[CarAndTrack] = []
    with rig_of(find_context=known(asked)) as rig, connect(f"{rig.url}/?track=1&fields=gear", max_size=None) as stream:
        drive(rig, 0.01)
        track, reference = until(stream, "track"), until(stream, "reference")
        assert asked == [DRIVE]
        assert (track["track"], track["layout"], track["closed"]) == ("demo_ring", "", True)
        assert [corner["label"] for corner in track["corners"]] == ["T1", "T2"]
        assert len(track["position"]) == len(track["x"]) == len(track["z"]) <= 1000
        assert np.abs(np.array(track["x"]) - TRACK.course.x[: len(track["x"])]).max() <= 0.051
        assert track["left"] is None
        assert track["picture"]["path"].startswith("map.png?")
        assert (track["picture"]["width_px"], track["picture"]["metres_per_pixel"]) == (640, 2.0)
        assert (reference["name"], reference["time_ms"], reference["car"]) == ("lap 2 of friend.ld", 60_000, "demo_gt3")
        assert len(reference["position"]) == len(reference["x"]) == 1000
        answer, body = rig.get(f"/{track['picture']['path']}")
        assert (answer.status, answer.headers["Content-Type"], body) == (200, "image/png", PICTURE.png)
        assert rig.get("/map.png", If_None_Match=answer.headers["ETag"])[0].status == 304
        with connect(f"{rig.url}/?fields=gear", max_size=None) as late:
            late.send('{"type": "subscribe", "track": 1}')
            assert until(late, "track") == track


def test_the_delta_is_to_the_reference_and_each_segment_is_told_when_it_is_done() -> None:
    with (
        rig_of(find_context=known([])) as rig,
        connect(f"{rig.url}/?track=1&events=1&delta=1&fields=gear", max_size=None) as stream,
    ):
        drive(rig, 0.001)
        until(stream, "reference")
        drive(rig, *(share / 100 for share in range(1, 51)))
        assert until(stream, "segment") == {
            "type": "segment", "lap": 1, "label": "T1", "corner": 1, "lost_s": 2.4, "total_s": 2.4,
        }  # fmt: skip
        sample = receive(stream)
        while sample["delta_s"] != 3.0:
            sample = receive(stream)
        assert (sample["reference_ms"], sample["reference_position"]) == (60_000, 0.55)


def test_with_another_track_there_is_nothing_to_compare_with() -> None:
    asked: list[CarAndTrack] = []
    with (
        rig_of(find_context=known(asked)) as rig,
        connect(f"{rig.url}/?track=1&delta=1&fields=track", max_size=None) as stream,
    ):
        drive(rig, 0.01)
        until(stream, "reference")
        rig.on_reading(normalized_position=0.2, current_time=20_000, track="spa")
        sample = receive(stream)
        while sample.get("track") != "spa":
            sample = receive(stream)
        assert (sample["delta_s"], sample["reference_ms"]) == (None, None)
        wait_until(lambda: asked == [DRIVE, CarAndTrack("demo_gt3", "spa", "")])
        with connect(f"{rig.url}/?track=1&hello=1&fields=gear", max_size=None) as other:
            assert receive(other)["type"] == "hello"
            assert receive(other) == {"gear": 1}


def test_without_a_picture_there_is_none() -> None:
    with rig_of() as rig:
        assert rig.get("/map.png")[0].status == 404
