"""Texts made harmless for each medium."""

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.base.sanitize import (
    read_csv_text,
    sanitize_csv,
    sanitize_html,
    sanitize_json,
    sanitize_markdown,
    sanitize_metric_label,
    sanitize_script,
    sanitize_terminal,
    sanitize_yaml,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb\nc", "a�[2Jb�c"),
        ("\x1b]0;title\x07car", "�]0;title�car"),
        ("\x9b31m", "�31m"),
        ("abc\u202ecba", "abc�cba"),
        ("a\u2028b\ud800", "a�b�"),
        ("Zoë e\u0301 日本\u3000x\xa0y हिन्दी", "Zoë e\u0301 日本\u3000x\xa0y हिन्दी"),
    ],
)
def test_a_terminal_gets_no_commands(text: str, shown: str) -> None:
    assert sanitize_terminal(text) == shown


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("ks_mazda_miata", "ks_mazda_miata"),
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+49 (89) 1", "'+49 (89) 1"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("  =1", "'  =1"),
        ("'=1", "''=1"),
        ("'90s", "'90s"),
        ("\t=1", "�=1"),
        ("＝1", "'＝1"),  # noqa: RUF001 - a formula too
        ("two\r\nlines", "two��lines"),
        ("-3.2", "-3.2"),
        ("-:--:---", "-:--:---"),
        ("", ""),
    ],
)
def test_a_spreadsheet_gets_no_formulas(text: str, cell: str) -> None:
    assert sanitize_csv(text) == cell


@given(st.text() | st.from_regex(r"\A['\s]*[-+=@][\w.,:|-]*\Z"))
def test_a_cell_is_read_back_as_the_text_that_it_was(text: str) -> None:
    cell = sanitize_csv(text)
    assert read_csv_text(cell).replace("�", "") == "".join(
        c for c in text if c != "�" and unicodedata.category(c) not in ("Cc", "Zl", "Zp")
    )
    assert sanitize_csv(read_csv_text(cell)) == cell
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([cell, "next"])
    assert out.getvalue().splitlines() == [out.getvalue()]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ks_mazda_miata", "ks_mazda_miata"),
        ("<img src=x onerror=a&b>", "&lt;img src=x onerror=a&amp;b&gt;"),
        ("[a](http://x) | *b* `c`", r"\[a\](http\://x) \| \*b\* \`c\`"),
        ("__init__ _x_", r"\_\_init\_\_ \_x\_"),
        ("www.example.com", r"www\.example.com"),
        ("a\n\n# b", "a # b"),
        ("# b", r"\# b"),
        ("- b", r"\- b"),
        ("1. b", r"1\. b"),
        ("1.5 s", "1.5 s"),
        ("a\x1b[0m\\", r"a�\[0m\\"),
    ],
)
def test_a_document_in_markdown_shows_the_text_as_it_is(text: str, shown: str) -> None:
    assert sanitize_markdown(text) == shown


@pytest.mark.parametrize(
    ("text", "scalar"),
    [
        ("ks_mazda-miata.v2", "ks_mazda-miata.v2"),
        ("20251122_XX", "20251122_XX"),
        ("20251122_12", '"20251122_12"'),
        ("911", '"911"'),
        ("1e5", '"1e5"'),
        ("0x1F", '"0x1F"'),
        ("No", '"No"'),
        ("no_car", "no_car"),
        ("a: {b}", '"a: {b}"'),
        ('"\\\n', '"\\"\\\\�"'),
        ("", '""'),
    ],
)
def test_a_scalar_of_yaml_is_quoted_where_it_is_not_a_plain_name(text: str, scalar: str) -> None:
    assert sanitize_yaml(text) == scalar


def test_a_label_of_a_metric_ends_where_it_should() -> None:
    assert sanitize_metric_label('a"b\\c\nd') == 'a\\"b\\\\c�d'


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_for_a_terminal_holds_the_same_text_and_no_command(text: str) -> None:
    written = sanitize_json(json.dumps([text], ensure_ascii=False, indent=1))
    assert json.loads(written) == [text]
    assert not {unicodedata.category(c) for c in written.replace("\n", "")} & {"Cc", "Zl", "Zp"}
    assert not set(written) & set("\u202a\u202e\u2066\u2069\u200b\ufeff")


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("ks_mazda_miata & co", "ks_mazda_miata &amp; co"),
        ("<img src=x onerror=a('b')>", "&lt;img src=x onerror=a(&#x27;b&#x27;)&gt;"),
        ('" autofocus="', "&quot; autofocus=&quot;"),
        ("a\u202eb\x00", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_web_page_gets_no_markup(text: str, markup: str) -> None:
    assert sanitize_html(text) == markup


@given(st.text())
def test_json_in_a_script_means_the_same_and_ends_nothing(text: str) -> None:
    script = sanitize_script(json.dumps({"name": f"</script><!--{text}"}, ensure_ascii=False))
    assert json.loads(script) == {"name": f"</script><!--{text}"}
    assert not set("<>&\u2028\u2029") & set(script)
