"""What is said of a folder that lacks page files."""

from pathlib import Path

import pytest

import ac_native_memory as ac
from telemetry.game.page_files import describe_waiting, missing_page_files
from tests.conftest import pages_of

ALL = "files acpmf_physics, acpmf_graphics and acpmf_static"


HINT = "; to read a recording, name its file."


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], f"{ALL} in {{}}, which is empty."),
        (["a.mcap"], f"{ALL} in {{}}, which holds a.mcap{HINT}"),
        (["d", "c", "b.mcap", "a.mcap"], f"{ALL} in {{}}, which holds a.mcap, b.mcap, c, ...{HINT}"),
        (["acpmf_static", "acpmf_physics"], "file acpmf_graphics in {}, which holds acpmf_physics, acpmf_static."),
        (["acpmf_static.bin"], f"{ALL} in {{}}, which holds acpmf_static.bin."),
        (["acpmf_static"], "files acpmf_physics and acpmf_graphics in {}, which holds acpmf_static."),
    ],
)
def test_missing_files_are_named_with_the_folder_and_what_it_holds(
    tmp_path: Path, names: list[str], sentence: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert describe_waiting(tmp_path) == f"Waiting for the game's page {sentence.format(tmp_path)}"
    assert len(missing_page_files(tmp_path)) == 3 - len(set(names) & set(ac.PAGES))


def test_pages_without_a_game_and_a_folder_that_is_gone_are_told_apart(tmp_path: Path) -> None:
    with ac.PageWriter(tmp_path, prefix="test_") as writer:
        writer.write(*pages_of()[:3])
        assert missing_page_files(tmp_path, "test_") == []
        assert describe_waiting(tmp_path, "test_") == (
            f"Waiting for a session of the game: the page files in {tmp_path} hold none."
        )
    gone = tmp_path / "gone"
    assert describe_waiting(gone).startswith(
        f"Waiting for the game's page {ALL} in {gone}, which cannot be looked into: "
    )
