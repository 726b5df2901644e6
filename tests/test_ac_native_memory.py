import ctypes
import hashlib
import mmap
import multiprocessing
import os
import re
import subprocess
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ac_native_memory as ac
from tests.conftest import PATIENCE, REPOSITORY, pages_of, real_time, wait_until
from tests.wall_clock import WallClock

pytestmark = real_time

# offset and name of every field, as in the reference of the running game
PHYSICS = """
0 packetId 4 gas 8 brake 12 fuel 16 gear 20 rpms 24 steerAngle 28 speedKmh 32 velocity 44 accG 56 wheelSlip
72 wheelLoad 88 wheelsPressure 104 wheelAngularSpeed 120 tyreWear 136 tyreDirtyLevel 152 tyreCoreTemperature
168 camberRAD 184 suspensionTravel 200 drs 204 tc 208 heading 212 pitch 216 roll 220 cgHeight 224 carDamage
244 numberOfTyresOut 248 pitLimiterOn 252 abs 256 kersCharge 260 kersInput 264 autoShifterOn 268 rideHeight
276 turboBoost 280 ballast 284 airDensity 288 airTemp 292 roadTemp 296 localAngularVel 308 finalFF
312 performanceMeter 316 engineBrake 320 ersRecoveryLevel 324 ersPowerLevel 328 ersHeatCharging 332 ersIsCharging
336 kersCurrentKJ 340 drsAvailable 344 drsEnabled 348 brakeTemp 364 clutch 368 tyreTempI 384 tyreTempM 400 tyreTempO
416 isAIControlled 420 tyreContactPoint 468 tyreContactNormal 516 tyreContactHeading 564 brakeBias 568 localVelocity
580 P2PActivations 584 P2PStatus 588 currentMaxRpm
"""
GRAPHICS = """
0 packetId 4 status 8 session 12 currentTime 42 lastTime 72 bestTime 102 split 132 completedLaps 136 position
140 iCurrentTime 144 iLastTime 148 iBestTime 152 sessionTimeLeft 156 distanceTraveled 160 isInPit
164 currentSectorIndex 168 lastSectorTime 172 numberOfLaps 176 tyreCompound 244 replayTimeMultiplier
248 normalizedCarPosition 252 carCoordinates 264 penaltyTime 268 flag 272 idealLineOn 276 isInPitLane 280 surfaceGrip
284 mandatoryPitDone 288 windSpeed 292 windDirection 296 timeLimitSessionLeft 300 isEscMenuVisible
"""
STATIC = """
0 smVersion 30 acVersion 60 numberOfSessions 64 numCars 68 carModel 134 track 200 playerName 266 playerSurname
332 playerNick 400 sectorCount 404 maxTorque 408 maxPower 412 maxRpm 416 maxFuel 420 suspensionMaxTravel
436 tyreRadius 452 maxTurboBoost 456 deprecated_1 460 deprecated_2 464 penaltiesEnabled 468 aidFuelRate
472 aidTireRate 476 aidMechanicalDamage 480 aidAllowTyreBlankets 484 aidStability 488 aidAutoClutch 492 aidAutoBlip
496 hasDRS 500 hasERS 504 hasKERS 508 kersMaxJ 512 engineBrakeSettingsCount 516 ersPowerControllerCount
520 trackSPlineLength 524 trackConfiguration 592 ersMaxJ 596 isTimedRace 600 hasExtraLap 604 carSkin
672 reversedGridPositions 676 pitWindowStart 680 pitWindowEnd
"""


@pytest.mark.parametrize(
    ("structure", "size", "reference"),
    [
        (ac.SPageFilePhysics, 592, PHYSICS),
        (ac.SPageFileGraphic, 304, GRAPHICS),
        (ac.SPageFileStatic, 684, STATIC),
    ],
)
def test_every_field_lies_where_the_running_game_has_it(structure: type[ac.Page], size: int, reference: str) -> None:
    words = reference.split()
    expected = dict(zip(words[1::2], map(int, words[::2]), strict=True))
    assert ctypes.sizeof(structure) == size
    assert {entry[0]: getattr(structure, entry[0]).offset for entry in structure._fields_} == expected


def test_text_fields_are_declared_in_units_of_two_bytes_on_every_system() -> None:
    assert ac.SPageFileGraphic.currentTime.size == 30
    assert ac.SPageFileStatic.trackConfiguration.size == 66


