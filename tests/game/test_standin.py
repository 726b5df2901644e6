from __future__ import annotations

import array
import ctypes
import time
from typing import TYPE_CHECKING

import pytest

import ac_native_memory as ac
from tests.conftest import real_time, wait_until
from tests.game.standin import StandIn, layout, needs_standin

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [real_time, needs_standin]

PAGES = {"physics": ac.SPageFilePhysics, "graphics": ac.SPageFileGraphic, "static": ac.SPageFileStatic}
FLOATS = [
    offset // 4 + element
    for name, kind, *_ in ac.SPageFilePhysics._fields_
    for offset, size in [(getattr(ac.SPageFilePhysics, name).offset, ctypes.sizeof(kind))]
    for element in range(size // 4)
    if kind is not ctypes.c_int32
]


def words_of(physics: bytes) -> list[float]:
    words: list[float] = list(array.array("i", physics))
    floats = array.array("f", physics)
    for index in FLOATS:
        words[index] = floats[index]
    return words


@pytest.mark.parametrize("page", PAGES)
def test_every_field_lies_where_the_c_compiler_puts_it(page: str) -> None:
    structure = PAGES[page]
    declared = {(page, "sizeof"): (0, ctypes.sizeof(structure))}
    for name, *_ in structure._fields_:
        field = getattr(structure, name)
        declared[page, name] = (field.offset, field.size)
    assert declared == {key: value for key, value in layout().items() if key[0] == page}


def pages_within(seconds: float, copy: Callable[[], bytes]) -> list[bytes]:
    """The pages that a reader sees, each once."""
    pages: list[bytes] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if (page := copy()) not in pages[-1:]:
            pages.append(page)
    return pages


def torn_share(pages: list[bytes]) -> float:
    return sum(map(is_torn, pages)) / len(pages)


def test_physics_pages_are_read_in_order_and_whole_where_plain_copies_tear() -> None:
    begin = time.perf_counter()
    with StandIn("--write-time", "30") as game, ac.PageReader(prefix=game.prefix) as reader:
        wait_until(lambda: any(reader.copy().physics))
        plain: list[bytes] = []
        ours: list[bytes] = []
        # By turns, so that a busy machine disturbs both alike. Where it lets only one of the two run at a time, a page
        # is torn because the game was suspended in the middle of it, for longer than any reader can wait: such a turn
        # shows nothing.
        for _ in range(300):
            seen = pages_within(0.1, lambda: reader.look(0))
            if torn_share(seen) > 0.2:
                plain += seen
                ours += pages_within(0.1, lambda: reader.copy().physics)
            if len(ours) > 200:
                break
        seconds = time.perf_counter() - begin
    assert len(ours) > 200, "the test is too kind: plain copies hardly tore"
    packet_ids = [int(words_of(page)[0]) for page in ours]
    assert packet_ids == sorted(packet_ids)
    assert packet_ids[-1] <= 400 * seconds  # 333 steps a second, and those that came late are made up for
    assert torn_share(ours) < torn_share(plain) / 5


def test_pages_written_as_fast_as_the_game_does_are_read_whole() -> None:
    with StandIn() as game, ac.PageReader(prefix=game.prefix) as reader:
        wait_until(lambda: any(reader.copy().physics))
        pages: list[bytes] = []
        for _ in range(300):
            pages += pages_within(0.1, lambda: reader.copy().physics)
            if len(pages) > 200:
                break
    assert len(pages) > 200
    assert torn_share(pages) <= 0.02


def is_torn(physics: bytes) -> bool:
    """Whether the page's words do not all belong to the step that its first word names."""
    words = words_of(physics)
    return words != [words[0] + index for index in range(148)]


def graphics_of(reader: ac.PageReader) -> ac.SPageFileGraphic:
    return ac.SPageFileGraphic.from_buffer_copy(reader.copy().graphics)


def test_an_orderly_exit_leaves_status_0_garbage_text_and_the_last_physics() -> None:
    with StandIn() as game, ac.PageReader(prefix=game.prefix) as reader:
        wait_until(lambda: graphics_of(reader).status == 2)
        last_physics, _ = game.end()
        assert game.process.returncode == 0
        pages = reader.copy()
        graphics = ac.SPageFileGraphic.from_buffer_copy(pages.graphics)
        assert (graphics.packetId, graphics.status) == (0, 0)
        assert graphics.currentTime[0] == 0xD7A5
        assert ac.SPageFilePhysics.from_buffer_copy(pages.physics).packetId == last_physics


def test_a_crash_leaves_the_last_frame() -> None:
    with StandIn() as game, ac.PageReader(prefix=game.prefix) as reader:
        wait_until(lambda: graphics_of(reader).status == 2)
        last_physics, last_graphics = game.end("crash")
        assert game.process.returncode == 3
        pages = reader.copy()
        graphics = ac.SPageFileGraphic.from_buffer_copy(pages.graphics)
        assert (graphics.packetId, graphics.status) == (last_graphics, 2)
        assert ac.SPageFilePhysics.from_buffer_copy(pages.physics).packetId == last_physics


def test_a_pause_stands_still_in_physics_while_frames_go_on() -> None:
    with StandIn() as game, ac.PageReader(prefix=game.prefix) as reader:
        wait_until(lambda: graphics_of(reader).status == 2)
        game.tell("pause")
        wait_until(lambda: graphics_of(reader).status == 3)
        before, frame = reader.copy().physics, graphics_of(reader).packetId
        wait_until(lambda: graphics_of(reader).packetId > frame + 4)
        assert reader.copy().physics == before
        game.tell("live")
        wait_until(lambda: reader.copy().physics != before)


def test_nothing_is_written_while_the_session_loads() -> None:
    with StandIn("--load", "600000") as game, ac.PageReader(prefix=game.prefix) as reader:
        pages = reader.copy()
        assert not any(pages.physics + pages.graphics + pages.static)
    with StandIn("--load", "900") as game, ac.PageReader(prefix=game.prefix) as reader:
        wait_until(lambda: any(reader.copy().physics))
        assert ac.SPageFilePhysics.from_buffer_copy(reader.copy().physics).packetId >= 300


def test_the_static_page_names_what_is_driven() -> None:
    with StandIn() as game, ac.PageReader(prefix=game.prefix) as reader:
        wait_until(lambda: ac.check_game(reader.copy().static))
        static = ac.SPageFileStatic.from_buffer_copy(reader.copy().static)
    assert ac.text_of(static.carModel) == "standin_car"
    assert ac.text_of(static.playerNick) == "Zoë 日本 🏎"
    assert ac.text_of(static.trackConfiguration) == "abcdefghijklmnopqrstuvwxyzabcdef"
    assert (static.tyreRadius[3], static.pitWindowEnd) == (pytest.approx(0.33), 0)


def test_the_other_game_is_refused() -> None:
    with StandIn("--competizione") as game, ac.PageReader(prefix=game.prefix) as reader:
        wait_until(lambda: any(reader.copy().static))
        with pytest.raises(ac.WrongGame):
            ac.check_game(reader.copy().static)
