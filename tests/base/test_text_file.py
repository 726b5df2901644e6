"""Text files of people: byte order marks, and encodings that are not UTF-8."""

from pathlib import Path

import pytest

from telemetry.base.text_file import TextFormatError, decode_text, read_text


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_text_in_utf_8_is_read_without_its_mark(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(f"{mark}Zoë\r\n\ufeff".encode())
    assert read_text(path) == "Zoë\r\n\ufeff"


@pytest.mark.parametrize("text", ["", "a", "\0", "\0\0", "日本"])
def test_short_text_is_text(text: str) -> None:
    assert decode_text(text.encode()) == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_unicode_is_named_with_what_to_do(encoding: str) -> None:
    name = "UTF-32" if encoding == "utf-32" else "UTF-16"
    with pytest.raises(TextFormatError) as refusal:
        decode_text("name = 1\n".encode(encoding))
    assert str(refusal.value) == (
        f"it is text in {name}, as > in Windows PowerShell writes it, and has to be UTF-8. Convert it, in PowerShell "
        f"with: Get-Content OLD | Set-Content -Encoding utf8 NEW, elsewhere with: iconv -f {name} -t UTF-8 OLD > NEW"
    )


def test_other_bytes_are_named_with_their_place() -> None:
    with pytest.raises(TextFormatError, match=r"^it is not text in UTF-8$") as refusal:
        decode_text("driver = Zoë".encode("latin-1"))
    assert refusal.value.offset == 11