def test_the_module_stands_alone(tmp_path: Path) -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); import ac_native_memory; print(ac_native_memory.SIZES)"
    command = [sys.executable, "-I", "-S", "-c", script, str(REPOSITORY)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert result.stdout.strip() == "(592, 304, 684)"


def test_text_ends_at_its_first_nul() -> None:
    assert ac.text_of("monza\0garbage".encode("utf-16-le")) == "monza"
    assert ac.text_of([0x6D, 0x31, 0, 0x7A]) == "m1"


@given(st.binary(max_size=80).filter(lambda data: len(data) % 2 == 0))
def test_any_units_give_a_text_that_can_be_written_as_utf_8(data: bytes) -> None:
    text = ac.text_of(data)
    assert "\0" not in text
    assert text.encode().decode() == text


@given(st.text(max_size=60).filter(lambda text: "\0" not in text))
def test_text_is_truncated_so_that_a_nul_ends_it(text: str) -> None:
    units = ac.units_of(text, 15)
    assert len(units) == 30
    assert units[-2:] == b"\0\0"
    kept = ac.text_of(units)
    assert text.encode("utf-16-le", "replace").decode("utf-16-le").startswith(kept.rstrip("\ufffd"))


def test_the_reader_gives_what_the_writer_published(tmp_path: Path) -> None:
    pages = pages_of(speed_kmh=123.5)
    with ac.PageWriter(tmp_path) as writer:
        writer.write(*pages[:3])
        with ac.PageReader(tmp_path) as reader:
            before = time.time()
            copy = reader.copy()
            assert copy[:3] == pages[:3]
            assert before - 5.0 <= copy.timestamp <= time.time() + 5.0
            assert (reader.torn, reader.retries) == (0, 0)


def test_timestamps_never_step_back(tmp_path: Path) -> None:
    with ac.PageWriter(tmp_path), ac.PageReader(tmp_path) as reader:
        stamps = [reader.copy().timestamp for _ in range(100)]
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("seconds", [8 * 3600.0, -3600.0])
def test_timestamps_follow_a_clock_that_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    with ac.PageWriter(tmp_path), ac.PageReader(tmp_path) as reader:
        reader.copy()
        WallClock(monkeypatch).set(seconds)
        assert abs(reader.copy().timestamp - time.time()) < 1.0


def test_page_files_of_any_size_that_holds_the_structure_are_read(tmp_path: Path) -> None:
    for name, size, length in zip(ac.PAGES, ac.SIZES, (2048, 304, 4096), strict=True):
        (tmp_path / name).write_bytes(bytes([7]) * size + bytes(length - size))
    with ac.PageReader(tmp_path) as reader:
        assert reader.copy().graphics == bytes([7]) * 304


def test_a_page_file_that_is_too_small_is_refused_with_its_size(tmp_path: Path) -> None:
    for name in ac.PAGES:
        (tmp_path / name).write_bytes(bytes(300))
    message = f"The page file {tmp_path / 'acpmf_physics'} has 300 bytes; the game's page has 592."
    with pytest.raises(ac.PagesError, match=re.escape(message)):
        ac.PageReader(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_in_place_of_a_page_is_refused_by_reader_and_writer(tmp_path: Path) -> None:
    path = tmp_path / "acpmf_physics"
    os.mkfifo(path)
    sentence = re.escape(f"{path} is not a regular file, so it holds no page of the game. Remove it.")
    with pytest.raises(ac.PagesError, match=sentence):
        ac.PageReader(tmp_path)
    with pytest.raises(ac.PagesError, match=sentence):
        ac.PageWriter(tmp_path)


def test_without_pages_the_reader_says_so_and_creates_nothing(tmp_path: Path) -> None:
    for _ in range(100):
        with pytest.raises(ac.PagesMissing, match=r"The page file .* does not exist\."):
            ac.PageReader(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_missing_page_is_enough_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "acpmf_physics").write_bytes(bytes(4096))
    with pytest.raises(ac.PagesMissing, match="acpmf_graphics"):
        ac.PageReader(tmp_path)


def test_the_reader_cannot_write(tmp_path: Path) -> None:
    with ac.PageWriter(tmp_path), ac.PageReader(tmp_path) as reader, pytest.raises((TypeError, OSError)):
        reader._maps[0][slice(4)] = b"1234"  # noqa: SLF001 - that the mapping itself refuses


def test_the_writer_removes_the_files_it_made_and_leaves_those_of_a_bridge(tmp_path: Path) -> None:
    bridge, own = tmp_path / "bridge", tmp_path / "own"
    bridge.mkdir()
    own.mkdir()
    for name in ac.PAGES:
        (bridge / name).write_bytes(bytes(2048))
    with ac.PageWriter(bridge) as writer, ac.PageWriter(own):
        writer.write(*pages_of()[:3])
        assert len(list(own.iterdir())) == 3
    assert [path.stat().st_size for path in sorted(bridge.iterdir())] == [2048] * 3
    assert list(own.iterdir()) == []


def test_a_prefix_keeps_pages_apart(tmp_path: Path) -> None:
    with ac.PageWriter(tmp_path, prefix="test_"):
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "test_acpmf_graphics",
            "test_acpmf_physics",
            "test_acpmf_static",
        ]
        with pytest.raises(ac.PagesMissing):
            ac.PageReader(tmp_path)
        ac.PageReader(tmp_path, prefix="test_").close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not truncate a mapped file")
def test_a_truncated_page_file_is_missing_and_can_be_written_again(tmp_path: Path) -> None:
    with ac.PageWriter(tmp_path) as writer, ac.PageReader(tmp_path) as reader:
        (tmp_path / "acpmf_physics").write_bytes(b"")
        with pytest.raises(ac.PagesMissing, match=r"^A page file was truncated\.$"):
            reader.copy()
        writer.write(*pages_of(gear=3)[:3])
        assert reader.copy()[:3] == pages_of(gear=3)[:3]


def test_a_writer_that_cannot_make_its_files_says_why(tmp_path: Path) -> None:
    with pytest.raises(ac.PagesError, match=r"Cannot create the page file .*: No such file or directory\."):
        ac.PageWriter(tmp_path / "nowhere")


def test_an_unwritten_static_page_means_no_game_yet() -> None:
    assert not ac.check_game(bytes(684))
    assert ac.check_game(pages_of().static)


@pytest.mark.parametrize("version", ["1.8", "1.9", "2.0", "0.1", "Evo", "1.16"])
def test_another_games_pages_are_refused_with_the_reason(version: str) -> None:
    with pytest.raises(ac.WrongGame, match=f"its version is '{re.escape(version)}'.*writes '1.7'"):
        ac.check_game(pages_of(sm_version=version).static)


# A torn copy: every 32-bit word of the hostile writer's page is a known function of its packetId.


def _words(packet_id: int) -> list[int]:
    seed = int.from_bytes(hashlib.blake2b(packet_id.to_bytes(4, "little"), digest_size=2).digest(), "little")
    return [packet_id, *((seed * (index + 3) + packet_id) & 0x3FFFFFFF for index in range(1, 148))]


def _page(packet_id: int) -> bytes:
    return b"".join(word.to_bytes(4, "little") for word in _words(packet_id))


STALL_SECONDS = ac.SETTLE_SECONDS / 2


def _write_field_by_field(
    directory: str, ready: Event, stop: Event, stalled: "multiprocessing.Queue[list[int]]"
) -> None:
    """Write one page after the other, field by field, with no more rest in between than a reader needs.

    The system may suspend this process in the middle of a page; no single copy can tell such a page from a finished
    one, so the writer reports which those were.
    """
    found = []
    with ac.PageWriter(directory), Path(directory, "acpmf_physics").open("r+b") as file:
        page = mmap.mmap(file.fileno(), 592)
        words = (ctypes.c_int32 * 148).from_buffer(page)
        packet_id = 0
        while not stop.is_set():
            packet_id += 1
            values = _words(packet_id)
            before = begin = time.perf_counter()
            for index, value in enumerate(values):
                words[index] = value
                now = time.perf_counter()
                if now - before > STALL_SECONDS:
                    found.append(packet_id)
                before = now
            ready.set()
            rest = begin + 4 * (now - begin) + 8 * ac.SETTLE_SECONDS
            while time.perf_counter() < rest:
                pass
        del words
        page.close()
    stalled.put(found)


def test_copies_under_a_hostile_writer_are_complete_where_plain_copies_tear(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    stalled: multiprocessing.Queue[list[int]] = context.Queue()
    writer = context.Process(target=_write_field_by_field, args=(str(tmp_path), ready, stop, stalled))
    writer.start()
    try:
        wait_until(ready.is_set)
        with ac.PageReader(tmp_path) as reader:
            torn_plain = 0
            end = time.perf_counter() + PATIENCE
            while not torn_plain and time.perf_counter() < end:
                plain = {reader.look(0) for _ in range(20_000)}
                torn_plain = sum(page != _page(int.from_bytes(page[:4], "little")) for page in plain)
            ours: set[bytes] = set()
            while (len(ours) < 500 or not reader.retries) and time.perf_counter() < end:
                ours.add(reader.copy().physics)
            retries = reader.retries
    finally:
        stop.set()
        suspended = set(stalled.get(timeout=PATIENCE))
        writer.join(PATIENCE)
    assert torn_plain > 0, "the test is too kind: plain copies did not tear"
    assert len(ours) >= 100, "hardly any page was read"
    assert retries > 0
    torn = {packet_id for page in ours if page != _page(packet_id := int.from_bytes(page[:4], "little"))}
    assert torn <= suspended


def test_a_page_that_changes_all_the_time_gives_the_last_complete_copy_and_is_counted(tmp_path: Path) -> None:
    class Restless(ac.PageReader):
        moving, count = False, 0

        def look(self, index: int) -> bytes:
            self.count += self.moving
            page = super().look(index)
            return page if index else self.count.to_bytes(4, "little") + page[4:]

    with ac.PageWriter(tmp_path), Restless(tmp_path) as reader:
        whole = reader.copy()
        reader.moving = True
        assert reader.copy().physics == whole.physics
        assert reader.torn == 1
        assert reader.retries > 1


def test_pages_that_change_all_the_time_and_have_no_earlier_copy_are_an_error(tmp_path: Path) -> None:
    class Noise(ac.PageReader):
        count = 0

        def look(self, index: int) -> bytes:
            self.count += 1
            return self.count.to_bytes(ac.SIZES[index], "little")

    with ac.PageWriter(tmp_path), Noise(tmp_path) as reader:
        with pytest.raises(ac.PagesError, match="changed all the time, so that no complete copy could be read"):
            reader.copy()
        assert reader.torn == 3
