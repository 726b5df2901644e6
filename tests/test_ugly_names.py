"""One car, track and driver whose names harm whatever takes them for more than text, in everything that shows them."""

import csv
import io
import itertools
import json
import math
import re
import unicodedata
from pathlib import Path
from typing import Any, Final

import pytest

import telemetry
from ac_native_memory import SPageFileStatic, units_of
from telemetry.base.sanitize import read_csv_text
from telemetry.demo.source import DemoSource
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.mcap.sink import create
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats
from telemetry.rl.datasets.build import BuildRequest, build_dataset
from telemetry.stream.protocol import StreamDescription, hello_message, parse_query
from telemetry.terminal.panels import History, ViewState, render
from telemetry.terminal.plain_lines import PlainLines
from tests.conftest import main_in_process, sample_of
from tests.recorded import recorded_lap, write
from tests.terminal.pictures import text_of

CAR: Final = "=1+1\n<img src=x>\x1b]0;t\x07|car"
TRACK: Final = "@\u202ekcart\x9b2J,[x](y)"
DRIVER: Final = "-a\r\n| `<b>`\u2028&_z_"
TYRE: Final = "+soft\x07\n(<i>)"
NAMES: Final[dict[str, Any]] = {"car_model": CAR, "track": TRACK, "player_name": DRIVER, "player_nick": DRIVER}
STATIC: Final = {
    SPageFileStatic.carModel: CAR,
    SPageFileStatic.track: TRACK,
    SPageFileStatic.playerName: DRIVER,
    SPageFileStatic.playerNick: DRIVER,
}
DIRECTIONS: Final = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_terminal(text: str) -> None:
    """Nothing in it but the line feeds of our own lines is a command."""
    commands = {c for c in text.replace("\n", "") if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs")}
    assert not (commands | DIRECTIONS & set(text)), text


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lap of the ugly car in JSON lines."""
    lap = [one.replace(**NAMES, tyre_compound=TYRE) for one in recorded_lap()[::3]]
    return write(tmp_path_factory.mktemp("ugly") / "ugly.jsonl", lap)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its pages, three seconds of them."""
    path = tmp_path_factory.mktemp("ugly") / "ugly.mcap"
    with create(path) as sink:
        for step in itertools.islice(DemoSource("laps").steps(telemetry.Clock(math.inf)), 1000):
            if step.pages is None:
                continue
            static = bytearray(step.pages.static)
            for field, text in STATIC.items():
                static[field.offset : field.offset + field.size] = units_of(text, field.size // 2)
            sink.write(step._replace(pages=step.pages._replace(static=bytes(static))))
    return path


def test_the_view_shows_it() -> None:
    sample = sample_of(**NAMES, tyre_compound=TYRE)
    stats = RecordingStats(state=State.LIVE, message=f"{CAR} is not {DRIVER}")
    for width, height in ((40, 20), (80, 24), (160, 50)):
        shown = text_of(render(ViewState(sample, stats, History(), CAR), width, height))
        check_terminal(shown)
        assert "�]0;t�" in shown or width == 40
    stats.state = State.WAITING
    check_terminal(text_of(render(ViewState(None, stats, History()), 80, 24)))
    lines = io.StringIO()
    PlainLines(lines).draw(None, stats)
    assert lines.getvalue().isascii()
    check_terminal(lines.getvalue())


@pytest.mark.parametrize("command", ["info", "laps", "validate"])
def test_tables_show_it(recording: Path, command: str) -> None:
    shown = main_in_process(command, recording)
    check_terminal(shown.stdout + shown.stderr)
    as_json = main_in_process(command, recording, "--json").stdout
    check_terminal(as_json)
    if command == "laps":
        (lap, *_) = json.loads(as_json)
        assert (lap["car"], lap["track"], lap["tyre_compound"]) == (CAR, TRACK, TYRE)


@pytest.mark.parametrize("options", [[], ["--decimal-comma"]])
def test_a_row_of_csv_stays_one_and_calculates_nothing(recording: Path, tmp_path: Path, options: list[str]) -> None:
    target = tmp_path / "ugly.csv"
    assert main_in_process("convert", recording, target, *options).returncode == 0
    text = target.read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text), delimiter=";" if options else ","))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(text.splitlines()) == len(rows)
    row = dict(zip(rows[0], rows[-1], strict=True))
    assert row["car_model"] == "'=1+1�<img src=x>�]0;t�|car"
    assert read_csv_text(row["tyre_compound"]) == "+soft��(<i>)"
    cells = [cell for cell in rows[-1] if re.match(r"[=+\-@]", cell)]
    numbers = [float(cell.replace(",", ".")) for cell in cells if not cell.startswith("-:")]
    assert len(numbers) > 10
    assert min(numbers) < 0.0


