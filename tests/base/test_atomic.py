from pathlib import Path

import pytest

from telemetry.base.storage.atomic import atomic_write_text, publish, rename


def test_a_text_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text("old")
    atomic_write_text(path, "größer")
    assert path.read_bytes() == "größer\n".encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("sync_name", [False, True])
def test_a_published_file_takes_the_place_of_another(tmp_path: Path, *, sync_name: bool) -> None:
    unfinished, path = tmp_path / "unfinished", tmp_path / "file"
    unfinished.write_text("new")
    path.write_text("old")
    publish(unfinished, path, sync_name=sync_name)
    assert path.read_text() == "new"
    assert not unfinished.exists()


def test_a_folder_is_published_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "unfinished" / "inner").mkdir(parents=True)
    (tmp_path / "unfinished" / "inner" / "file").write_text("text")
    publish(tmp_path / "unfinished", tmp_path / "dataset")
    assert (tmp_path / "dataset" / "inner" / "file").read_text() == "text"


def test_a_folder_does_not_replace_one_with_files_in_it(tmp_path: Path) -> None:
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    with pytest.raises(OSError, match="old"):
        rename(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "file").read_text() == "old"
