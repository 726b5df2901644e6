import pytest

from telemetry.formats.mcap.chunks import IndexedChunk, select_chunks

STATIC, GRAPHICS, PHYSICS, EVENTS = 1, 2, 3, 4
PAGES = frozenset({STATIC, GRAPHICS, PHYSICS})

CHUNKS = [
    IndexedChunk(100, 200, 0, 9, frozenset({STATIC, GRAPHICS, PHYSICS, EVENTS})),
    IndexedChunk(200, 300, 10, 19, frozenset({GRAPHICS, PHYSICS})),
    IndexedChunk(300, 400, 20, 29, frozenset({PHYSICS})),
    IndexedChunk(400, 500, 30, 39, frozenset({EVENTS})),
    IndexedChunk(500, 600, 40, 49, frozenset({GRAPHICS, PHYSICS})),
]


@pytest.mark.parametrize(
    ("wanted", "begin_time", "offsets"),
    [
        (PAGES, None, [100, 200, 300, 500]),
        (PAGES, 0, [100, 200, 300, 500]),
        (PAGES, 9, [100, 200, 300, 500]),
        (PAGES, 20, [100, 200, 300, 500]),
        (PAGES, 30, [100, 200, 300, 500]),
        (PAGES, 50, [100, 500]),
        ({PHYSICS}, 30, [300, 500]),
        ({GRAPHICS}, 25, [200, 500]),
        ({EVENTS}, None, [100, 400]),
        ({EVENTS}, 39, [100, 400]),
        ({EVENTS}, 40, [400]),
        (set(), None, []),
    ],
)
def test_chunks_of_a_part_and_the_last_of_each_channel_before_it_are_selected(
    wanted: set[int], begin_time: int | None, offsets: list[int]
) -> None:
    assert select_chunks(CHUNKS, frozenset(wanted), begin_time) == offsets


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [CHUNKS[1], CHUNKS[0]],
        [CHUNKS[0], CHUNKS[1]._replace(channels=frozenset())],
        [CHUNKS[0], CHUNKS[0]],
        [CHUNKS[0], CHUNKS[1]._replace(begin=150)],
    ],
)
def test_an_index_that_is_empty_unordered_or_without_channels_selects_nothing(chunks: list[IndexedChunk]) -> None:
    assert select_chunks(chunks, PAGES, None) is None