def test_files_for_programs_hold_it_as_it_is(recording: Path, pages: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert main_in_process("convert", recording, tmp_path / "ugly.parquet").returncode == 0
    assert parquet.read_table(tmp_path / "ugly.parquet").column("car_model")[0].as_py() == CAR
    with telemetry.open_source(recording) as source:
        reading = next(reading for reading in source.readings(telemetry.Clock(math.inf), None) if reading.snapshot)
    assert reading.snapshot is not None
    assert reading.snapshot.player_name == DRIVER
    with McapRecording(pages) as recorded:
        snapshots = (one.snapshot for one in recorded.readings(telemetry.Clock(math.inf), None))
        assert next(one.track for one in snapshots if one) == TRACK


def test_a_dataset_card_shows_it(recording: Path, tmp_path: Path) -> None:
    copy = tmp_path / "<img src=x> `[a](b)`_.jsonl"
    try:
        copy.write_bytes(recording.read_bytes())
    except OSError:
        copy = recording  # Windows has no such names
    request = BuildRequest(format="npz", recordings=(copy,), output=tmp_path / "out")
    assert build_dataset(request, telemetry.Clock(math.inf)) is not None
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    check_terminal(card)
    assert not set("<>") & set(card)
    assert "- Game: Assetto Corsa; \\=1+1 &lt;img src=x&gt;�\\]0;t�\\|car at @�kcart�2J,\\[x\\](y)\n" in card
    assert "- Drivers: \\-a \\| \\`&lt;b&gt;\\` &amp;\\_z\\_; sessions: practice\n" in card
    table = [line for line in card.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {7}


def test_a_plan_tells_of_it(pages: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('[[run]]\nname = "a"\nlaps = 1\ncar = "another"\n')
    command = ("plan", "run", tmp_path / "plan.toml", tmp_path / "out", "--source", pages, "--speed", "max")
    ended = main_in_process(*command, "--no-wait")
    assert ended.returncode == 4
    assert "�]0;t�" in ended.stderr
    check_terminal(ended.stdout + ended.stderr)


def test_a_plans_report_shows_it(pages: Path, tmp_path: Path) -> None:
    name = "<img src=x> \\u0007| `[a](b)`"
    (tmp_path / "plan.toml").write_text(f'[[run]]\nname = "{name}"\ndriver = "<b>"\nlaps = 1\n', encoding="utf-8")
    command = ("plan", "run", tmp_path / "plan.toml", tmp_path / "out", "--source", pages, "--speed", "max")
    check_terminal(main_in_process(*command).stderr)
    report = (tmp_path / "out" / "quality.md").read_text(encoding="utf-8")
    check_terminal(report)
    assert not set("<>") & set(report)
    assert "## &lt;img src=x&gt; �\\| \\`\\[a\\](b)\\`\n" in report


def test_recordings_are_named_after_it(pages: Path, tmp_path: Path) -> None:
    template = str(tmp_path / "{driver}" / "{track}_{car}.mcap")
    recorded = main_in_process("record", template, "--source", pages, "--speed", "max")
    assert recorded.returncode == 0
    check_terminal(recorded.stdout + recorded.stderr)
    (path,) = tmp_path.rglob("*.mcap")
    assert path.relative_to(tmp_path) == Path("-a- `-b-`-&_z_", "@-kcart-2J,[x](y)_=1+1-img src=x-]0;t-car.mcap")


def test_the_stream_sends_it_as_it_is() -> None:
    stream = StreamDescription("id", "rig", 20.0)
    hello = hello_message(parse_query("").subscription, stream, sample_of(**NAMES))
    assert (hello["static"]["car_model"], hello["static"]["player_name"]) == (CAR, DRIVER)
