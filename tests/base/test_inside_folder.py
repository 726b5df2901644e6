import sys
from pathlib import Path

import pytest

from telemetry.base.storage.inside_folder import OutsideFolderError, path_inside


@pytest.mark.parametrize("name", ["a.mcap", "x/y/a-2.mcap", "a b.jsonl.zst", "...a", "Nürburgring.mcap", "a..b"])
def test_names_below_a_folder_are_its_paths(tmp_path: Path, name: str) -> None:
    assert path_inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/passwd", "it is absolute"),
        ("\\\\server\\share\\a", "it is absolute"),
        ("C:\\a.mcap", "it is absolute"),
        ("C:a.mcap", "it is absolute"),
        ("../a.mcap", "it goes up with .."),
        ("x/../../a.mcap", "it goes up with .."),
        ("x\\..\\..\\a.mcap", "it goes up with .."),
        ("..", "it goes up with .."),
        ("a.mcap:hidden", "it is no name that every system takes for a file"),
        ("x\\a.mcap", "it is no name that every system takes for a file"),
        ("con", "it is no name that every system takes for a file"),
        ("x/NUL.mcap", "it is no name that every system takes for a file"),
        ("COM¹ .mcap", "it is no name that every system takes for a file"),
        ("a.mcap.", "it is no name that every system takes for a file"),
        ("a\0.mcap", "it is no name that every system takes for a file"),
        ("", "it is no name that every system takes for a file"),
        (".", "it is no name that every system takes for a file"),
        ("x//a.mcap", "it is no name that every system takes for a file"),
    ],
)
def test_other_names_are_refused_on_every_system(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(OutsideFolderError) as refusal:
        path_inside(tmp_path, name)
    assert str(refusal.value) == reason


@pytest.mark.skipif(sys.platform == "win32", reason="Windows makes symbolic links for administrators only")
def test_links_that_lead_out_are_refused_and_others_followed(tmp_path: Path) -> None:
    folder = tmp_path / "drives"
    (folder / "in").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (folder / "same").symlink_to(folder / "in")
    (folder / "away").symlink_to(tmp_path / "out")
    (folder / "gone.mcap").symlink_to(tmp_path / "gone.mcap")
    (folder / "circle").symlink_to(folder / "circle")
    (tmp_path / "link").symlink_to(folder)
    assert path_inside(folder, "same/a.mcap") == folder / "same" / "a.mcap"
    assert path_inside(tmp_path / "link", "in/a.mcap") == tmp_path / "link" / "in" / "a.mcap"
    for name in ("away/a.mcap", "gone.mcap"):
        with pytest.raises(OutsideFolderError, match=r"^it follows a symbolic link out of the folder$"):
            path_inside(folder, name)
