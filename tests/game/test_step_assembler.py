import random
import struct
from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from ac_native_memory import SIZES
from telemetry.fields.pages import byte_range
from telemetry.game.step_assembler import PER_FRAME, AssembledStep, StepAssembler

WORDS = SIZES[0] // 4
MAX_RPM = byte_range("current_max_rpm").start // 4


def words_of(packet_id: int) -> list[int]:
    """Words that no other step has in the same place, and that the frame's fields share."""
    words = [packet_id, *(1_000_000 + packet_id * WORDS + index for index in range(1, WORDS))]
    for name in PER_FRAME:
        field = byte_range(name)
        for index in range(field.start // 4, field.stop // 4):
            words[index] = 7
    return words


def page(packet_id: int, **replaced: int) -> bytes:
    words = words_of(packet_id)
    for name, value in replaced.items():
        words[int(name.removeprefix("word"))] = value
    return struct.pack(f"<{WORDS}I", *words)


def torn(packet_id: int, order: Sequence[int], written: int) -> bytes:
    """The page while this step is written over the one before: so many words in this order are there already."""
    words = words_of(packet_id - 1)
    new = words_of(packet_id)
    for index in order[:written]:
        words[index] = new[index]
    return struct.pack(f"<{WORDS}I", *words)


ID_FIRST = list(range(WORDS))
ID_LAST = [*range(1, WORDS), 0]


SHOWS_ID_FIRST = [page(5), torn(6, ID_FIRST, 60), page(6), page(7)]
SHOWS_ID_LAST = [page(5), page(6), torn(7, ID_LAST, 60), page(7)]
"""Looks that tell how the writer works."""


def sort(pages: Iterable[bytes], assembler: StepAssembler[int] | None = None) -> list[AssembledStep[int]]:
    """What a sorter makes of these looks, drained; each comes with its place among them."""
    assembler = assembler or StepAssembler()
    steps = [assembler.add_copy(content, index) for index, content in enumerate(pages)]
    return [step for step in [*steps, assembler.flush()] if step is not None]


def step(packet_id: int, first: int, missing: int = 0, *, repaired: bool = False) -> AssembledStep[int]:
    return AssembledStep(page(packet_id), first, missing, repaired)


def test_each_step_comes_once_when_the_next_appears_with_its_first_look() -> None:
    assembler: StepAssembler[str] = StepAssembler()
    assert assembler.add_copy(page(5), "a") is None
    assert assembler.add_copy(page(5), "b") is None
    assert assembler.add_copy(page(6), "c") == AssembledStep(page(5), "a")
    assert assembler.flush() == AssembledStep(page(6), "c")
    assert assembler.flush() is None
    assert assembler.add_copy(page(6), "d") is None
    assert assembler.add_copy(page(7), "e") is None
    assert assembler.flush() == AssembledStep(page(7), "e")


def test_without_a_look_there_is_no_step() -> None:
    assert StepAssembler().flush() is None


def test_steps_that_no_look_found_are_missing_before_the_next_one() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    assert sort([page(5), page(6), page(9), page(10)], assembler) == [
        step(5, 0),
        step(6, 1),
        step(9, 2, 2),
        step(10, 3),
    ]
    assert (assembler.steps, assembler.missing, assembler.repaired, assembler.ambiguous) == (4, 2, 0, 0)


def test_after_a_drain_missing_steps_are_counted_all_the_same() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    assert sort([page(5)], assembler) == [step(5, 0)]
    assert sort([page(8)], assembler) == [step(8, 0, 2)]


def test_an_id_that_goes_back_is_another_session_and_its_first_may_be_0() -> None:
    pages = [page(9000), page(9001), page(300), page(301), page(0), page(1)]
    assert sort(pages) == [step(packet_id, index) for index, packet_id in enumerate((9000, 9001, 300, 301, 0, 1))]


def test_what_is_forgotten_is_no_neighbour() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    assert sort([page(5), page(6)], assembler)
    assembler.reset()
    assert sort([page(6), page(900)], assembler) == [step(6, 0), step(900, 1, 893)]
    assembler.reset()
    assert sort([page(2000)], assembler) == [step(2000, 0)]


def test_a_page_whose_id_was_written_first_is_known_by_the_words_of_the_step_before() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    steps = sort([page(5), torn(6, ID_FIRST, 60), page(6), page(7)], assembler)
    assert steps == [step(5, 0), step(6, 1, repaired=True), step(7, 3)]
    assert (assembler.repaired, assembler.ambiguous) == (1, 0)


def test_a_page_whose_id_is_written_last_is_known_by_the_words_of_the_step_after() -> None:
    steps = sort([page(5), page(6), torn(7, ID_LAST, 60), page(7)])
    assert steps == [step(5, 0), step(6, 1, repaired=True), step(7, 3)]


def test_one_word_is_enough_to_be_torn() -> None:
    for order in (ID_FIRST, ID_LAST):
        for written in (1, WORDS - 2):
            steps = sort([page(4), page(5), torn(6, order, written), page(6), page(7)])
            assert [found.physics for found in steps] == [page(4), page(5), page(6), page(7)]


def test_of_three_contents_the_whole_one_is_taken() -> None:
    first = [page(5), torn(6, ID_FIRST, 20), torn(6, ID_FIRST, 90), page(6), page(7)]
    assert sort(first) == [step(5, 0), step(6, 1, repaired=True), step(7, 4)]
    last = [page(5), page(6), torn(7, ID_LAST, 20), torn(7, ID_LAST, 90), page(7)]
    assert sort(last) == [step(5, 0), step(6, 1, repaired=True), step(7, 4)]


def test_of_a_page_whose_id_is_written_in_the_middle_the_whole_one_is_taken() -> None:
    middle = [*range(1, 70), 0, *range(70, WORDS)]
    pages = [page(5), torn(6, middle, 90), page(6), torn(7, middle, 40), page(7)]
    assert sort(pages) == [step(5, 0), step(6, 1, repaired=True), step(7, 4)]


def test_a_field_of_the_frame_that_changes_between_steps_is_no_tear_and_the_later_one_counts() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    later = page(6, **{f"word{MAX_RPM}": 8000})
    steps = sort([page(5), page(6), later, page(7)], assembler)
    assert steps == [step(5, 0), AssembledStep(later, 1), step(7, 3)]
    assert (assembler.repaired, assembler.ambiguous) == (0, 0)


def test_a_field_of_the_frame_does_not_hide_a_tear() -> None:
    later = page(6, **{f"word{MAX_RPM}": 8000})
    steps = sort([page(5), torn(6, ID_FIRST, 60), page(6), later, page(7)])
    assert steps == [step(5, 0), AssembledStep(later, 1, repaired=True), step(7, 4)]


def test_two_contents_that_neither_neighbour_explains_are_ambiguous() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    other = page(6, word20=1)
    steps = sort([page(5), page(6), other, page(7)], assembler)
    assert steps == [step(5, 0), AssembledStep(other, 1, ambiguous=True), step(7, 3)]
    assert (assembler.repaired, assembler.ambiguous) == (0, 1)


def test_where_both_neighbours_would_do_the_way_of_the_writer_decides() -> None:
    def unclear(packet_id: int) -> list[bytes]:
        """Two contents of a step, of which each would be whole if the other word were its neighbour's."""
        before, after = page(packet_id - 1, word20=1), page(packet_id + 1, word20=2)
        return [before, page(packet_id, word20=1), page(packet_id, word20=2), after]

    for habit, right in [(SHOWS_ID_FIRST, 2), (SHOWS_ID_LAST, 1)]:
        assembler: StepAssembler[int] = StepAssembler()
        found = sort([*habit, *unclear(21)], assembler)[4]
        assert found.physics == page(21, word20=right)
        assert (found.repaired, found.ambiguous, assembler.ambiguous) == (True, False, 0)
    found = sort(unclear(21))[1]
    assert (found.repaired, found.ambiguous) == (False, True)


def test_where_a_torn_neighbour_contradicts_the_way_of_the_writer_that_wins_but_is_in_doubt() -> None:
    looks = [page(20), torn(21, ID_LAST, 60), torn(22, ID_LAST, 90), page(22)]  # the writer was suspended twice
    found = sort([*SHOWS_ID_LAST, *looks])[3]
    assert found == AssembledStep(page(20), 4, 12, ambiguous=True)
    looks = [torn(20, ID_FIRST, 60), torn(21, ID_FIRST, 30), page(21), page(22)]
    found = sort([*SHOWS_ID_FIRST, *looks])[4]
    assert found == AssembledStep(page(21), 5, ambiguous=True)


def test_a_whole_page_that_was_gone_at_the_next_look_wins_by_the_way_of_the_writer_but_is_in_doubt() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    sort(SHOWS_ID_LAST, assembler)
    assert assembler.add_copy(page(20), 4, unconfirmed=True) is None
    assert assembler.add_copy(torn(21, ID_LAST, 60), 5) is None  # the writer was suspended
    found = assembler.add_copy(page(21), 6)
    assert found == AssembledStep(page(20), 4, 12, ambiguous=True)


def test_a_first_step_with_two_contents_is_ambiguous_where_nothing_before_it_is_known() -> None:
    steps = sort([page(6), torn(7, ID_LAST, 60), page(7)])
    assert [(found.repaired, found.ambiguous) for found in steps] == [(False, True), (False, False)]


def test_next_to_a_missing_step_the_other_neighbour_decides() -> None:
    assert sort([page(4), torn(6, ID_FIRST, 60), page(6), page(7)])[1] == step(6, 1, 1, repaired=True)
    assert sort([page(5), page(6), torn(7, ID_LAST, 60), page(8)])[1] == step(6, 1, repaired=True)


def test_a_step_that_turns_out_otherwise_after_it_was_drained_is_counted_as_ambiguous() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    assert sort([page(5), torn(6, ID_FIRST, 60)], assembler)[1].physics == torn(6, ID_FIRST, 60)
    assert sort([page(6), torn(7, ID_FIRST, 60), page(7), page(8)], assembler) == [
        step(7, 1, repaired=True),
        step(8, 3),
    ]
    assert (assembler.steps, assembler.repaired, assembler.ambiguous) == (4, 1, 1)


def test_a_tear_after_a_drain_does_no_harm_where_the_step_given_was_whole() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    assert sort([page(5), page(6)], assembler) == [step(5, 0), step(6, 1)]
    assert sort([torn(7, ID_LAST, 60), page(7)], assembler) == [step(7, 1)]
    assert (assembler.steps, assembler.repaired, assembler.ambiguous) == (3, 0, 0)


def test_a_step_that_was_gone_at_the_next_look_is_missing() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    assert assembler.add_copy(page(5), 0) is None
    assert assembler.add_copy(torn(7, ID_LAST, 60), 1, unconfirmed=True) == step(5, 0)  # 6, as far as it says
    assert assembler.flush() is None
    assert assembler.add_copy(page(7), 2) is None
    assert assembler.add_copy(page(8), 3) == step(7, 2, missing=1)
    assert (assembler.steps, assembler.missing, assembler.unconfirmed) == (2, 1, 1)


def test_a_step_that_stood_in_one_of_several_looks_is_there_and_whole() -> None:
    assembler: StepAssembler[int] = StepAssembler()
    assert assembler.add_copy(torn(6, ID_FIRST, 60), 0, unconfirmed=True) is None  # with nothing before it to tell
    assert assembler.add_copy(page(6), 1) is None
    assert assembler.add_copy(page(9), 2) == step(6, 0, repaired=True)
    assert assembler.add_copy(page(12), 3) == step(9, 2, missing=2)
    assert assembler.add_copy(torn(13, ID_LAST, 60), 4, unconfirmed=True) is None
    assert assembler.add_copy(page(13), 5) == step(12, 3, missing=2, repaired=True)
    assert (assembler.ambiguous, assembler.unconfirmed) == (0, 0)


@st.composite
def looks(draw: st.DrawFn) -> tuple[list[int], list[bytes]]:
    """Looks at steps while each was written over the one before, in any order with the id first or last.

    Every step is seen whole at least once, and the first, which has nothing before it, is seen in no other way.
    """
    order = list(range(1, WORDS))
    random.Random(draw(st.integers(0, 1000))).shuffle(order)
    order.insert(draw(st.sampled_from([0, len(order)])), 0)
    begin = draw(st.integers(0, 1000))
    packet_ids = list(range(begin, begin + draw(st.integers(2, 8))))
    pages = [page(packet_id) for packet_id in packet_ids[:2]]
    for packet_id in packet_ids[2:]:
        cuts = sorted(draw(st.lists(st.integers(0, WORDS), max_size=4)))
        pages += [torn(packet_id, order, cut) for cut in cuts]
        pages += [page(packet_id)] * draw(st.integers(1, 2))
    return packet_ids, pages


@given(looks())
def test_where_each_step_was_seen_whole_the_steps_are_the_truth(case: tuple[list[int], list[bytes]]) -> None:
    packet_ids, pages = case
    steps = sort(pages)
    assert [found.physics for found in steps] == [page(packet_id) for packet_id in packet_ids]
    assert sum(found.missing for found in steps) == 0


@given(looks(), st.data())
def test_where_only_whole_pages_stood_every_step_is_whole_and_the_rest_is_missing(
    case: tuple[list[int], list[bytes]], data: st.DataObject
) -> None:
    _, pages = case
    seen = [content for content in pages if data.draw(st.booleans())]
    assembler: StepAssembler[int] = StepAssembler()
    given_back, stood = [], set()
    for index, content in enumerate(seen):
        packet_id = struct.unpack_from("<I", content)[0]
        unconfirmed = content != page(packet_id) or data.draw(st.booleans())
        stood |= set() if unconfirmed else {packet_id}
        given_back.append(assembler.add_copy(content, index, unconfirmed=unconfirmed))
    steps = [found for found in [*given_back, assembler.flush()] if found is not None]
    ids = [struct.unpack_from("<I", found.physics)[0] for found in steps]
    assert set(ids) == stood
    assert [found.physics for found in steps if not found.ambiguous] == [
        page(packet_id) for packet_id, found in zip(ids, steps, strict=True) if not found.ambiguous
    ]
    assert sum(found.missing for found in steps) == (ids[-1] - ids[0] + 1 - len(ids) if ids else 0)


@given(looks(), st.data())
def test_whatever_is_seen_each_id_comes_once_and_all_are_accounted_for(
    case: tuple[list[int], list[bytes]], data: st.DataObject
) -> None:
    _, pages = case
    seen = [content for content in pages if data.draw(st.booleans())]
    steps = sort(seen)
    ids = [struct.unpack_from("<I", found.physics)[0] for found in steps]
    assert ids == sorted({struct.unpack_from("<I", content)[0] for content in seen})
    assert all(found.physics in seen for found in steps)
    if ids:
        assert len(ids) + sum(found.missing for found in steps) == ids[-1] - ids[0] + 1
