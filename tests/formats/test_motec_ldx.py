"""The file beside a MoTeC log: beacons and details."""

from pathlib import Path

import pytest

from telemetry.base.errors import SourceError
from telemetry.formats.motec.ldx import LogDetails, format_ldx, read_ldx


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lap.ldx"


NO_DOCTYPE = "it declares a document type, which such files do not have"


def markers(*times: str, group: str = "Beacons") -> str:
    inner = "".join(f'<Marker Version="100" ClassName="BCN" Time="{time}"/>' for time in times)
    return f'<LDXFile><Layers><Layer><MarkerGroup Name="{group}">{inner}</MarkerGroup></Layer></Layers></LDXFile>'


def test_times_in_every_notation_are_microseconds(path: Path) -> None:
    path.write_text(markers("156940000.000000", "1.69152000000000000e+08", "2.60564e+08"))
    assert read_ldx(path).beacons_s == (156.94, 169.152, 260.564)


def test_a_lap_of_no_length_and_a_repeated_beacon_are_none(path: Path) -> None:
    path.write_text(markers("0.000000", "2e6", "1e6", "2e6"))
    assert read_ldx(path).beacons_s == (1.0, 2.0)


def test_other_markers_are_no_laps(path: Path) -> None:
    path.write_text(markers("1e6", group="Notes"))
    assert read_ldx(path).beacons_s == ()


@pytest.mark.parametrize(
    "layer", ["", "<Layer><MarkerBlock><MarkerGroup Name='Beacons' Index='0'/></MarkerBlock></Layer>"]
)
def test_a_file_without_a_layer_or_with_an_empty_group_has_details_alone(path: Path, layer: str) -> None:
    details = '<String Id="Total Laps" Value="1"/><String Id="Sky"/><DateTime Id="Log Date" Value="7/5/2024"/>'
    details = f"<Details>{details}</Details>"
    path.write_text(f'<?xml version="1.0"?><LDXFile Version="1.6"><Layers>{layer}{details}</Layers></LDXFile>')
    assert read_ldx(path) == LogDetails((), {"Total Laps": "1", "Log Date": "7/5/2024"})


def test_windows_encoding_is_read(path: Path) -> None:
    path.write_bytes(
        '<?xml version="1.0" encoding="windows-1252"?><LDXFile><String Id="Driver" Value="Zoë"/></LDXFile>'.encode(
            "cp1252"
        )
    )
    assert read_ldx(path).details == {"Driver": "Zoë"}


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("<LDXFile>\n<Layers></LDXFile>", 2, "mismatched tag"),
        ("\n<sd></sd>", 2, "it begins with <sd>, and not with <LDXFile>"),
        (markers("x"), 1, "a beacon has the time 'x', which is no number of microseconds"),
        (markers("nan"), 1, "a beacon has the time 'nan', which is no number of microseconds"),
        (markers("-1"), 1, "a beacon has the time '-1', which is no number of microseconds"),
        ('<!DOCTYPE x [<!ENTITY a "aa">]>\n<LDXFile>&a;</LDXFile>', 1, NO_DOCTYPE),
        ('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><LDXFile/>', 1, NO_DOCTYPE),
        ('<?xml version="1.0" encoding="klingon"?><LDXFile/>', 1, "unknown encoding: klingon"),
        ("", 1, "no element found"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_sentence(path: Path, content: str, line: int, reason: str) -> None:
    path.write_text(content)
    with pytest.raises(SourceError) as caught:
        read_ldx(path)
    assert str(caught.value) == (
        f"{path}, line {line}: {reason}. Move this file away to read the log beside it without it."
    )


def test_what_is_written_is_read_back_and_names_the_fastest_lap(path: Path) -> None:
    path.write_bytes(format_ldx([60_000_000, 121_234_567], {1: 61_234_567, 0: 60_000_000}, {"Driver": 'Zoë "Z" <\n>'}))
    assert read_ldx(path) == LogDetails(
        (60.0, 121.234567),
        {"Driver": 'Zoë "Z" <>', "Total Laps": "3", "Fastest Time": "1:00.000", "Fastest Lap": "0"},
    )


def test_a_log_of_one_lap_has_no_layer(path: Path) -> None:
    content = format_ldx([], {}, {})
    path.write_bytes(content)
    assert b"<Layer>" not in content
    assert read_ldx(path) == LogDetails((), {"Total Laps": "1"})
