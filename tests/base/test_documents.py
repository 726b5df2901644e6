"""The one loader of TOML and JSON: limits and places."""

from pathlib import Path

import pytest

from telemetry.base.documents import MAX_DEPTH, DocumentError, parse_json, parse_toml, read_document, read_json


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1\ny = " + "[" * 2000, "f.toml, line 2: brackets are nested too deeply."),
        ("x = " + "{a=" * 2000, "f.toml, line 1: brackets are nested too deeply."),
        ("a." * 300_000 + "b = 1", "f.toml, line 1: a key has too many parts."),
        ("[" + "a . " * 300 + "b]", "f.toml, line 1: a key has too many parts."),
        ("x = 1\n\ny = " + "9" * 5000, "f.toml, line 3: a number or a name is too long."),
        ("x = 0x" + "f" * 5000, "f.toml, line 1: a number or a name is too long."),
        ("x = 1\nx = 2", "f.toml, line 2: invalid TOML: duplicate key."),
        ("x = ", "f.toml, line 1: invalid TOML: Invalid value."),
        ("x = 1\ny = = 2", "f.toml, line 2: invalid TOML: Invalid value (column 5)."),
    ],
)
def test_what_toml_is_not_is_told_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        parse_toml(text)
    assert refusal.value.sentence(Path("f.toml")) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[" * 200_000, "f.json, line 1: brackets are nested too deeply."),
        ('{"a":\n' * 200, f"f.json, line {MAX_DEPTH + 1}: brackets are nested too deeply."),
        ('{"x": ' + "9" * 5000 + "}", "f.json, line 1: a number or a name is too long."),
        ('{"x":\n 1,}', "f.json, line 2: invalid JSON: Expecting property name enclosed in double quotes (column 4)."),
    ],
)
def test_what_json_is_not_is_told_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        parse_json(text)
    assert refusal.value.sentence(Path("f.json")) == sentence


def test_what_strings_and_comments_hold_does_not_count() -> None:
    marks = "[" * 2000 + "." * 2000 + "9" * 2000
    assert parse_json(f'{{"a": "{marks}\\"{marks}"}}') == {"a": f'{marks}"{marks}'}
    text = f'a = "{marks}" # {marks}\nb = \'{marks}\'\nc = \'\'\'{marks}\'\n\'\'\'\nd = """{marks}"\n\\""""\ne = 1'
    assert parse_toml(text) == {"a": marks, "b": marks, "c": f"{marks}'\n", "d": f'{marks}"\n"', "e": 1}


def test_many_values_beside_each_other_are_no_depth() -> None:
    assert parse_toml("x = [" + "[1.5, {a.b = 2}]," * 3000 + "]")["x"][2999] == [1.5, {"a": {"b": 2}}]
    assert len(parse_json("[" + "[1.5]," * 3000 + "[]]")) == 3001


def test_an_open_string_is_looked_at_once() -> None:
    for opening in ('"""', "'''", '"', "'", '"""\\"""', '"\\'):
        with pytest.raises(DocumentError):
            parse_toml("x = " + opening * 20_000)


def test_a_file_has_a_size_and_an_encoding(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(path, max_bytes=6) == [1]
    with pytest.raises(OSError, match="it has more than 5 bytes"):
        read_json(path, max_bytes=5)
    path.write_bytes(b"[\n\xff]")
    with pytest.raises(DocumentError) as refusal:
        read_document(path)
    assert refusal.value.sentence(path) == f"{path}, line 2: it is not text in UTF-8."
